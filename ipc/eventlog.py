"""The latest events of one daemon run, bounded in number and in bytes.

Each event gets the next ``seq``, from 1 on. The oldest are forgotten first. The bound in bytes is chosen so that all
that is kept fits into one reply. An event whose data alone is too large goes out without it, and says how large it
was: an event tells that something happened, the daemon is asked for the rest.

Pure: no I/O, no clock.
"""

from collections import deque
from itertools import islice

import msgspec

from ipc.frame import MAX_MESSAGE_BYTES, Event, Position, Time
from ipc.messages import EventsSinceResult

MAX_EVENT_BYTES = 32 * 1024
_MAX_KEPT_BYTES = MAX_MESSAGE_BYTES // 2


class EventLog:
    """The events of the run ``run``, of which at most ``kept`` are remembered."""

    def __init__(self, run: str, kept: int = 1024) -> None:
        self._run = run
        self._kept = kept
        self._last = 0
        self._events: deque[tuple[Event, int]] = deque()
        self._bytes = 0

    @property
    def position(self) -> Position:
        """How far the run has come."""
        return Position(run=self._run, seq=self._last)

    def append(self, name: str, data: object, at: Time) -> Event:
        """Give an event its number, and remember it. ``data`` is a dict or a struct that becomes a JSON object."""
        encoded = msgspec.json.encode(data)
        if len(encoded) > MAX_EVENT_BYTES:
            encoded = msgspec.json.encode({"omitted_bytes": len(encoded)})
        self._last += 1
        plain = msgspec.json.decode(encoded, type=dict[str, object])
        event = Event(run=self._run, seq=self._last, event=name, at=at, data=plain)
        self._remember(event, len(msgspec.json.encode(event)) + 1)
        return event

    def since(self, seq: int) -> EventsSinceResult:
        """Return the events after ``seq``, as far as they are kept."""
        oldest = self._last - len(self._events) + 1
        events = islice(self._events, max(0, seq + 1 - oldest), None)
        return EventsSinceResult(run=self._run, oldest=oldest, events=[event for event, _ in events])

    def _remember(self, event: Event, size: int) -> None:
        self._events.append((event, size))
        self._bytes += size
        while len(self._events) > self._kept or self._bytes > _MAX_KEPT_BYTES:
            self._bytes -= self._events.popleft()[1]
