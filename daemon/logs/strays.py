"""What would be printed by others than our log: exceptions that nobody caught, and libraries' own log messages.

Python prints such exceptions with their messages, and logging prints what libraries pass to it; both may quote data.
Here they become happenings, and so follow the rules of ``daemon.logs.redaction``. Of a library's message only the
unformatted text is told (``"connection to %s lost"``), never the arguments.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from daemon.logs.output import emit
from daemon.logs.running import ExceptionStray, LibrarySpoke


@contextmanager
def strays_logged() -> Iterator[None]:
    """Log, while this is entered, exceptions that reach no code and warnings that libraries log."""
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    handler = _LibraryHandler(logging.WARNING)
    sys.excepthook, threading.excepthook, sys.unraisablehook = _uncaught, _from_thread, _unraisable
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        sys.excepthook, threading.excepthook, sys.unraisablehook = before


class _LibraryHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        message = record.msg if isinstance(record.msg, str) else f"<{type(record.msg).__name__}>"
        emit(LibrarySpoke(library=record.name, message=message), error=error)


def _uncaught(_kind: type[BaseException], error: BaseException, _traceback: TracebackType | None) -> None:
    emit(ExceptionStray(where="the program"), error=error)


def _from_thread(arguments: threading.ExceptHookArgs) -> None:
    where = "a thread" if arguments.thread is None else f"thread {arguments.thread.name}"
    emit(ExceptionStray(where=where), error=arguments.exc_value)


def _unraisable(arguments: "sys.UnraisableHookArgs") -> None:
    emit(ExceptionStray(where="a finaliser or callback"), error=arguments.exc_value)
