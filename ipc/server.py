"""The daemon's end of the sockets: answers calls, several at a time, and publishes events.

The daemon listens before it is ready, so that nobody takes a daemon that starts for one that does not run. Who calls
meanwhile is answered once it is ready, and never by a daemon that knows but half of what it has.

No caller may keep the others waiting:

- Requests are taken and answered at ``Limits.places`` places. One connection may have CALLS_PER_CONNECTION calls
  running; more are turned away as BUSY at once. Calls that change something get half of the places.
- An answer that its caller does not read is waited for ``Limits.patience`` seconds, and a tenth of that while several
  answers are unread; then the connection is dropped.
- The number of connections is bounded, in all and per process (``Limits.bounds``).
- Events wait for nobody. Who missed some asks for ``events_since``.

Whenever somebody has subscribed, the position goes out on the events socket: see ``messages.Position``.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from ipc import place
from ipc.codec import encode_published
from ipc.dispatch import Dispatcher, Method, OnFault, choose_api
from ipc.eventlog import EventLog
from ipc.frame import CALLS_PER_CONNECTION, Time
from ipc.messages import EventsSinceParams, EventsSinceResult, HelloParams, HelloResult
from ipc.nng import Bounds, Incoming, PublishSocket, ReplyContext, ReplySocket


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers: the id of this run of the daemon, its version, and its process id."""

    run: str
    version: str
    pid: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What callers may take: places to answer at, seconds to read an answer in, connections, events kept."""

    places: int = 16
    patience: float = 0.5
    bounds: Bounds = field(default_factory=Bounds)
    kept_events: int = 1024


class Server:
    """The daemon's end of the sockets, while ``listening`` holds it open."""

    def __init__(self, identity: Identity, limits: Limits) -> None:
        self._identity = identity
        self._limits = limits
        self._log = EventLog(identity.run, limits.kept_events)
        self._running_by_connection: Counter[int] = Counter()
        self._unread = 0
        self._open = ExitStack()
        self._requests: ReplySocket | None = None
        self._publisher: PublishSocket | None = None

    def publish(self, event: str, data: object, at: Time) -> None:
        """Tell all subscribers what happened. Never waits.

        ``data``, a dict or a struct, becomes a JSON object. It must hold no secret and no value of an entity.
        """
        self._send(encode_published(self._log.append(event, data, at)))

    def open(self, control: Path, events: Path) -> None:
        """Open both sockets. See ``listening`` for the errors."""
        token = trio.lowlevel.current_trio_token()

        def announce_soon() -> None:  # in a thread of nng's
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._announce, idempotent=True)

        for path in (control, events):
            place.check_length(path)
        with ExitStack() as stack:
            for directory in sorted({control.parent, events.parent}):
                stack.enter_context(place.claimed(directory))
            self._publisher = stack.enter_context(PublishSocket(events, self._limits.bounds, announce_soon))
            self._requests = stack.enter_context(ReplySocket(control, self._limits.bounds))
            self._open = stack.pop_all()

    def close(self) -> None:
        """Close both sockets, and remove them from the disk."""
        self._open.close()

    @asynccontextmanager
    async def answering(self, handlers: Mapping[str, Method[Any]], on_fault: OnFault) -> AsyncIterator[None]:
        """Answer with these handlers and the built-in methods, also those who have called before.

        ``on_fault`` is told method and exception when a handler fails in a way that it should not. When this ends,
        running handlers are cancelled, and the sockets are closed.
        """
        assert self._requests is not None
        built_in: dict[str, Method[Any]] = {
            "hello": Method(HelloParams, self._hello, changes=False),
            "events_since": Method(EventsSinceParams, self._events_since, changes=False),
        }
        if taken := built_in.keys() & handlers.keys():
            raise ValueError(f"the server itself answers {', '.join(sorted(taken))}")
        dispatcher = Dispatcher({**handlers, **built_in}, on_fault, changing=self._limits.places // 2)
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(self._limits.places):
                    nursery.start_soon(self._answer_requests, self._requests, dispatcher)
                yield
                nursery.cancel_scope.cancel()
        finally:
            self.close()

    async def _answer_requests(self, requests: ReplySocket, dispatcher: Dispatcher) -> None:
        """Take and answer requests for ever, one at a time. Cancelled, the one in hand gets no answer."""
        with requests.context() as context:
            while True:
                incoming = await context.receive()
                answer = await self._answer(incoming, dispatcher)
                if not await self._deliver(context, answer):
                    requests.close_connection(incoming.connection)

    async def _answer(self, incoming: Incoming, dispatcher: Dispatcher) -> bytes:
        if self._running_by_connection[incoming.connection] >= CALLS_PER_CONNECTION:
            message = f"at most {CALLS_PER_CONNECTION} calls at once on one connection"
            return dispatcher.turn_away(incoming.data, message)
        with _counted(self._running_by_connection, incoming.connection):
            return await dispatcher.answer(incoming.data)

    async def _deliver(self, context: ReplyContext, answer: bytes) -> bool:
        crowded = self._unread >= CALLS_PER_CONNECTION
        self._unread += 1
        try:
            with trio.move_on_after(self._limits.patience / 10 if crowded else self._limits.patience) as waiting:
                await context.reply(answer)
            return not waiting.cancelled_caught
        finally:
            self._unread -= 1

    async def _hello(self, params: HelloParams) -> HelloResult:
        identity = self._identity
        return HelloResult(api=choose_api(params), version=identity.version, pid=identity.pid, run=identity.run)

    async def _events_since(self, params: EventsSinceParams) -> EventsSinceResult:
        return self._log.since(params.seq)

    def _announce(self) -> None:
        self._send(encode_published(self._log.position))

    def _send(self, message: bytes) -> None:
        if self._publisher is not None:
            self._publisher.send(message)


@contextmanager
def listening(control: Path, events: Path, *, identity: Identity, limits: Limits | None = None) -> Iterator[Server]:
    """Listen at the socket paths ``control`` and ``events``. Who calls is answered by ``Server.answering``.

    Raises ``SocketUnusable``, or ``AlreadyListening`` if another daemon does; then nothing on disk has changed. When
    it ends, both sockets are removed.
    """
    server = Server(identity, limits or Limits())
    server.open(control, events)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def _counted(counter: Counter[int], key: int) -> Iterator[None]:
    counter[key] += 1
    try:
        yield
    finally:
        counter[key] -= 1
        if not counter[key]:
            del counter[key]
