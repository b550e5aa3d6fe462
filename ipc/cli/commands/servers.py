"""``walletsync servers``: the servers that this wallet is enrolled with."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from ipc.cli.session import Session, cli_command
from ipc.cli.statusview import server_attention, servers_view, warnings
from ipc.cli.telling import Telling, times_option
from ipc.state import ServerStatus


@cli_command("walletsync servers")
@times_option
def command(session: Session, times: str) -> None:
    """Show your servers, and how it stands with each."""
    with session.daemon() as daemon:
        servers = daemon.status().servers
    session.answer({"api": 1, "servers": servers}, lambda: _view(servers, session.telling(times)))


def _view(servers: Sequence[ServerStatus], telling: Telling) -> Iterator[RenderableType]:
    yield servers_view(servers, telling)
    yield from warnings(sentence for server in servers for sentence in server_attention(server, telling))
