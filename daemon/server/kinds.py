"""Which kind of server a URL stands for, opened."""

import os
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from config.model import LimitSettings, NetworkSettings
from daemon.server.base import Server
from daemon.server.folder import FolderServer
from daemon.server.s3 import S3Server, credentials_of
from daemon.server.taler.client import open_taler_server
from daemon.server.taler.web import Patience, Way
from daemon.server.urls import BucketUrl, FolderUrl, ServerUrl, TalerUrl
from daemon.surroundings import Surroundings


@dataclass(frozen=True)
class ServerKinds:
    """Opens servers of all kinds. ``largest_blob`` bounds what is read, in bytes.

    Credentials of object stores come from the environment.
    """

    surroundings: Surroundings
    network: NetworkSettings
    largest_blob: int = LimitSettings().max_sealed
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @asynccontextmanager
    async def opened(
        self, address: ServerUrl, identity: str | None, memory: MutableMapping[str, str]
    ) -> AsyncIterator[Server]:
        """Open a server. ``identity`` is the one that it is known to have, ``memory`` what was learnt of it before."""
        worker, proxy = self.surroundings.worker_of_its_own(), self.network.proxy or None
        match address:
            case FolderUrl():
                yield FolderServer(
                    Path(address.path), worker, self.surroundings.ids, identity=identity, largest_blob=self.largest_blob
                )
            case TalerUrl():
                way, patience = Way(proxy=proxy), Patience(longest=self.network.timeout)
                async with open_taler_server(
                    address, worker, memory, way=way, patience=patience, largest_blob=self.largest_blob
                ) as server:
                    yield server
            case BucketUrl():
                credentials = credentials_of(self.environment)
                timeout = self.network.timeout
                yield S3Server(
                    address, worker, credentials, proxy=proxy, timeout=timeout, largest_blob=self.largest_blob
                )
            case _:
                assert_never(address)
