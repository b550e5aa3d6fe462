"""The time of a cycle by the size of the wallet, beside the floor, as an SVG with logarithmic axes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 90, 170, 40, 60
_MARGIN = 0.15  # decades left free at each end


class _Line(NamedTuple):
    member: str
    name: str
    colour: str


_LINES = (
    _Line("cycle_s", "1 % changed", "#1f6feb"),
    _Line("floor_s", "floor", "#d1242f"),
    _Line("idle_cycle_s", "nothing changed", "#1a7f37"),
)


class _Axis(NamedTuple):
    """Where values of a logarithmic axis lie: from ``low`` to ``high`` in decades, drawn from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def decades(self) -> list[float]:
        return [10.0**power for power in range(math.ceil(self.low), math.floor(self.high) + 1)]


def draw(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw what ``cycles.section`` measured."""
    sizes = [row["entities"] for row in rows]
    across = _axis(sizes, LEFT, WIDTH - RIGHT)
    up = _axis([row[line.member] for row in rows for line in _LINES], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        "<style>text { font: 13px sans-serif }</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, TOP - 16, "Time of a whole cycle by the size of the wallet, logarithmic"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "entities", "middle"),
        *(part for size in sizes for part in _upright(across.place(size), f"{size:,}")),
        *(part for seconds in up.decades() for part in _level(up.place(seconds), _time(seconds))),
        *(part for line in _LINES for part in _curve(line, rows, across, up)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axis(values: Iterable[float], start: float, end: float) -> _Axis:
    powers = [math.log10(value) for value in values]
    return _Axis(min(powers) - _MARGIN, max(powers) + _MARGIN, start, end)


def _upright(x: float, label: str) -> list[str]:
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#dddddd"/>'
    return [line, _text(x, HEIGHT - BOTTOM + 20, label, "middle")]


def _level(y: float, label: str) -> list[str]:
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>'
    return [line, _text(LEFT - 8, y + 4, label, "end")]


def _curve(line: _Line, rows: Sequence[Mapping[str, Any]], across: _Axis, up: _Axis) -> list[str]:
    points = [(across.place(row["entities"]), up.place(row[line.member])) for row in rows]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    last_x, last_y = points[-1]
    return [
        f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{line.colour}"/>' for x, y in points),
        _text(max(last_x, WIDTH - RIGHT) + 10, last_y + 4, line.name, colour=line.colour),
    ]


def _text(x: float, y: float, words: str, anchor: str = "start", colour: str = "black") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def _time(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
