"""Measurements of time, and what is said of many of the same: the median, the spread, a percentile."""

import time
from collections.abc import Sequence
from typing import NamedTuple


class Lap(NamedTuple):
    """Seconds by the clock, and seconds of this process's work: what else runs on the machine is not in those."""

    clock: float
    work: float


def lap() -> Lap:
    """Begin to measure."""
    return Lap(time.perf_counter(), time.process_time())


def since(began: Lap) -> Lap:
    """Return the time since then."""
    return Lap(time.perf_counter() - began.clock, time.process_time() - began.work)


def median(samples: Sequence[float]) -> float:
    """Return the median."""
    return sorted(samples)[len(samples) // 2]


def median_and_spread(samples: Sequence[float]) -> tuple[float, float]:
    """Return the median, and the distance between the quartiles."""
    ordered = sorted(samples)
    quarter = len(ordered) // 4
    return ordered[len(ordered) // 2], ordered[-1 - quarter] - ordered[quarter]


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the value that so many percent of the samples do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
