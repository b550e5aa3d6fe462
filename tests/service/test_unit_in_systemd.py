"""The units under a real systemd user manager: life, death and sandbox of what they start.

The stand-in tells what the sandbox really does, and fails as it is told; the daemon itself shows that it lives there.
"""

import json
import os
import re
import signal
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.processes import make_wallet
from support.service_manager import HOME, PYTHON, REPOSITORY, SOURCE, UID, UserManager, wait_until, why_impossible

UNIT = "walletsyncd.service"


@dataclass(frozen=True)
class Program:
    """What runs as ``walletsyncd``, and what has to be in the tester's home before it starts."""

    name: str
    command: tuple[str, ...]
    prepare: Callable[[UserManager], None] = lambda manager: None


def give_a_wallet(manager: UserManager) -> None:
    """Do what `walletsync init` does, for a wallet that is there."""
    wallet = manager.home / "wallet" / "wallet.db"
    manager.write("wallet/.keep", "")
    if not wallet.exists():
        with tempfile.TemporaryDirectory() as folder:  # SQLite follows no path through another process's root
            made = Path(folder) / "wallet.db"
            make_wallet(made)
            wallet.write_bytes(made.read_bytes())
        os.chown(wallet, int(UID), int(UID))
    manager.write(".config/walletsync/config.toml", f'[wallet]\npath = "{HOME}/wallet/wallet.db"\n', mode=0o600)


STANDIN = Program("standin", (PYTHON, f"{SOURCE}/tests/support/service_standin.py"))
DAEMON = Program("daemon", (PYTHON, "-m", "daemon"), give_a_wallet)
PROGRAMS = (STANDIN, DAEMON)


@pytest.fixture(scope="module")
def manager() -> Iterator[UserManager]:
    if reason := why_impossible():
        pytest.skip(reason)
    with UserManager() as running:
        yield running


@pytest.fixture
def standin(manager: UserManager) -> Iterator[UserManager]:
    manager.write(".ssh/id_ed25519", "a key", mode=0o600)
    manager.write(".profile", "")
    manager.install(STANDIN.command)
    yield manager
    manager.systemctl("stop", "walletsyncd*")
    manager.forget_drop_ins()


@pytest.fixture
def daemon(manager: UserManager) -> Iterator[UserManager]:
    give_a_wallet(manager)
    manager.install(DAEMON.command)
    yield manager
    manager.systemctl("stop", "walletsyncd*")
    manager.forget_drop_ins()


def walletsync(manager: UserManager, *arguments: str) -> str:
    """Run ``walletsync`` as the tester, whose walletsyncd lies in ~/.local/bin, and return what it printed."""
    beside = f"import sys; sys.executable = '{HOME}/.local/bin/python'"
    script = f"{beside}; from ipc.cli.main import run; sys.exit(run(sys.argv[1:]))"
    completed = manager.run("env", f"PYTHONPATH={SOURCE}", PYTHON, "-c", script, *arguments)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def test_the_daemon_reads_its_settings_anew_and_stays(daemon: UserManager) -> None:
    assert daemon.systemctl("start", UNIT) == "", daemon.errors()
    before = daemon.properties(UNIT)
    daemon.write(".config/walletsync/config.toml", f'[wallet]\npath = "{HOME}/wallet/wallet.db"\nnickname = "new"\n')
    assert daemon.systemctl("reload", UNIT) == ""
    wait_until(lambda: '"event": "config.reloaded"' in daemon.errors(), "it has read its settings")
    after = daemon.properties(UNIT)
    assert (after["ActiveState"], after["MainPID"]) == ("active", before["MainPID"])
    daemon.write(".config/walletsync/config.toml", "nonsense")
    assert daemon.systemctl("reload", UNIT) == ""
    wait_until(lambda: '"event": "config.kept"' in daemon.errors(), "it keeps its settings")
    assert daemon.properties(UNIT)["MainPID"] == before["MainPID"]


