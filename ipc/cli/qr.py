"""The QR code of an invitation: drawn with half blocks, two rows of modules in one line of text, or as a PNG file.

Modules are drawn dark on light whatever the terminal's colours are; a terminal without colours gets them inverted,
since most of those write light on dark.
"""

import io
from collections.abc import Iterator, Sequence

import segno
from rich.console import Console
from rich.text import Text

from ipc.cli.exits import CommandFailed, ExitCode

_QUIET_ZONE = 4  # modules of white all round, as ISO/IEC 18004 asks for
_HALF_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_DARK_ON_LIGHT = "#000000 on #ffffff"
_PIXELS_PER_MODULE = 8


def qr_lines(text: str, colours: bool) -> list[Text]:
    """Draw the code of a text, one line for every two rows. Empty where the text is too long for a code."""
    code = _code_of(text)
    if code is None:
        return []
    rows = _rows(code)
    if colours:
        return [Text(line, style=_DARK_ON_LIGHT, no_wrap=True) for line in half_blocks(rows)]
    return [Text(line, no_wrap=True) for line in half_blocks([[not module for module in row] for row in rows])]


def show_code(console: Console, text: str) -> None:
    """Draw the code of an invitation on a terminal, or say why it cannot be drawn there."""
    lines = qr_lines(text, colours=console.color_system is not None)
    if not lines:
        console.print("(The invitation is too long for a QR code: it names too many servers.)", soft_wrap=True)
    elif (width := lines[0].cell_len) > console.width:
        needed = f"(The QR code needs a terminal of {width} columns; this one has {console.width}.)"
        console.print(needed, soft_wrap=True)
    else:
        for line in lines:
            console.print(line, soft_wrap=True)


def png_of(text: str) -> bytes:
    """Return the code of a text as a PNG file. Raises ``CommandFailed`` where the text is too long for a code."""
    code = _code_of(text)
    if code is None:
        raise CommandFailed(ExitCode.USAGE, "the invitation is too long for a QR code: it names too many servers")
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=_PIXELS_PER_MODULE, border=_QUIET_ZONE)
    return picture.getvalue()


def qr_rows(text: str) -> list[list[bool]]:
    """Return the rows of modules of a code for paper, true for ink, with its quiet zone. Empty where it is too long.

    What is printed is folded and gets dirty: more of it is redundant than of a code on a screen, if that fits.
    """
    code = _code_of(text, "q") or _code_of(text)
    return [] if code is None else _rows(code)


def half_blocks(rows: Sequence[Sequence[bool]]) -> Iterator[str]:
    """Draw two rows in one line of text, in ink."""
    for index in range(0, len(rows), 2):
        upper = rows[index]
        lower = rows[index + 1] if index + 1 < len(rows) else upper  # the last row of the quiet zone, twice
        yield "".join(_HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True))


def _rows(code: segno.QRCode) -> list[list[bool]]:
    return [[bool(module) for module in row] for row in code.matrix_iter(border=_QUIET_ZONE)]


def _code_of(text: str, error: str = "l") -> segno.QRCode | None:
    try:
        return segno.make_qr(text, error=error)
    except segno.DataOverflowError:
        return None
