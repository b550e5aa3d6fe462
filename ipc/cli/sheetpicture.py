"""The recovery sheet as a picture: one page of A4 as SVG, with its QR code, that any browser prints.

Lengths are millimetres. Where there is more on a sheet than a page holds, the page is made longer, and printing
scales it. The picture refers to nothing outside of it.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from ipc.cli.qr import qr_rows
from ipc.cli.sheet import Part, Sheet, parts

_PAGE = (210.0, 297.0)
_MARGIN = 15.0
_CODE = 70.0
_SPACE = 2.5  # after each part
_INDENT = 6.0

_SIZE_BY_KIND = {"title": 6.5, "heading": 4.0, "text": 3.6, "typed": 3.4}
_STYLE_BY_KIND = {
    "title": "font-family:sans-serif;font-weight:bold",
    "heading": "font-family:sans-serif;font-weight:bold",
    "text": "font-family:sans-serif",
    "typed": "font-family:monospace;white-space:pre",
}


def as_svg(sheet: Sheet) -> str:
    """Return a sheet as a picture."""
    drawn: list[str] = []
    height = _MARGIN
    for part in parts(sheet):
        if part.kind == "code":
            rows = qr_rows(sheet.uri)
            drawn.append(_code(rows, height) if rows else "")
            height += _CODE if rows else 0
        else:
            drawn += _lines(part, height)
            height += len(part.lines) * _line_height(part.kind) + _SPACE
    page = max(_PAGE[1], height + _MARGIN)
    return "\n".join([*_frame(page), *drawn, "</svg>", ""])


def _frame(height: float) -> Iterator[str]:
    width = _PAGE[0]
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm"'
        f' viewBox="0 0 {width:g} {height:g}">'
    )
    yield "<title>walletsync recovery sheet</title>"
    yield f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'


def _line_height(kind: str) -> float:
    return _SIZE_BY_KIND[kind] * 1.35


def _lines(part: Part, top: float) -> Iterator[str]:
    size = _SIZE_BY_KIND[part.kind]
    left = _MARGIN + (_INDENT if part.kind == "typed" else 0)
    for number, line in enumerate(part.lines, start=1):
        baseline = top + number * _line_height(part.kind)
        yield (
            f'<text x="{left:g}" y="{baseline:.2f}" font-size="{size:g}" style="{_STYLE_BY_KIND[part.kind]}">'
            f"{escape(line)}</text>"
        )


def _code(rows: Sequence[Sequence[bool]], top: float) -> str:
    """Draw each run of ink in a row as one bar."""
    bars = "".join(bar for number, row in enumerate(rows) for bar in _bars(number, row))
    scale = _CODE / len(rows)
    place = f"translate({(_PAGE[0] - _CODE) / 2:g} {top:.2f}) scale({scale:.5f})"
    return f'<path transform="{place}" shape-rendering="crispEdges" d="{bars}"/>'


def _bars(number: int, row: Sequence[bool]) -> Iterator[str]:
    start: int | None = None
    for place, ink in enumerate([*row, False]):
        if ink and start is None:
            start = place
        elif not ink and start is not None:
            yield f"M{start} {number}h{place - start}v1h{start - place}z"
            start = None
