"""What every part of the bench is given, and what it gives back."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rich.table import Table


class Wanted(NamedTuple):
    """What to measure: the numbers of entities, smallest first, and how often to repeat."""

    sizes: list[int]
    rounds: int


class Figures(NamedTuple):
    """What was measured: as plain data for JSON, and as a table for people."""

    data: list[dict[str, Any]]
    table: Table


Section = Callable[[Wanted], Figures]


def milliseconds(seconds: float) -> str:
    """Write a time in milliseconds."""
    return f"{seconds * 1000:,.2f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"
