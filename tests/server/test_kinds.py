"""Servers of all kinds, opened by their URLs."""

import os
from contextlib import suppress

import trio
import trio.testing

from config.model import NetworkSettings
from daemon.server.base import Account, Description
from daemon.server.folder import FolderServer
from daemon.server.kinds import ServerKinds
from daemon.server.urls import FolderUrl
from daemon.surroundings import THREADS_OF_A_SERVER, real_surroundings

ACCOUNT = Account(b"", bytes(32))


async def test_servers_that_hang_hold_up_no_other(tmp_path):
    kinds = ServerKinds(real_surroundings(), NetworkSettings())
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # whoever opens it to read waits until somebody opens it to write

    async def hang(server: FolderServer) -> None:
        with suppress(OSError):  # a pipe is no spool file
            await server.store(ACCOUNT, pipe, None)

    async def opened(name: str) -> FolderServer:
        folder = tmp_path / name
        folder.mkdir()
        async with kinds.opened(FolderUrl(str(folder)), None, {}) as server:
            return server

    async with trio.open_nursery() as nursery:
        for number in range(3):
            hanging = await opened(str(number))
            for _ in range(THREADS_OF_A_SERVER):
                nursery.start_soon(hang, hanging)
        await trio.testing.wait_all_tasks_blocked()
        good = await opened("good")
        with trio.move_on_after(20) as patience:
            assert isinstance(await good.describe(), Description)
        while nursery.child_tasks:
            os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))
            await trio.sleep(0.01)
        assert not patience.cancelled_caught
