"""What the tests of the command line share."""

import os
from collections.abc import Callable, Iterator

import pytest
from support.cli_daemon import CannedDaemon, canned_daemon
from support.cli_examples import status

from ipc.cli.main import run


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "WALLETSYNC_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, os.fspath(tmp_path / name.lower()))


@pytest.fixture
def daemon() -> Iterator[CannedDaemon]:
    """A daemon that says what it is told to say."""
    with canned_daemon() as running:
        running.answer_by_method["status"] = status()
        yield running


@pytest.fixture
def walletsync(daemon: CannedDaemon) -> Callable[..., int]:
    """Runs a command against that daemon, and returns its exit code."""
    return lambda *arguments: run([*arguments, "--home", str(daemon.home)])
