"""The QR code of an invitation: drawn with half blocks, two rows of modules in one line of text, or as a PNG file.

Modules are drawn dark on light whatever the terminal's colours are; a terminal without colours gets them inverted,
since most of those write light on dark.
"""

import contextlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import segno
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
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=_QUIET_ZONE)]
    if colours:
        return [Text(line, style=_DARK_ON_LIGHT, no_wrap=True) for line in _half_blocks(rows)]
    return [Text(line, no_wrap=True) for line in _half_blocks([[not module for module in row] for row in rows])]


def check_png(path: Path) -> None:
    """Raise ``CommandFailed`` where a picture cannot be written, so that this is said before anything is done."""
    if path.exists() or path.is_symlink():
        raise CommandFailed(ExitCode.USAGE, f"{path} exists already and was left alone", "Name a new file.")
    if not path.parent.is_dir():
        raise CommandFailed(ExitCode.USAGE, f"there is no folder {path.parent} to write {path.name} into")


def write_png(text: str, path: Path) -> None:
    """Write the code of a text into a new file that only its owner can read.

    Raises ``CommandFailed``, and leaves no file behind, where it exists already, cannot be written, or where the text
    is too long for a code.
    """
    code = _code_of(text)
    if code is None:
        raise CommandFailed(ExitCode.USAGE, "the invitation is too long for a QR code: it names too many servers")
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=_PIXELS_PER_MODULE, border=_QUIET_ZONE)
    try:
        path.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"{path} cannot be written: {error.strerror}") from error
    try:
        path.write_bytes(picture.getvalue())
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise CommandFailed(ExitCode.FAULT, f"{path} cannot be written: {error.strerror}") from error


def _code_of(text: str) -> segno.QRCode | None:
    try:
        return segno.make_qr(text, error="l")
    except segno.DataOverflowError:
        return None


def _half_blocks(rows: Sequence[Sequence[bool]]) -> Iterator[str]:
    for index in range(0, len(rows), 2):
        upper = rows[index]
        lower = rows[index + 1] if index + 1 < len(rows) else upper  # the last row of the quiet zone, twice
        yield "".join(_HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
