"""A folder on this machine, as the contract suite wants it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.server_kinds import Connect, server_kind

from daemon.server.base import Server
from daemon.server.folder import FolderServer
from daemon.worker import threads


@server_kind("folder")
@asynccontextmanager
async def folder(scratch: Path) -> AsyncIterator[Connect]:
    path = scratch / "shared folder"
    path.mkdir()

    @asynccontextmanager
    async def connect() -> AsyncIterator[Server]:
        yield FolderServer(path, threads(), os.urandom)

    yield connect
