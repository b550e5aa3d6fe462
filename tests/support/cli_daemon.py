"""A daemon that says what it was told to say: the real IPC server with canned answers, in a thread of its own."""

import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from config.paths import Paths, home_paths
from ipc.dispatch import Method
from ipc.errors import Refusal
from ipc.messages import SIGNATURE_BY_METHOD
from ipc.server import Identity, Server, listening

AT = "2026-01-31T08:15:00.000Z"
RUN = "0123456789abcdef"

Answer = msgspec.Struct | Refusal | Exception


class CannedDaemon:
    """Answers each method as ``answer_by_method`` says, and publishes ``events`` after each sync was asked for."""

    def __init__(self, home: Path, run: str = RUN) -> None:
        self.home = home
        self.paths: Paths = home_paths(home)
        self.answer_by_method: dict[str, Answer] = {}
        self.events: Sequence[tuple[str, Mapping[str, object]]] = ()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._ready = threading.Event()
        self._end = trio.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._server: Server | None = None
        self._identity = Identity(run=run, version="0.1.0", pid=4711)

    def run_in_thread(self) -> None:
        """Serve until ``end`` is called."""
        trio.run(self._serve)

    def wait_until_ready(self) -> None:
        """Wait until it answers."""
        assert self._ready.wait(10)

    def end(self) -> None:
        """Stop serving."""
        assert self._token is not None
        self._token.run_sync_soon(self._end.set)

    def publish(self, event: str, data: Mapping[str, object]) -> None:
        """Tell all subscribers what happened, from any thread."""
        assert self._token is not None
        assert self._server is not None
        self._token.run_sync_soon(self._server.publish, event, data, AT)

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            server: list[Server] = []
            methods = {name: self._method(name, server, nursery) for name in SIGNATURE_BY_METHOD if not _built_in(name)}
            paths = self.paths
            with listening(paths.control_socket, paths.events_socket, identity=self._identity) as opened:
                server.append(opened)
                self._server = opened
                async with opened.answering(methods, on_fault=lambda method, fault: None):
                    self._ready.set()
                    await self._end.wait()
            nursery.cancel_scope.cancel()

    def _method(self, name: str, server: list[Server], nursery: trio.Nursery) -> Method[Any]:
        signature = SIGNATURE_BY_METHOD[name]

        async def handle(params: msgspec.Struct) -> msgspec.Struct:
            self.calls.append((name, msgspec.to_builtins(params)))
            answer = self.answer_by_method[name]
            if isinstance(answer, Exception):
                raise answer
            if name == "sync":
                nursery.start_soon(self._publish, server[0])
            return answer

        return Method(signature.params, handle, changes=signature.changes)

    async def _publish(self, server: Server) -> None:
        for event, data in self.events:
            server.publish(event, data, AT)


@contextmanager
def canned_daemon() -> Iterator[CannedDaemon]:
    """Run a canned daemon in a home of its own, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="ws-cli-") as folder, serving(CannedDaemon(Path(folder))) as daemon:
        yield daemon


@contextmanager
def serving(daemon: CannedDaemon) -> Iterator[CannedDaemon]:
    """Run a canned daemon, and end it."""
    thread = threading.Thread(target=daemon.run_in_thread)
    thread.start()
    try:
        daemon.wait_until_ready()
        yield daemon
    finally:
        daemon.end()
        thread.join(10)
    assert not thread.is_alive()


def _built_in(method: str) -> bool:
    return method in {"hello", "events_since"}
