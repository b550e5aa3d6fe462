"""``walletsync status``: how it stands with the wallet, its servers and its circle."""

from ipc.cli.session import Session, cli_command
from ipc.cli.statusview import status_view
from ipc.cli.telling import times_option


@cli_command("walletsync status", "walletsync status --times exact")
@times_option
def command(session: Session, times: str) -> None:
    """Show how it stands with wallet, servers and circle.

    What needs your attention comes last. Ends with 0 whenever it could print.
    """
    with session.daemon() as daemon:
        status = daemon.status()
    session.answer(status, lambda: status_view(status, session.telling(times)))
