"""Durations and sizes as people write them: a number and a unit, as in ``15 min`` or ``64 MiB``.

The space may be left out and the number may have decimals. A bare number is refused: nobody remembers whether it was
seconds or minutes. Durations become seconds, sizes whole bytes.
"""

import re

SECONDS_BY_UNIT = {
    "ms": 0.001,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "day": 86400.0,
    "days": 86400.0,
    "week": 604800.0,
    "weeks": 604800.0,
}
BYTES_BY_UNIT = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}

_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]+)", re.ASCII)


def parse_duration(text: str) -> float:
    """Return the seconds of a duration. Raises ``ValueError`` that says what a duration looks like."""
    number, unit = _split(text)
    if unit not in SECONDS_BY_UNIT:
        raise ValueError(
            f'{text!r} is no duration: write a number and one of {_listed(SECONDS_BY_UNIT)}, as in "15 min"'
        )
    return number * SECONDS_BY_UNIT[unit]


def parse_size(text: str) -> int:
    """Return the bytes of a size. Raises ``ValueError`` that says what a size looks like."""
    number, unit = _split(text)
    size = number * BYTES_BY_UNIT.get(unit, 0)
    if unit not in BYTES_BY_UNIT or size != int(size):
        raise ValueError(f'{text!r} is no size: write a number and one of {_listed(BYTES_BY_UNIT)}, as in "64 MiB"')
    return int(size)


def _split(text: str) -> tuple[float, str]:
    matched = _QUANTITY.fullmatch(text.strip())
    return (float(matched[1]), matched[2]) if matched else (0.0, "")


def _listed(units: dict[str, float] | dict[str, int]) -> str:
    return ", ".join(units)
