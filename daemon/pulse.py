"""The watchdog is fed only while the daemon really works.

What feeds it is a task of the event loop, so that a loop which hangs feeds nobody. A sync, or a look at the wallet
database, that makes no step for longer than any of its steps may take (a disk or a mount that does not answer) ends
the feeding too: then the service manager starts the daemon anew, which is always safe.
"""

from collections.abc import Callable, Iterable

import trio

from daemon import logs
from daemon.circle import Circle
from daemon.logs.running import DaemonStalled
from daemon.lookout import Lookout

LONGEST_STEP = 1800.0
"""Seconds that one step of a sync may take, but for twice the time that one request may take by the settings."""

Stalled = Callable[[], Iterable[tuple[str, float]]]


def stalled(circle: Circle, lookout: Lookout, request_timeout: float) -> Iterable[tuple[str, float]]:
    """Yield what has made no step for too long, and for how many seconds."""
    longest = max(LONGEST_STEP, 2 * request_timeout)
    for syncer in circle.syncer_by_url.values():
        if (seconds := syncer.stalled_for()) > longest:
            yield f"the sync with {syncer.url}", seconds
    if (seconds := lookout.stalled_for()) > longest:
        yield "the look at the wallet database", seconds


async def feed(feed_watchdog: Callable[[], None], interval: float, find_stalled: Stalled) -> None:
    """Feed the watchdog at this interval, in seconds, for as long as nothing is stalled."""
    said = False
    while True:
        found = next(iter(find_stalled()), None)
        if found is None:
            said = False
            feed_watchdog()
        elif not said:
            said = True
            logs.emit(DaemonStalled(message=f"{found[0]} makes no progress", seconds=found[1]))
        await trio.sleep(interval)
