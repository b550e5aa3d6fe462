"""Exceptions that nobody caught and what libraries log follow the rules of our log."""

import gc
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from support.service_logs import Log, logging_to

from daemon import logs

COIN = "coin ZZ4QCOINPUB"


@pytest.fixture
def log() -> Iterator[Log]:
    written = Log()
    with logging_to(written), logs.strays_logged():
        yield written


class Finalised:
    def __del__(self) -> None:
        raise ValueError(COIN)


def test_an_exception_of_a_thread_is_logged(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError(COIN)

    thread = threading.Thread(target=fail, name="poller")
    thread.start()
    thread.join()
    (line,) = log.lines
    assert (line["event"], line["where"]) == ("exception.stray", "thread poller")
    assert str(line["exception"]).endswith("ValueError (its message is withheld)")
    assert capsys.readouterr().err == ""


def test_an_exception_of_a_finaliser_is_logged(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    Finalised()
    gc.collect()
    (line,) = log.lines
    assert line["event"] == "exception.stray"
    assert COIN not in log.getvalue()
    assert capsys.readouterr().err == ""


def test_an_exception_that_ends_the_program_is_logged(log: Log) -> None:
    sys.excepthook(ValueError, ValueError(COIN), None)
    assert log.lines[0]["where"] == "the program"
    assert COIN not in log.getvalue()


def test_a_librarys_warning_is_logged_without_its_arguments(log: Log) -> None:
    library = logging.getLogger("a.library")
    library.warning("lost %s", COIN)
    library.error(ValueError(COIN))
    library.info("found %s", COIN)
    assert [line["message"] for line in log.lines] == ["lost %s", "<ValueError>"]
    assert {line["library"] for line in log.lines} == {"a.library"}


def test_a_librarys_traceback_is_logged_by_our_rules(log: Log) -> None:
    try:
        int(COIN)
    except ValueError:
        logging.getLogger("a.library").exception("it failed")
    assert str(log.lines[0]["exception"]).endswith("ValueError (its message is withheld)")
    assert COIN not in log.getvalue()


def test_afterwards_all_is_as_before() -> None:
    before = sys.excepthook, threading.excepthook, sys.unraisablehook, list(logging.getLogger().handlers)
    with logs.strays_logged():
        assert sys.excepthook is not before[0]
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook, list(logging.getLogger().handlers)) == before
