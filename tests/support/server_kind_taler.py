"""GNU Taler sync servers of both dialects on loopback ports, as the contract suite wants them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.server_kinds import Connect, server_kind
from support.taler_double import TalerDouble, serve

from daemon.server.base import Server
from daemon.server.taler.client import open_taler_server
from daemon.server.urls import TalerUrl, parse_server_url
from daemon.worker import threads


@server_kind("taler")
@asynccontextmanager
async def taler(scratch: Path) -> AsyncIterator[Connect]:
    async with _served(TalerDouble(quoted=True)) as connect:
        yield connect


@server_kind("taler before 2023-09")
@asynccontextmanager
async def taler_unquoted(scratch: Path) -> AsyncIterator[Connect]:
    async with _served(TalerDouble(quoted=False)) as connect:
        yield connect


@asynccontextmanager
async def _served(double: TalerDouble) -> AsyncIterator[Connect]:
    async with serve(double) as base:
        url = parse_server_url(base)
        assert isinstance(url, TalerUrl)

        @asynccontextmanager
        async def connect() -> AsyncIterator[Server]:
            async with open_taler_server(url, threads(4), {}) as server:
                yield server

        yield connect
