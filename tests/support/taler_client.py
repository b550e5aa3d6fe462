"""A client of the Taler double without sockets, one account, and files to send and receive."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path

from nacl.signing import SigningKey
from support.taler_double import InMemoryTransport, TalerDouble

from daemon.server.base import Account, FetchOutcome, StoreOutcome
from daemon.server.taler.client import TalerServer, open_taler_server
from daemon.server.urls import TalerUrl
from daemon.worker import inline

URL = TalerUrl("https://sync.example.org/", "sync.example.org")
ACCOUNT = Account(bytes(range(32)), bytes(SigningKey(bytes(range(32))).verify_key))


class Files:
    """Stores texts and fetches them, by way of files in one folder."""

    def __init__(self, server: TalerServer, folder: Path) -> None:
        self.server = server
        self.spool = folder / "spool"
        self._sealed = folder / "sealed"

    async def store(self, body: bytes, expected: str | None, *, fresh: bool = False) -> StoreOutcome:
        self._sealed.write_bytes(body)
        return await self.server.store(ACCOUNT, self._sealed, expected, fresh=fresh)

    async def fetch(self, known: str | None = None) -> FetchOutcome:
        return await self.server.fetch(ACCOUNT, known, self.spool)


@asynccontextmanager
async def without_sockets(
    double: TalerDouble, folder: Path, memory: MutableMapping[str, str] | None = None, latency: float = 0.0
) -> AsyncIterator[Files]:
    """Open a client of the double in a jumping clock's world."""
    transport = InMemoryTransport(double, latency)
    remembered = {} if memory is None else memory
    async with open_taler_server(URL, inline, remembered, transport=transport, largest_blob=1 << 20) as server:
        yield Files(server, folder)
