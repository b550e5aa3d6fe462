"""How happenings become lines."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
import structlog
from structlog.testing import capture_logs
from support.service_logs import Log, Terminal, logging_to

from daemon import logs
from daemon.logs.keeping import WalletAbsent, WalletApplied
from daemon.logs.running import DaemonFailed, DaemonStopping

ABSENT = WalletAbsent(path=Path("/home/ann/wallet.sqlite3"))
APPLIED = WalletApplied(rows=7)


@pytest.fixture(autouse=True)
def _default_configuration() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def stopping(reason: str) -> DaemonStopping:
    return DaemonStopping(reason=reason)


def test_a_line_has_time_level_event_and_fields_in_this_order() -> None:
    log = Log()
    with logging_to(log):
        logs.emit(ABSENT)
    assert log.getvalue() == (
        '{"at": "2026-01-31T08:15:00.000Z", "level": "warning", "event": "wallet.absent", '
        '"path": "/home/ann/wallet.sqlite3"}\n'
    )


def test_an_error_adds_its_traceback_as_the_last_member() -> None:
    log = Log()
    with logging_to(log):
        logs.emit(DaemonFailed(message="no state", exit_code=1), error=OSError(28, "No space left on device"))
    (line,) = log.lines
    assert list(line)[-1] == "exception"
    assert line["exception"] == "OSError: [Errno 28] No space left on device"


@pytest.mark.parametrize(("level", "shown"), [("debug", 2), ("info", 1), ("warning", 1), ("error", 0)])
def test_what_is_below_the_level_is_not_written(level: logs.LevelName, shown: int) -> None:
    log = Log()
    with logging_to(log, level=level):
        logs.emit(ABSENT)
        logs.emit(APPLIED)
    assert len(log.lines) == shown


def test_a_terminal_gets_columns_and_colours() -> None:
    terminal = Terminal()
    logs.configure("info", "auto", stream=terminal, environ={})
    logs.emit(ABSENT)
    assert "\x1b[" in terminal.getvalue()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert re.search(r"\[warning +\] wallet\.absent +path=/home/ann/wallet\.sqlite3\n$", plain)


def test_a_service_gets_json_lines_even_on_a_terminal() -> None:
    terminal = Terminal()
    logs.configure("info", "auto", stream=terminal, environ={"JOURNAL_STREAM": "1:2"})
    logs.emit(ABSENT)
    assert terminal.lines[0]["event"] == "wallet.absent"


def test_a_file_gets_json_lines(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        logs.configure("info", "auto", stream=file, environ={})
        logs.emit(ABSENT)
    assert (tmp_path / "log").read_text().startswith("{")


def journal_stream(stream: socket.socket) -> dict[str, str]:
    status = os.fstat(stream.fileno())
    return {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


def test_the_journal_gets_each_line_with_its_fields(tmp_path: Path) -> None:
    ours, journals = socket.socketpair()
    with ours, journals, ours.makefile("w") as stream, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        logs.configure("debug", "auto", stream=stream, environ=journal_stream(ours), journal=tmp_path / "journal")
        logs.emit(ABSENT)
        entry = journal.recv(10_000).decode().splitlines()
        logs.emit(DaemonFailed(message="m", exit_code=1), error=OSError(28, "first\nsecond"))
        with_traceback = journal.recv(10_000)
        journals.setblocking(False)
        with pytest.raises(BlockingIOError):
            journals.recv(1)
    assert entry[0].startswith('MESSAGE={"at": ')
    assert {"PRIORITY=4", "SYSLOG_IDENTIFIER=walletsyncd", "WALLETSYNC_EVENT=wallet.absent"} < set(entry)
    assert "WALLETSYNC_PATH=/home/ann/wallet.sqlite3" in entry
    text = b"OSError: [Errno 28] first\nsecond"
    assert b"WALLETSYNC_EXCEPTION\n" + len(text).to_bytes(8, "little") + text + b"\n" in with_traceback
    assert b"WALLETSYNC_EXIT_CODE=1\n" in with_traceback


def test_a_journal_that_takes_no_fields_gets_the_priority_before_each_line(tmp_path: Path) -> None:
    ours, journals = socket.socketpair()
    with ours, journals, ours.makefile("w") as stream:
        logs.configure("debug", "auto", stream=stream, environ=journal_stream(ours), journal=tmp_path / "none")
        logs.emit(ABSENT)
        logs.emit(APPLIED)
        lines = journals.recv(10_000).decode().splitlines()
    assert [line[:4] for line in lines] == ["<4>{", "<7>{"]


def test_without_a_stream_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json", environ={})
    logs.emit(ABSENT)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert '"wallet.absent"' in captured.err


def test_a_test_can_capture_everything_that_is_emitted() -> None:
    log = Log()
    with logging_to(log, level="error"), capture_logs() as captured:
        logs.emit(APPLIED)
    assert captured == [{"event": "wallet.applied", "log_level": "debug", **APPLIED.fields()}]
    assert log.getvalue() == ""


def test_a_test_can_capture_without_any_configuration() -> None:
    with capture_logs() as captured:
        logs.emit(ABSENT)
    assert [line["event"] for line in captured] == ["wallet.absent"]


@pytest.mark.parametrize("layout", ["json", "console"])
def test_a_value_cannot_forge_a_line_or_speak_to_the_terminal(layout: logs.LogLayout) -> None:
    log = Log()
    with logging_to(log, layout=layout):
        logs.emit(stopping('x\n{"event": "daemon.ready"}\r\x1b]0;title\x07\x9b31m\u202e\u2028end'))
    written = log.getvalue()
    assert written.count("\n") == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", written)
    assert "end" in written


def broken_pipe() -> TextIO:
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", buffering=1)


def test_a_reader_that_went_away_is_no_error() -> None:
    stream = broken_pipe()
    logs.configure("info", "json", stream=stream, environ={})
    logs.emit(ABSENT)
    with pytest.raises(BrokenPipeError):  # the stream still holds the line, and says so to whoever closes it
        stream.close()


def test_a_full_disk_is_no_error() -> None:
    stream = Path("/dev/full").open("w")  # noqa: SIM115 - closing it fails, as it must
    logs.configure("info", "json", stream=stream, environ={})
    logs.emit(ABSENT)
    with pytest.raises(OSError, match="No space left"):
        stream.close()


def test_a_closed_stream_is_no_error() -> None:
    log = Log()
    log.close()
    logs.configure("info", "json", stream=log, environ={})
    logs.emit(ABSENT)


def test_text_that_is_no_unicode_is_no_error(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="ascii") as file:
        logs.configure("info", "console", stream=file, environ={})
        logs.emit(stopping("\udcff"))
        logs.emit(stopping("plain"))
    assert "plain" in (tmp_path / "log").read_text()
