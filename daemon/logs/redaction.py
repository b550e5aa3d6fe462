"""What may appear in a log line: plain values, freed of secrets, and tracebacks without anyone's data.

The rules:

- A value is shown if it is plain: text, a number (to the thousandth), a truth value, a path, a member of an
  enumeration, or a collection of these. Of anything else only the type's name is shown, since its ``repr`` may hold
  what must not be told.
- In text, URIs that are bearer secrets or lead to one (``walletsync://``, ``taler://``), user and password in a URL,
  and the content of every long ``Secret`` are replaced.
- A traceback shows where an exception passed, never a local variable. Its message is shown where the message is known
  to name types, files, tables or columns: our own errors, those of the operating system, of SQLite, and the usual
  programming mistakes. All others (``ValueError``, ``KeyError``) may quote the data that they stumbled over, and so
  are shown by type alone.
- Long text is cut, after all this.
"""

import math
import re
import sqlite3
import traceback
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath

from daemon.errors import WalletsyncError
from daemon.secret import SHOWN, Secret, mask

LONGEST_TEXT = 2_000
LONGEST_TRACEBACK = 16_000  # the journal cuts lines at 48 KiB, and JSON makes newlines two characters
DEEPEST = 8
LONGEST_CHAIN = 20  # exceptions that led to each other

_BEARER_URI = re.compile(r"\b(?:walletsync|(?:web\+|ext\+)?taler(?:\+http)?):/\S*", re.IGNORECASE)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")

_TELLING_ERRORS = (
    WalletsyncError,
    OSError,
    sqlite3.Error,
    AttributeError,
    ImportError,
    MemoryError,
    NameError,
    RecursionError,
    TypeError,
)


def presentable(value: object, depth: int = 0) -> object:
    """Return what a log line may show of a value: plain JSON types only. Never raises."""
    match value:
        case Secret():
            return SHOWN
        case Enum():
            return presentable(value.value, depth)
        case None | bool():
            return value
        case int():
            return value if abs(value) < 2**63 else "<large int>"
        case float():
            return round(value, 3) if math.isfinite(value) else repr(value)
        case str() | PurePath():
            return cut(scrub(str(value)), LONGEST_TEXT)
        case Mapping() if depth < DEEPEST:
            return {str(presentable(key, DEEPEST)): presentable(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth < DEEPEST:
            return [presentable(item, depth + 1) for item in value]
        case _:
            return f"<{type(value).__name__}>"


def scrub(text: str) -> str:
    """Remove from a text what must not be told."""
    return _CREDENTIALS_IN_URL.sub(SHOWN, _BEARER_URI.sub(SHOWN, mask(text)))


def cut(text: str, longest: int) -> str:
    """Leave out the middle of a text that is longer than so many characters."""
    if len(text) <= longest:
        return text
    left_out = f" ... {len(text) - longest} characters left out ... "
    return text[: longest // 2] + left_out + text[-(longest // 2) :]


def traceback_text(error: BaseException) -> str:
    """Render an exception with what led to it: places and types, and messages where they are known to tell no data."""
    return cut(scrub("\n".join(_story(error, set()))), LONGEST_TRACEBACK)


def _story(error: BaseException, told: set[int]) -> Iterator[str]:
    """Yield the lines of an exception, after those of its causes, the first cause first."""
    told.add(id(error))
    chain = [("", error)]
    while (link := _before(chain[-1][1])) is not None and id(link[1]) not in told and len(chain) < LONGEST_CHAIN:
        told.add(id(link[1]))
        chain.append(link)
    for relation, link_error in reversed(chain):
        yield from _one(link_error, told)
        if relation:
            yield relation


def _before(error: BaseException) -> tuple[str, BaseException] | None:
    """Return the exception that led to this one, and how."""
    if error.__cause__ is not None:
        return "which was the cause of:", error.__cause__
    if error.__context__ is not None and not error.__suppress_context__:
        return "and while that was handled:", error.__context__
    return None


def _one(error: BaseException, told: set[int]) -> Iterator[str]:
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), capture_locals=False)
    for entry in frames.format():
        yield entry.rstrip("\n")
    yield _headline(error)
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            if id(member) not in told:
                yield from ("  | " + line for block in _story(member, told) for line in block.splitlines())


def _headline(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, BaseExceptionGroup):
        return f"{name} of {len(error.exceptions)}:"
    if not isinstance(error, _TELLING_ERRORS):
        return f"{name} (its message is withheld)"
    # Unlike str(), this survives an exception that cannot show itself.
    return f"{name}: {traceback.TracebackException(kind, error, None)}"
