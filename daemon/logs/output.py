"""How a happening becomes a line: filtered by level, dated, freed of secrets, and written to standard error.

Three layouts: JSON lines; JSON lines for the journal, with their fields beside them (``daemon.logs.journal``), or where
it does not take them so with the priority in front (``<4>{...}``), which it takes off and files the line under; and
columns with colours for a person at a terminal.

structlog's configuration is global, so that ``structlog.testing.capture_logs`` sees everything that is emitted,
whatever the level. Before ``configure`` was called, structlog's own defaults hold.

Logging never raises: what cannot be shown is replaced (``daemon.logs.redaction``), what cannot be written is dropped.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from daemon.logs.happening import Happening, Level
from daemon.logs.journal import SOCKET, Journal
from daemon.logs.redaction import presentable, traceback_text

LevelName = Literal["debug", "info", "warning", "error"]
LogLayout = Literal["auto", "json", "console"]

# What every line may have beside the fields of its happening.
FRAME = ("at", "level", "event", "exception")

_PRIORITY_BY_LEVEL = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # those of syslog
# Control characters and marks of writing direction: they could forge lines, or change what a terminal shows.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def emit(happening: Happening, error: BaseException | None = None) -> None:
    """Log that this happened; with the traceback of ``error``, if one is given. Never raises."""
    first = next(iter(structlog.get_config()["processors"]), None)
    if isinstance(first, _Threshold) and happening.level < first.lowest:
        return
    fields = happening.fields()
    if error is not None:
        fields["exception"] = traceback_text(error)
    logger: FilteringBoundLogger = structlog.get_logger()
    logger.log(happening.level, happening.event, **fields)


def configure(
    level: LevelName = "info",
    layout: LogLayout = "auto",
    *,
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
    journal: Path = SOCKET,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Send all happenings from this level on to the stream, by default standard error.

    ``auto`` means JSON lines where the service manager reads them or the stream is no terminal, else the console's
    layout.
    """
    target = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[_Threshold(Level[level.upper()]), _framed(now), *_renderers(layout, target, environ, journal)],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=lambda *_: _Lines(target),
        cache_logger_on_first_use=False,
    )


class _Lines:
    """Writes each line whole, or not at all."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def debug(self, line: str) -> None:
        """Write one line, whatever its level: structlog calls the method that bears the level's name."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError, RuntimeError):
            # The reader went away, the stream was closed, or a signal or finaliser came in the middle of a line.
            return

    info = warning = error = critical = debug


def _renderers(layout: LogLayout, stream: TextIO, environ: Mapping[str, str], journal: Path) -> list[Processor]:
    if layout == "console" or (layout == "auto" and "JOURNAL_STREAM" not in environ and stream.isatty()):
        return [_neutralised, structlog.dev.ConsoleRenderer(colors=stream.isatty(), timestamp_key="at")]
    if _is_the_journals(stream, environ):
        return [_to(Journal(journal)), _journal_line]
    return [_json_line]


def _to(journal: Journal) -> Processor:
    """Make the processor that hands a line to the journal with its fields; what that does not take goes on."""

    def hand_over(logger: object, method: str, event: EventDict) -> EventDict:
        fields = {name: value for name, value in event.items() if isinstance(value, str | int | float)}
        if journal.take(_json_line(logger, method, event), _PRIORITY_BY_LEVEL[method], fields):
            raise structlog.DropEvent
        return event

    return hand_over


def _is_the_journals(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether the stream goes to the journal itself, not merely that the program was started by a service."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


@dataclass(frozen=True)
class _Threshold:
    """Drops what is below a level. ``emit`` asks it before it makes an event at all, as of most there is none."""

    lowest: Level

    def __call__(self, _logger: object, method: str, event: EventDict) -> EventDict:
        if Level[method.upper()] < self.lowest:
            raise structlog.DropEvent
        return event


def _framed(now: Callable[[], datetime]) -> Processor:
    """Make the processor that dates a line, puts its members in order and shows only what may be shown."""

    def frame(_logger: object, method: str, event: EventDict) -> EventDict:
        name, exception = event.pop("event"), event.pop("exception", None)
        at = now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        framed: dict[str, object] = {"at": at, "level": method, "event": presentable(name)}
        framed |= {field: presentable(value) for field, value in event.items()}
        if isinstance(exception, str):
            framed["exception"] = exception  # traceback_text has scrubbed and cut it
        return framed

    return frame


def _json_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return json.dumps(event)


def _journal_line(logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    return f"<{_PRIORITY_BY_LEVEL[method]}>{_json_line(logger, method, event)}"


def _neutralised(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Write out control characters in a line for a terminal; JSON does so by itself."""
    for name, value in event.items():
        if isinstance(value, str):
            parts = value.split("\n") if name == "exception" else [value]
            event[name] = "\n".join(_UNPRINTABLE.sub(_written_out, part) for part in parts)
    return event


def _written_out(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()
