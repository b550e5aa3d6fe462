"""Watching the daemon for as long as one likes, also over its restarts.

An ``Observer`` is told the events in order, what was missed for good, how things are, and that nobody listens. How
things are is asked for after every burst of events, and every ``LOOK_EVERY`` seconds.
"""

import signal
from collections.abc import Awaitable, Callable
from math import inf
from typing import Protocol

import trio

from ipc import Client, EventStream, Gap, IpcError, NoAnswer, NotRunning
from ipc.frame import Event
from ipc.state import Status

LOOK_EVERY = 2.0
RETRY_EVERY = 1.0
_BURST = 0.05  # seconds in which events that follow each other are taken together
_SIGNALLED = 128  # plus the signal's number, as shells have it


class Observer(Protocol):
    """Is told what happens."""

    def happened(self, event: Event | Gap) -> None:
        """Take an event, or notice that some were missed for good."""
        ...

    def looks(self, status: Status) -> None:
        """Take how things are."""
        ...

    def absent(self, error: IpcError) -> None:
        """Take that no daemon answers."""
        ...


class Watch:
    """One watch over any number of runs of the daemon.

    With ``past`` the events that the daemon still has are told first. With ``somebody_looks`` the daemon is asked to
    sync more often while the watch lasts.
    """

    def __init__(
        self, connect: Callable[[], Client], observer: Observer, *, past: bool = False, somebody_looks: bool = False
    ) -> None:
        self._connect = connect
        self._observer = observer
        self._somebody_looks = somebody_looks
        self._past = past
        self._run: str | None = None
        self._seq = 0  # of the last event of the run that was told

    async def run(self) -> None:
        """Watch for ever. Raises what a client raises, but for a daemon that does not run or does not answer."""
        while True:
            try:
                async with self._connect() as client:
                    await self._watch(client)
            except (NotRunning, NoAnswer) as error:
                self._observer.absent(error)
            await trio.sleep(RETRY_EVERY)

    async def _watch(self, client: Client) -> None:
        async with client.events() as events:
            await self._catch_up(client)
            ask_again = -inf
            while True:
                self._observer.looks(await client.status())
                if self._somebody_looks and trio.current_time() >= ask_again:
                    ask_again = trio.current_time() + (await client.watch()).seconds / 2
                await self._take_burst(events)

    async def _catch_up(self, client: Client) -> None:
        """Tell what happened before the stream of events began, as far as that is wanted."""
        former, self._run = self._run, (await client.hello()).run
        if former is None and not self._past:
            return
        if former not in (None, self._run):
            self._observer.happened(Gap(former, self._seq))
            self._seq = 0
        for event in (await client.events_since(self._seq)).events:
            self._tell(event)

    async def _take_burst(self, events: EventStream) -> None:
        """Wait for an event, ``LOOK_EVERY`` seconds at most, and take those that follow it at once."""
        patience = LOOK_EVERY
        while True:
            with trio.move_on_after(patience) as waiting:
                self._tell(await anext(events))
            if waiting.cancelled_caught:
                return
            patience = _BURST

    def _tell(self, event: Event | Gap) -> None:
        if isinstance(event, Event):
            if event.run == self._run and event.seq <= self._seq:
                return
            self._run, self._seq = event.run, event.seq
        self._observer.happened(event)


async def until_signalled(task: Callable[[], Awaitable[None]]) -> int:
    """Run a task until SIGINT or SIGTERM comes, and return the exit code that shells know it by.

    Raises the ``IpcError`` or ``OSError`` that the task ended with.
    """
    failures: list[IpcError | OSError] = []
    code = 0

    async def run(scope: trio.CancelScope) -> None:
        try:
            await task()
        except (IpcError, OSError) as error:
            failures.append(error)
        scope.cancel()

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, nursery.cancel_scope)
            code = _SIGNALLED + await anext(signals)
            nursery.cancel_scope.cancel()
    for failure in failures:
        raise failure
    return code
