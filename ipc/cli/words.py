"""How the command line words things for people: times as distances, sizes, states, and text from elsewhere.

Nicknames, messages and addresses come from other devices and servers. ``clean`` takes the characters out of them
with which they could move the cursor, change colours or reverse the direction of writing in a terminal.
"""

import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta

from ipc.frame import Time
from ipc.state import ServerStatus

_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINER = "\N{ZERO WIDTH JOINER}"  # holds one emoji together, and moves nothing

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

STATE_WORDS = {
    "idle": "in step",
    "syncing": "syncing now",
    "paused": "paused",
    "unreachable": "not reachable",
    "busy": "busy, trying again",
    "refused": "refuses us",
    "gone": "account is gone",
    "payment_required": "waits for payment",
    "unreadable": "copy is unreadable",
    "too_large": "copy is too large",
    "moved": "moved to new keys",
}

REASON_WORDS = {
    "user": "asked for",
    "schedule": "as planned",
    "change": "after a change",
    "startup": "after the start",
    "resume": "after a pause",
    "retry": "trying again",
}


def clean(text: str) -> str:
    """Replace control, format and line-separating characters, so that text from elsewhere is only text."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unsafe(character) else character for character in text)


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE_CATEGORIES and character != _JOINER


def parse_time(time: Time) -> datetime:
    """Read a time of the protocol. Raises ``ValueError`` where it is none."""
    return datetime.fromisoformat(time)


def distance(seconds: float) -> str:
    """Say how long something is, in its largest whole unit: ``45 s``, ``3 min``, ``2 h``, ``5 days``."""
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} days"


def relative(time: Time | None, now: datetime, never: str = "never") -> str:
    """Say when something was or will be, as seen from ``now``: ``just now``, ``3 min ago``, ``in 2 h``."""
    if time is None:
        return never
    ahead = parse_time(time) - now
    if abs(ahead) < timedelta(seconds=2):
        return "just now" if ahead <= timedelta(0) else "in a moment"
    if ahead > timedelta(0):
        return f"in {distance(ahead.total_seconds())}"
    return f"{distance(-ahead.total_seconds())} ago"


def size(byte_count: int) -> str:
    """Say how large something is, in decimal units: ``999 B``, ``1.2 kB``, ``34 MB``."""
    amount = float(byte_count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.1f} {unit}" if unit != "B" and amount < 10 else f"{amount:.0f} {unit}"


def count(number: int, noun: str) -> str:
    """Say how many there are of something, in the singular for one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def state_of(server: ServerStatus) -> str:
    """Say how it stands with a server. One that is idle but never succeeded is not in step yet."""
    if server.state == "idle" and server.last_success is None:
        return "not synced yet"
    return STATE_WORDS[server.state]


def listed(items: Iterable[str]) -> str:
    """Join names as a sentence does: ``a``, ``a and b``, ``a, b and c``."""
    *init, last = items
    return f"{', '.join(init)} and {last}" if init else last
