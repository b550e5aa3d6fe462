"""The end comes in time: what does not stop by itself within seconds is left where it is.

An end that is asked for cancels all tasks, and then waits for functions in worker threads: a statement that waits for
the wallet's lock, a copy to a slow disk. Every one of them may be killed at any point, since every step of a sync is
repeated by the next start; so after a while the process ends without waiting any longer. It ends well: it was asked to.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daemon import logs
from daemon.logs.running import DaemonCutShort

PATIENCE = 4.0
"""Seconds that steps under way have to end by themselves."""


@contextmanager
def cut_short_after(
    patience: float = PATIENCE, end_process: Callable[[int], object] = os._exit
) -> Iterator[Callable[[], None]]:
    """Yield what starts the countdown. The process ends with 0 if the body is not left within that many seconds."""

    def cut_short() -> None:
        logs.emit(DaemonCutShort(seconds=patience))
        end_process(0)

    timer = threading.Timer(patience, cut_short)
    timer.daemon = True
    try:
        yield timer.start
    finally:
        timer.cancel()
