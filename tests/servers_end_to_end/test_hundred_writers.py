"""A hundred wallets that have something to say at the same moment get through, with a bounded number of attempts."""

import os
from contextlib import asynccontextmanager

import pytest
import trio
from structlog.testing import capture_logs
from support.servers_crowd import crowd
from support.servers_daemon import until
from support.taler_double import InMemoryTransport, TalerDouble

from daemon.server.folder import FolderServer
from daemon.server.taler.client import open_taler_server
from daemon.server.urls import TalerUrl
from daemon.worker import inline

WRITERS = 100


@asynccontextmanager
async def folder(scratch):
    path = scratch / "shared folder"
    path.mkdir()
    server = FolderServer(path, inline, os.urandom)
    yield server, (await server.describe()).identity


@asynccontextmanager
async def taler(_):
    url = TalerUrl("https://sync.example.org/", "sync.example.org")
    async with open_taler_server(url, inline, {}, transport=InMemoryTransport(TalerDouble())) as server:
        yield server, url.url


@pytest.mark.parametrize(("kind", "seconds"), [(folder, 0.1), (taler, 3.0)], ids=["near folder", "far Taler server"])
async def test_every_operation_arrives(kind, seconds, quick_path, autojump_clock, capsys):
    with capture_logs():
        async with (
            kind(quick_path) as (server, identity),
            crowd(quick_path, server, WRITERS, identity, seconds) as wallets,
        ):
            await until(wallets.succeeded, "all got through", 86400, every=1)
            took, attempts = trio.current_time(), wallets.stored + wallets.conflicts
            stored = wallets.stored
            wallets.request()
            await trio.sleep(60 + 10 * seconds)
            everyone = {f"OF {device.name}": "1" for device in wallets.devices}
            assert all(device.coins() == everyone for device in wallets.devices)
            uploads = wallets.stored - stored
    with capsys.disabled():
        print(  # noqa: T201 - figures to watch
            f"\n{WRITERS} writers, {kind.__name__}, {seconds} s a call: {attempts} attempts to upload"
            f" ({attempts / WRITERS:.1f} a writer), all through after {took:.0f} s; {uploads} uploads afterwards",
            end="",
        )
    assert stored >= WRITERS
    assert attempts <= 8 * WRITERS
    assert uploads == 0
