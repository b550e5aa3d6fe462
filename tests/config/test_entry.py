"""Ctrl-C ends the programs without a word also while they are still being loaded."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import daemon.__main__
from config.paths import home_paths

SLOW_TO_LOAD = "import sys, time; print('loading', flush=True); time.sleep(60)\n"


@pytest.mark.parametrize("entry", ["ipc.cli.entry", "daemon.entry"])
def test_a_program_that_is_still_being_loaded_is_ended_without_a_word(entry: str, tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text(SLOW_TO_LOAD)
    loading = subprocess.Popen(
        [sys.executable, "-c", f"from {entry} import main; main()"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert loading.stdout is not None
    assert loading.stdout.readline() == b"loading\n"
    loading.send_signal(signal.SIGINT)
    _, complaints = loading.communicate(timeout=20)
    assert (loading.returncode, complaints) == (-signal.SIGINT, b"")


@pytest.mark.parametrize("entry", ["ipc.cli.entry", "daemon.entry"])
def test_a_program_that_is_loaded_runs(entry: str) -> None:
    command = [sys.executable, "-c", f"import signal; from {entry} import main; main()", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("walletsync")


def test_a_daemon_that_is_interrupted_before_it_has_begun_was_asked_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("trio.run", interrupted)
    assert daemon.__main__.run(home_paths(tmp_path)) == 0