def test_the_daemon_takes_sealed_keys_and_their_passphrase_from_credentials(daemon: UserManager) -> None:
    secrets = f"{HOME}/.local/state/walletsync/secrets.json"
    assert daemon.systemctl("start", UNIT) == "", daemon.errors()
    seal = "from ipc import BlockingClient as C; c = C(__import__('pathlib').Path({0!r}), timeout=20); {1}"
    script = seal.format(f"/run/user/{UID}/walletsync/control.ipc", "c.__enter__().seal('a passphrase for a test')")
    done = daemon.run("env", f"PYTHONPATH={SOURCE}", PYTHON, "-c", script)
    assert done.returncode == 0, done.stderr
    daemon.systemctl("stop", UNIT)
    daemon.run("mv", secrets, f"{HOME}/keys.json")
    passphrase = 'my 100% "own" passphrase'
    daemon.write(passphrase, "a passphrase for a test\n", mode=0o600)
    options = ("--credential", f"secrets={HOME}/keys.json", "--credential", f"passphrase={HOME}/{passphrase}")
    try:
        assert "runs, and starts at every login" in walletsync(daemon, "service", "install", *options)
        assert daemon.properties(UNIT)["ActiveState"] == "active"
        daemon.write(passphrase, "another\n", mode=0o600)
        daemon.systemctl("restart", UNIT)
        assert daemon.properties(UNIT)["ExecMainStatus"] == "5"
        assert "the passphrase is not the one" in daemon.errors()
    finally:
        daemon.systemctl("stop", UNIT)
        daemon.run("rm", "-r", f"{HOME}/.local/state/walletsync")


def test_the_daemon_feeds_its_watchdog_and_is_restarted_when_it_hangs(daemon: UserManager) -> None:
    daemon.drop_in(UNIT, "[Service]\nWatchdogSec=1s\nRestartSec=0\n")
    assert daemon.systemctl("start", UNIT) == "", daemon.errors()
    first = int(daemon.properties(UNIT)["WatchdogTimestampMonotonic"])
    wait_until(lambda: int(daemon.properties(UNIT)["WatchdogTimestampMonotonic"]) > first + 1_100_000, "it was fed")
    assert daemon.properties(UNIT)["NRestarts"] == "0"
    hung = daemon.properties(UNIT)["MainPID"]
    daemon.run("kill", f"-{signal.SIGSTOP.value}", hung)
    wait_until(lambda: daemon.properties(UNIT)["MainPID"] not in {hung, "0"}, "another one runs")
    wait_until(lambda: daemon.properties(UNIT)["ActiveState"] == "active", "it is ready")
    assert int(daemon.properties(UNIT)["NRestarts"]) > 0


def test_the_service_is_installed_looked_at_and_removed_as_a_person_does_it(daemon: UserManager) -> None:
    (daemon.home / ".config/systemd/user" / UNIT).unlink()
    assert "runs, and starts at every login" in walletsync(daemon, "service", "install")
    running = daemon.properties(UNIT)
    assert (running["ActiveState"], running["UnitFileState"]) == ("active", "enabled")
    assert f"{HOME}/.local/bin/walletsyncd" in running["ExecStart"]
    status = walletsync(daemon, "service", "status")
    assert "no server yet" in status
    assert "starts at login" in status
    assert "Removed" in walletsync(daemon, "service", "uninstall")
    assert daemon.properties(UNIT)["LoadState"] == "not-found"
    assert (daemon.home / ".local/state/walletsync/secrets.json").exists()


def started(manager: UserManager, unit: str = UNIT) -> dict[str, object]:
    assert manager.systemctl("start", unit) == "", manager.errors()
    surroundings = json.loads((manager.home / "surroundings.json").read_text())
    assert isinstance(surroundings, dict)
    return surroundings


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_service_is_ready_says_what_it_does_and_stops_cleanly(manager: UserManager, program: Program) -> None:
    program.prepare(manager)
    manager.install(program.command)
    sockets = manager.runtime_directory / "walletsync"

    assert manager.systemctl("start", UNIT) == "", manager.errors()
    running = manager.properties(UNIT)
    assert (running["ActiveState"], running["SubState"]) == ("active", "running")
    assert running["StatusText"]
    assert (sockets.stat().st_mode & 0o777, sockets.stat().st_uid) == (0o700, int(UID))

    assert manager.systemctl("stop", UNIT) == ""
    stopped = manager.properties(UNIT)
    assert (stopped["ActiveState"], stopped["Result"], stopped["ExecMainStatus"]) == ("inactive", "success", "0")
    assert not sockets.exists()


def test_a_service_gets_its_folder_of_sockets_and_makes_private_files(standin: UserManager) -> None:
    found = started(standin)
    assert found["runtime_directory"] == "/run/user/4711/walletsync"
    assert found["runtime_directory_mode"] == "0700"
    assert found["umask"] == "0077"
    assert found["core_limit"] == 0


