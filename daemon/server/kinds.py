"""Which kind of server a URL stands for, opened."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from config.model import NetworkSettings
from daemon.server.base import Server
from daemon.server.folder import FolderServer
from daemon.server.taler.client import open_taler_server
from daemon.server.taler.web import Way
from daemon.server.urls import BucketUrl, FolderUrl, ServerUrl, TalerUrl
from daemon.surroundings import Surroundings


@dataclass(frozen=True)
class ServerKinds:
    """Opens servers of all kinds."""

    surroundings: Surroundings
    network: NetworkSettings

    @asynccontextmanager
    async def opened(
        self, address: ServerUrl, identity: str | None, memory: MutableMapping[str, str]
    ) -> AsyncIterator[Server]:
        """Open a server. ``identity`` is the one that it is known to have, ``memory`` what was learnt of it before."""
        worker = self.surroundings.worker
        match address:
            case FolderUrl():
                yield FolderServer(Path(address.path), worker, self.surroundings.ids, identity=identity)
            case TalerUrl():
                way = Way(proxy=self.network.proxy or None)
                async with open_taler_server(address, worker, memory, way=way) as server:
                    yield server
            case _:
                assert_never(address)
