"""Notices that the machine was asleep, and that its wall clock was set, without looking again and again.

The kernel's monotonic clock stands still during a suspend and its boot-time clock goes on: the distance of the two is
how long the machine has been asleep. A timer on the wall clock that is cancelled whenever that clock is set (after a
suspend the kernel sets it) tells when to look: timerfd_create(2), TFD_TIMER_CANCEL_ON_SET.
"""

import ctypes
import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import trio

_NONBLOCK, _CLOEXEC = 0o4000, 0o2000000
_ABSOLUTE, _CANCEL_ON_SET = 1, 2
_FAR_AHEAD = 2**40  # seconds since 1970, never to be reached


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timer(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


def seconds_asleep() -> float:
    """Return how long the machine has been suspended since it was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


@contextmanager
def wall_clock_timer() -> Iterator[int]:
    """Open the timer that is cancelled when the wall clock is set. Raises OSError where the system has none."""
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.timerfd_create(time.CLOCK_REALTIME, _NONBLOCK | _CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    try:
        timer = _Timer(value=_Timespec(_FAR_AHEAD, 0))
        if library.timerfd_settime(descriptor, _ABSOLUTE | _CANCEL_ON_SET, ctypes.byref(timer), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        yield descriptor
    finally:
        os.close(descriptor)


async def wall_clock_set(timer: int) -> None:
    """Wait until the wall clock is set. Cancelled, the timer can be waited for again."""
    while True:
        await trio.lowlevel.wait_readable(timer)
        try:
            os.read(timer, 8)
        except OSError as error:
            if error.errno == errno.ECANCELED:
                return
            if error.errno != errno.EAGAIN:
                raise
