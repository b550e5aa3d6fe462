"""A log in memory: configured as the daemon's, so that tests read what would really be written."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from daemon import logs

AT = datetime(2026, 1, 31, 8, 15, tzinfo=UTC)


class Log(io.StringIO):
    """What was written, as text or as the JSON lines' members."""

    @property
    def lines(self) -> list[dict[str, object]]:
        """The lines, decoded."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


class Terminal(Log):
    """A log that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def logging_to(log: Log, level: logs.LevelName = "debug", layout: logs.LogLayout = "json") -> Iterator[None]:
    """Configure the log while this is entered, and put structlog back to its defaults."""
    logs.configure(level, layout, stream=log, environ={}, now=lambda: AT)
    try:
        yield
    finally:
        structlog.reset_defaults()
