"""A bucket of moto's object store, as the contract suite wants it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from support.s3_double import CREDENTIALS, object_store
from support.server_kinds import Connect, server_kind

from daemon.server.base import Server
from daemon.server.s3 import S3Server
from daemon.server.urls import BucketUrl, parse_server_url
from daemon.worker import threads


@server_kind("s3")
@asynccontextmanager
async def bucket(scratch: Path) -> AsyncIterator[Connect]:
    with object_store() as store:
        made = await trio.to_thread.run_sync(store.new_bucket)
        url = parse_server_url(f"{made}wallets/?endpoint={store.endpoint}")
        assert isinstance(url, BucketUrl)

        @asynccontextmanager
        async def connect() -> AsyncIterator[Server]:
            yield S3Server(url, threads(4), CREDENTIALS)

        yield connect
