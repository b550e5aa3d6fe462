"""Recovery sheets, read as a person with nothing but the paper reads them."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
_TYPED = re.compile(r"walletsync://join/1#\s+((?:[0-9A-Z]{1,5}\s+)+)")


def text_of_picture(svg: str) -> str:
    """Return the lines of text of a picture, as they stand below each other."""
    return "\n".join("".join(each.itertext()) for each in ElementTree.fromstring(svg).iter(f"{SVG}text"))


def invitation_of(text: str) -> str:
    """Return the invitation as a person types it from a sheet: on one line, group by group."""
    found = _TYPED.search(text + "\n")
    assert found is not None
    return "walletsync://join/1# " + " ".join(found[1].split()).lower()


def code_of_picture(svg: str) -> list[list[bool]]:
    """Return the modules of the code that a picture shows, without white rows at the end."""
    (path,) = ElementTree.fromstring(svg).iter(f"{SVG}path")
    bars = [tuple(map(int, bar)) for bar in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path.get("d", ""))]
    size = max(max(left + width, row + 1) for left, row, width in bars) + 4
    inked = {(row, left + place) for left, row, width in bars for place in range(width)}
    return [[(row, column) in inked for column in range(size)] for row in range(size)]


def code_of_text(lines: Sequence[str], size: int) -> list[list[bool]]:
    """Return the modules of a code drawn in ink with half blocks."""
    rows = []
    for line in lines:
        rows.append([character in "▀█" for character in line.ljust(size)])
        rows.append([character in "▄█" for character in line.ljust(size)])
    return rows[:size]
