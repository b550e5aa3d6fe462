"""The stream of events as a frontend sees it: in order, without repetition, and honest about what was missed.

nng drops events that a subscriber does not read in time, and a daemon that starts anew counts from one again. So
what arrives is compared with the last event given out, by (run, seq):

    what arrives                          what happens
    the next event of the run             it is given out
    an event or position already reached  nothing
    anything else                         the events in between are asked for with ``events_since``, and given out;
                                          those which the daemon no longer has are a ``Gap``

The events of a run that ended cannot be asked for, so a new run always begins with a ``Gap``. After a gap, ``status``
says how things are.

``Sequence`` is this rule, without I/O; ``EventStream`` feeds it.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trio

from ipc import codec
from ipc.errors import NoAnswer, NotRunning, Refused
from ipc.frame import Event, Position
from ipc.messages import EventsSinceResult
from ipc.nng import SubscribeSocket


@dataclass(frozen=True, slots=True)
class Gap:
    """Events were missed for good. The last one before them was ``seq`` of ``run``; ask for the ``status``."""

    run: str
    seq: int


class Sequence:
    """Where a stream of events has come to, what can be given out, and what has to be asked for."""

    def __init__(self, first: Event | Position) -> None:
        self._run = first.run
        self._seq = first.seq - 1 if isinstance(first, Event) else first.seq
        self._ahead: Event | Position | None = None
        self.ready: deque[Event | Gap] = deque()
        self.take(first)

    @property
    def missing_after(self) -> int | None:
        """After which ``seq`` the daemon must be asked for events, if it must."""
        if self._ahead is None:
            return None
        return self._seq if self._ahead.run == self._run else 0

    def take(self, message: Event | Position) -> None:
        """Take what arrived. It waits if something is missing before it."""
        same_run = message.run == self._run
        if same_run and message.seq <= self._seq:
            return
        if same_run and message.seq == self._seq + 1 and isinstance(message, Event):
            self._give_out(message)
        else:
            self._ahead = message

    def fill(self, answer: EventsSinceResult, asked: int) -> None:
        """Take the answer to the question for the events after ``asked``."""
        self._ahead = None
        if answer.run != self._run:
            self._give_up()
            self._run, self._seq = answer.run, 0
            if asked:  # that was a question about another run
                self._ahead = Position(run=answer.run, seq=asked)
                return
        elif answer.oldest > self._seq + 1:
            self._give_up()
        for event in answer.events:
            if event.seq > self._seq:
                self._give_out(event)

    def go_on(self) -> None:
        """Go on without what is missing: the daemon could not be asked."""
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            return
        self._give_up()
        self._run, self._seq = ahead.run, ahead.seq
        if isinstance(ahead, Event):
            self._give_out(ahead)

    def _give_out(self, event: Event) -> None:
        self.ready.append(event)
        self._seq = event.seq

    def _give_up(self) -> None:
        self.ready.append(Gap(self._run, self._seq))


class EventStream:
    """The events from now on, as ``async for`` takes them; ``async with`` makes sure when "now" is.

    A lost connection is taken up again for as long as the stream is open.
    """

    def __init__(self, path: Path, events_since: Callable[[int], Awaitable[EventsSinceResult]], timeout: float) -> None:
        self._path = path
        self._events_since = events_since
        self._timeout = timeout
        self._socket: SubscribeSocket | None = None
        self._sequence: Sequence | None = None

    async def __aenter__(self) -> Self:
        """Open the stream. Raises ``NotRunning`` or ``NoAnswer``; then, or cancelled, nothing is left open."""
        try:
            await self._opened()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Who waits for an event gets an ``IpcError``."""
        if self._socket is not None:
            self._socket.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Gap:
        """Wait for the next event. Cancelled, none is lost."""
        socket, sequence = await self._opened()
        while not sequence.ready:
            if (asked := sequence.missing_after) is None:
                sequence.take(codec.decode_published(await socket.receive()))
            else:
                await self._ask(sequence, asked)
        return sequence.ready.popleft()

    async def _opened(self) -> tuple[SubscribeSocket, Sequence]:
        """Connect, and wait until the daemon has said where it is: from there on nothing is missed."""
        if self._socket is None:
            self._socket = SubscribeSocket(self._path)
        if self._sequence is None:
            with trio.move_on_after(self._timeout):
                self._sequence = Sequence(codec.decode_published(await self._socket.receive()))
        if self._sequence is None:
            raise NoAnswer(f"the daemon did not take the subscription within {self._timeout:g} s")
        return self._socket, self._sequence

    async def _ask(self, sequence: Sequence, asked: int) -> None:
        try:
            sequence.fill(await self._events_since(asked), asked)
        except (NotRunning, NoAnswer, Refused):
            sequence.go_on()
