"""The demo. That it comes out well with real daemons is one test; all others see to it that it can fail."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.cli_terminal import PROGRAM
from support.cli_wallets import TALER, database, world

from ipc.cli.console import PeopleConsole
from ipc.cli.demo.device import DaemonTrouble
from ipc.cli.demo.performance import perform
from ipc.cli.demo.stage import Stage
from ipc.cli.demo.steps import STEPS
from ipc.cli.exits import ExitCode
from ipc.cli.main import run
from ipc.errors import Refused


class IdleDaemon:
    """A daemon that accepts everything and does nothing, or refuses to enroll."""

    def __init__(self, refusal: str | None = None) -> None:
        self._refusal = refusal

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def enroll(self, url):
        if self._refusal:
            raise Refused(1, self._refusal)

    def invite(self):
        return SimpleNamespace(uri="walletsync://join/1#0")

    def join(self, uri):
        pass

    def sync(self):
        pass

    def status(self):
        return SimpleNamespace(servers=[SimpleNamespace(last_success="2026-01-31T08:15:00.000Z")])


class IdleDevice:
    """A device whose daemon never syncs anything."""

    def __init__(self, name, connection, daemon) -> None:
        self.name = name
        self.connection = connection
        self.client = lambda: daemon
        self.running = True

    def check(self) -> None:
        if not self.running:
            raise DaemonTrouble("it ended by itself", self.log_tail())

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def log_tail(self) -> list[str]:
        return [f"the last line of the {self.name}"]


@pytest.fixture
def daemon_of_both() -> IdleDaemon:
    return IdleDaemon()


@pytest.fixture
def stage(tmp_path, daemon_of_both):
    worlds = [world("desktop"), world("phone")]
    with (
        database(tmp_path / "desktop.sqlite", worlds[0]) as desktop,
        database(tmp_path / "phone.sqlite", worlds[1]) as phone,
    ):
        yield Stage(
            desktop=IdleDevice("desktop", desktop, daemon_of_both),
            phone=IdleDevice("phone", phone, daemon_of_both),
            desktop_world=worlds[0],
            phone_world=worlds[1],
            server_url="file:///nowhere/",
            profile=TALER,
        )


def quiet() -> PeopleConsole:
    return PeopleConsole(quiet=True)


def step(title: str):
    return next(each for each in STEPS if each.title == title)


def test_the_demo_comes_out_well_with_real_daemons():
    began = time.monotonic()
    done = subprocess.run([*PROGRAM, "demo", "--json"], capture_output=True, text=True, timeout=100)
    assert done.stderr == ""
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["agree"], told["folder"]) == (True, None)
    assert [each["title"] for each in told["steps"]] == [each.title for each in STEPS]
    assert all(each["problems"] == [] for each in told["steps"])
    assert time.monotonic() - began < 60


def test_wallets_that_never_sync_end_the_demo_with_what_differs(stage):
    results = perform(stage, STEPS, quiet(), patience=0.0)
    assert [each.title for each in results] == ["One wallet alone", "Two wallets, one circle"]
    assert results[0].problems == []
    problems = results[1].problems
    assert "not so: the phone holds what both wallets held before" in problems
    assert any(re.match(r"not so: on the desktop, KUDOS:[\d.]+ can be spent", problem) for problem in problems)
    assert any(re.match(r"coins \('\w+',\): only the first wallet has it", problem) for problem in problems)


@pytest.mark.parametrize(
    ("title", "problem"),
    [
        ("Both spend", "is spent"),
        ("A delete", "not so: on the phone, the auditor of TOKEN is gone"),
        ("The conflict ends", "not so: on the phone, the exchange is deleted"),
        ("The ghost goes", "not so: on the phone, the ghost has made way for it"),
    ],
)
def test_each_step_fails_where_nothing_is_synced(title, problem, stage):
    before = {"The conflict ends": ["A conflict"], "The ghost goes": ["A ghost"]}.get(title, [])
    results = perform(stage, [step(each) for each in (*before, title)], quiet(), patience=0.0)
    assert any(problem in each for each in results[-1].problems)
    assert all(result.problems == [] for result in results[:-1])


def test_a_lost_conflict_is_seen_although_the_wallets_agree(stage):
    """The update winning on both sides is agreement, and still not what must be."""
    perform(stage, [step("A conflict")], quiet(), patience=0.0)
    row = stage.phone.connection.execute("SELECT * FROM trusted_exchanges WHERE currency = 'TOKEN'").fetchone()
    stage.desktop.connection.execute("INSERT INTO trusted_exchanges VALUES (?, ?, ?)", row)
    (result,) = perform(stage, [step("The conflict ends")], quiet(), patience=0.0)
    assert {each for each in result.problems if each.startswith("not so")} == {
        "not so: on the desktop, the exchange is deleted",
        "not so: on the phone, the exchange is deleted",
    }


def test_a_daemon_that_ends_by_itself_ends_the_demo(stage):
    stage.phone.running = False
    with pytest.raises(DaemonTrouble, match="ended by itself"):
        perform(stage, STEPS, quiet())


def test_a_daemon_that_refuses_ends_the_demo_with_its_words_and_logs(stage):
    stage.desktop.client = lambda: IdleDaemon("no such folder")
    with pytest.raises(DaemonTrouble, match="'One wallet alone', a daemon answered: no such folder") as trouble:
        perform(stage, STEPS, quiet())
    assert trouble.value.log == ["desktop: the last line of the desktop", "phone: the last line of the phone"]


def test_what_happens_is_shown_step_by_step(stage):
    console = PeopleConsole()
    with console.capture() as capture:
        perform(stage, [step("A conflict")], console, patience=0.0)
    shown = capture.get()
    assert "1. A conflict. While the phone is off" in shown
    assert re.search(r"trusted_exchanges\s+2 → 1\s+2\n", shown)
    assert re.search(r"can be spent, KUDOS\s+KUDOS:[\d.]+\s+KUDOS:[\d.]+\n", shown)
    assert max(map(len, shown.splitlines())) <= 80


def test_a_daemon_that_does_not_start_is_told_with_the_end_of_its_log(monkeypatch, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho this is broken >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr("ipc.cli.demo.device.sys.executable", str(broken))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert run(["demo"]) == ExitCode.FAULT
    captured = capsys.readouterr()
    assert "the daemon of desktop ended by itself with 3" in captured.err
    assert "this is broken" in captured.err
    assert "Traceback" not in captured.err


def test_a_folder_that_exists_is_not_played_in(tmp_path, capsys):
    assert run(["demo", "--home", str(tmp_path)]) == ExitCode.USAGE
    assert "Name one that does not exist yet" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def processes_of(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and os.fsencode(folder) in (entry / "cmdline").read_bytes():
                found.append(entry.name)
    return found


def interrupted_demo(number: signal.Signals, *arguments: str) -> tuple[int, str]:
    """Start a demo, send it a signal in its first step, and return its exit code and the rest of its output."""
    process = subprocess.Popen(
        [*PROGRAM, "demo", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    lines = iter(process.stdout)
    assert any(line.startswith("1. ") for line in lines)
    process.send_signal(number)
    rest = "".join(lines)
    process.stdout.close()
    return process.wait(20), rest


def test_a_demo_that_is_interrupted_leaves_no_daemon_and_no_folder(tmp_path):
    folder = tmp_path / "play"
    code, _ = interrupted_demo(signal.SIGINT, "--home", str(folder))
    assert code == 128 + signal.SIGINT
    assert processes_of(folder) == []
    assert not folder.exists()


def test_a_demo_that_is_terminated_leaves_no_daemon_and_keeps_what_is_to_be_kept(tmp_path):
    folder = tmp_path / "kept"
    code, rest = interrupted_demo(signal.SIGTERM, "--keep", "--home", str(folder))
    assert code == 128 + signal.SIGTERM
    assert processes_of(folder) == []
    assert rest.endswith(f"Kept: {folder}\n")
    assert sorted(path.name for path in folder.iterdir()) == ["desktop", "phone", "server"]
