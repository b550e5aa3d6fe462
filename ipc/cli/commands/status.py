"""``walletsync status``: how it stands with the wallet, its servers and its circle."""

from typing import TYPE_CHECKING

from ipc.cli.session import Session, cli_command
from ipc.cli.telling import Telling, times_option
from ipc.state import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType


@cli_command("walletsync status", "walletsync status --times exact")
@times_option
def command(session: Session, times: str) -> None:
    """Show how it stands with wallet, servers and circle.

    What needs your attention comes last. Ends with 0 whenever it could print.
    """
    with session.daemon() as daemon:
        status = daemon.status()
    session.answer(status, lambda: _view(status, session.telling(times)))


def _view(status: Status, telling: Telling) -> "Iterator[RenderableType]":
    from ipc.cli.statusview import status_view  # a frontend asks for the document, often, and need not wait for rich

    return status_view(status, telling)
