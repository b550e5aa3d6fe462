"""What is said of many measurements of the same: the median, the spread, a percentile."""

from collections.abc import Sequence


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
