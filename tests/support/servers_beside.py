"""Servers for whole daemons to sync with, in threads of this process, and the faults that they can have."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio
from support.s3_double import ObjectStore
from support.taler_double import TalerDouble, answer_connection

from daemon.server.urls import parse_server_url


class TalerBeside:
    """A double of the Taler sync server on a port of its own, in a trio run of its own, that can go down and up."""

    def __init__(self, double: TalerDouble) -> None:
        self.double = double
        self.port = 0
        self._up = threading.Event()
        self._down = threading.Event()
        self._ended = trio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def uploads(self) -> int:
        """Count the blobs that it has taken so far."""
        return sum(len(account.history) for account in self.double.account_by_key.values())

    def go_down(self) -> None:
        """Refuse connections, and break those that there are."""
        self._down.clear()
        self._token.run_sync_soon(self._scope.cancel)
        assert self._down.wait(10)

    def come_up(self) -> None:
        """Serve again, on the same port."""
        self._up.clear()
        self._token.run_sync_soon(self._nursery.start_soon, self._serve)
        assert self._up.wait(10)

    async def run(self) -> None:
        """Serve until ``end``."""
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._serve)
            await self._ended.wait()
            self._nursery.cancel_scope.cancel()

    async def _serve(self) -> None:
        async def connection(stream: trio.SocketStream) -> None:
            await answer_connection(self.double, stream)

        listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        with trio.CancelScope() as self._scope:
            self._up.set()
            await trio.serve_listeners(connection, listeners)
        self._down.set()

    def end(self) -> None:
        """Serve no longer."""
        self._token.run_sync_soon(self._ended.set)

    def wait_until_up(self) -> None:
        """Wait until it serves."""
        assert self._up.wait(10)


@contextmanager
def taler_beside(double: TalerDouble | None = None) -> Iterator[TalerBeside]:
    """Serve a double from a thread of its own."""
    beside = TalerBeside(double or TalerDouble())
    thread = threading.Thread(target=trio.run, args=(beside.run,))
    thread.start()
    try:
        beside.wait_until_up()
        yield beside
    finally:
        beside.end()
        thread.join()


@dataclass
class Bucket:
    """A bucket of an object store, for one account."""

    store: ObjectStore
    name: str

    @property
    def url(self) -> str:
        """The URL as the daemon writes it."""
        return parse_server_url(f"s3://{self.name}/wallets/?endpoint={self.store.endpoint}").url

    def uploads(self) -> int:
        """Count the blobs that were sent so far."""
        return sum(method == "PUT" and path.endswith(".blob") for method, path in self.store.requests)

    def key(self) -> str:
        """Return the key of the only blob."""
        (found,) = {path.removeprefix(f"/{self.name}/") for _, path in self.store.requests if path.endswith(".blob")}
        return found

    def content(self) -> bytes:
        """Return the only blob, as it lies there now."""
        return self.store.get(f"s3://{self.name}/", self.key())


def bucket_in(store: ObjectStore) -> Bucket:
    """Make a bucket."""
    return Bucket(store, store.new_bucket().removeprefix("s3://").rstrip("/"))
