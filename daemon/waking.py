"""What has servers tried sooner than planned: the machine wakes up, the network is back, another server answers again.

- After a sleep all servers are asked at once: the schedule's clock stood still meanwhile.
- While a server cannot be reached, this machine's own addresses are looked at now and then: which ones it would send
  from. That sends nothing and needs no rights. When they become others, the network is another one.
- A server that answers again after a failure suggests that others do too.

All of these only bring a try forward (daemon.plan); nothing here decides whether a server is reachable.
"""

import socket
from collections.abc import Callable

import trio

from daemon import clocks, logs
from daemon.circle import Circle
from daemon.logs import running
from daemon.plan import Requested
from daemon.server.base import Failure, FailureKind

LOOK_EVERY = 30.0
"""Seconds between looks at the addresses, while a server cannot be reached."""

SHORTEST_SLEEP = 5.0
"""Seconds of sleep that are worth a sync; the two clocks are never read at quite the same moment."""

_FAR_ADDRESSES = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))  # for documentation: nobody's


class Waking:
    """Brings the syncs of a circle's servers forward. ``on_clock_set`` is called when the wall clock was set."""

    def __init__(
        self,
        circle: Circle,
        on_clock_set: Callable[[], None],
        seconds_asleep: Callable[[], float] = clocks.seconds_asleep,
        own_addresses: Callable[[], frozenset[str]] = lambda: own_addresses(),
    ) -> None:
        self._circle = circle
        self._on_clock_set = on_clock_set
        self._seconds_asleep = seconds_asleep
        self._own_addresses = own_addresses
        self._asleep = seconds_asleep()
        self._failed = trio.Event()

    def sync_ended(self, previous: Failure | None, failure: Failure | None) -> None:
        """Take notice of how a sync ended, and how the one before it with the same server."""
        self.look_at_clocks()
        if failure is None and previous is not None:
            self._may_be_back()
        if failure is not None and failure.kind is FailureKind.UNREACHABLE:
            self._failed.set()

    def look_at_clocks(self) -> None:
        """Ask all servers at once if the machine was asleep."""
        slept = self._seconds_asleep() - self._asleep
        self._asleep += slept
        if slept < SHORTEST_SLEEP:
            return
        logs.emit(running.MachineSlept(seconds=round(slept, 1)))
        for syncer in self._circle.syncer_by_url.values():
            syncer.tell(Requested("resume"))
        self._may_be_back()

    async def watch_clock(self) -> None:
        """Look at the clocks whenever the wall clock was set, for ever; never where the system cannot tell."""
        try:
            while True:
                with clocks.wall_clock_timer() as timer:
                    await clocks.wall_clock_set(timer)
                self.look_at_clocks()
                self._on_clock_set()
        except OSError as error:
            logs.emit(running.ClockUnwatched(message=str(error)))

    async def watch_network(self) -> None:
        """Have unreachable servers tried when the network is another one, for ever. Idle while all are reached."""
        while True:
            await self._failed.wait()
            self._failed = trio.Event()
            before = self._own_addresses()
            while self._some_unreachable():
                await trio.sleep(LOOK_EVERY)
                now = self._own_addresses()
                if now and now != before:
                    logs.emit(running.NetworkBack())
                    self._may_be_back()
                before = now

    def _some_unreachable(self) -> bool:
        failures = (syncer.failure for syncer in self._circle.syncer_by_url.values())
        return any(failure is not None and failure.kind is FailureKind.UNREACHABLE for failure in failures)

    def _may_be_back(self) -> None:
        for syncer in self._circle.syncer_by_url.values():
            syncer.may_be_back()


def own_addresses() -> frozenset[str]:
    """Return the addresses that this machine would send from. Nothing is sent: the sockets are only given a route."""
    found = set()
    for family, far in _FAR_ADDRESSES:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 9))
                found.add(str(probe.getsockname()[0]))
        except OSError:
            continue  # no route, or no such protocol here
    return frozenset(found)
