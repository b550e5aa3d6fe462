"""The QR code of an invitation, drawn with half blocks: two rows of modules in one line of text.

Modules are drawn dark on light whatever the terminal's colours are; a terminal without colours gets them inverted,
since most of those write light on dark.
"""

from collections.abc import Iterator, Sequence

import segno
from rich.text import Text

_QUIET_ZONE = 4  # modules of white all round, as ISO/IEC 18004 asks for
_HALF_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_DARK_ON_LIGHT = "#000000 on #ffffff"


def qr_lines(text: str, colours: bool) -> list[Text]:
    """Draw the code of a text, one line for every two rows."""
    code = segno.make_qr(text, error="l")
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=_QUIET_ZONE)]
    if colours:
        return [Text(line, style=_DARK_ON_LIGHT, no_wrap=True) for line in _half_blocks(rows)]
    return [Text(line, no_wrap=True) for line in _half_blocks([[not module for module in row] for row in rows])]


def _half_blocks(rows: Sequence[Sequence[bool]]) -> Iterator[str]:
    for index in range(0, len(rows), 2):
        upper = rows[index]
        lower = rows[index + 1] if index + 1 < len(rows) else upper  # the last row of the quiet zone, twice
        yield "".join(_HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