def test_the_mount_sandbox_is_really_in_effect(standin: UserManager) -> None:
    assert standin.run("touch", "/tmp/of-another-program", "/usr/src/of-the-tester").returncode == 0
    found = started(standin)
    assert found["uid"] == int(UID)
    assert found["writing_home"] is None
    assert found["writing_system"] == "EROFS"
    assert found["writing_programs"] == "EROFS"
    assert found["writing_units"] == "EROFS"
    assert found["writing_profile"] == "EROFS"
    assert found["reading_ssh_keys"] == "EACCES"
    assert found["temporary_files"] == []
    assert found["devices"] < 30  # type: ignore[operator]


def test_the_documented_drop_in_switches_the_mount_sandbox_off_and_leaves_the_filters(standin: UserManager) -> None:
    documented = (REPOSITORY / "docs" / "service.md").read_text()
    block = re.search(r"(?:^    .*\n)*^    PrivateUsers=no\n(?:^    .*\n)*", documented, re.MULTILINE)
    assert block is not None
    standin.drop_in(UNIT, textwrap.dedent(block.group()))
    found = started(standin)
    assert found["writing_system"] is None
    assert found["writing_programs"] is None
    assert found["writing_units"] is None
    assert found["writing_profile"] is None
    assert found["reading_ssh_keys"] is None
    assert found["devices"] > 30  # type: ignore[operator]
    assert found["seccomp"] == "2"
    assert found["socket_packet"] == "EAFNOSUPPORT"


def test_the_filters_of_the_kernel_are_really_in_effect(standin: UserManager) -> None:
    found = started(standin)
    assert found["no_new_privileges"] == "1"
    assert found["seccomp"] == "2"
    assert int(str(found["capabilities"]), 16) == 0
    assert found["socket_internet"] is None
    assert found["looking_up_localhost"] is None
    assert found["socket_packet"] == "EAFNOSUPPORT"
    assert found["socket_netlink"] == "EAFNOSUPPORT"
    assert found["writable_code"] == "EPERM"
    assert found["making_a_namespace"] == "EPERM"
    assert found["changing_priority"] == "EPERM"


@pytest.mark.parametrize("code", [5, 6, 7])
def test_a_service_that_waits_for_a_person_is_not_restarted(standin: UserManager, code: int) -> None:
    standin.drop_in(UNIT, f"[Service]\nEnvironment='STANDIN_MODE=exit {code}'\nRestartSec=0\n")
    assert "failed" in standin.systemctl("start", UNIT)
    ended = standin.properties(UNIT)
    assert (ended["ActiveState"], ended["ExecMainStatus"], ended["NRestarts"]) == ("failed", str(code), "0")


def test_a_service_that_fails_is_restarted_but_not_for_ever(standin: UserManager) -> None:
    standin.drop_in(UNIT, "[Service]\nEnvironment='STANDIN_MODE=exit 1'\nRestartSec=0\n")
    standin.systemctl("start", UNIT)
    wait_until(lambda: standin.properties(UNIT)["ActiveState"] == "failed", "it is given up")
    assert 1 < int(standin.properties(UNIT)["NRestarts"]) <= 5


def test_a_service_that_hangs_is_restarted_by_the_watchdog(standin: UserManager) -> None:
    standin.drop_in(UNIT, "[Service]\nEnvironment=STANDIN_MODE=hang\nWatchdogSec=300ms\nRestartSec=0\n")
    started(standin)
    wait_until(lambda: int(standin.properties(UNIT)["NRestarts"]) > 0, "it is restarted")


def test_a_service_that_feeds_its_watchdog_stays(standin: UserManager) -> None:
    standin.drop_in(UNIT, "[Service]\nWatchdogSec=2s\n")
    started(standin)
    first = int(standin.properties(UNIT)["WatchdogTimestampMonotonic"])
    # Longer than an unfed service is left alone.
    wait_until(lambda: int(standin.properties(UNIT)["WatchdogTimestampMonotonic"]) > first + 2_100_000, "it was fed")
    assert standin.properties(UNIT)["NRestarts"] == "0"


def test_an_instance_gets_its_home_whatever_characters_it_has(standin: UserManager) -> None:
    home = "/home/tester/second wallet-$HOME%h"
    instance = standin.run("systemd-escape", "--path", "--template=walletsyncd@.service", home).stdout.strip()
    found = started(standin, instance)
    assert found["arguments"] == ["--home", home]
    assert found["runtime_directory"] is None
