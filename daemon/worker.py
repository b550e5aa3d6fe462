"""A worker runs a blocking function for an async caller.

Everything in the daemon that blocks (files, databases, compression of much data) goes through a worker that it was
given. The daemon gives it threads. The simulation gives it ``inline``: autojump clocks and threads do not mix, since
the clock jumps while all tasks only wait for threads.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class Worker(Protocol):
    """Runs a blocking function and returns what it returns, or raises what it raises.

    Cancelling the call either prevents the function from being started or waits until it has ended: it is never left
    running behind the caller's back. So a function that is handed to a worker should bound its own waiting.
    """

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Run ``work`` once."""
        ...


def threads(limit: int = 8) -> Worker:
    """Make a worker that runs up to ``limit`` functions at a time in threads of trio's pool; others wait their turn."""
    limiter = trio.CapacityLimiter(limit)

    async def run(work: Callable[[], T], /) -> T:
        return await trio.to_thread.run_sync(work, limiter=limiter)

    return run


def exclusive(worker: Worker) -> Worker:
    """Make a worker that runs one function at a time: whoever touches the replica goes through it."""
    lock = trio.Lock()

    async def run(work: Callable[[], T], /) -> T:
        async with lock:
            return await worker(work)

    return run


async def inline(work: Callable[[], T], /) -> T:
    """Run ``work`` here and now, blocking everything else, as simulations need it; a checkpoint comes first."""
    await trio.lowlevel.checkpoint()
    return work()
