"""``walletsync servers``: the servers that this wallet is enrolled with."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import RenderableType

from ipc.cli.session import Session, cli_command
from ipc.cli.statusview import server_attention, servers_view, warnings
from ipc.messages import ServerStatus


@cli_command("walletsync servers")
def command(session: Session) -> None:
    """Show your servers, and how it stands with each."""
    with session.daemon() as daemon:
        servers = daemon.status().servers
    session.answer({"api": 1, "servers": servers}, lambda: _view(servers, session.now()))


def _view(servers: Sequence[ServerStatus], now: datetime) -> Iterator[RenderableType]:
    yield servers_view(servers, now)
    yield from warnings(sentence for server in servers for sentence in server_attention(server, now))
