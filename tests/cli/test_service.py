"""The service is installed, looked at and removed, with and without a service manager that answers."""

import json
import stat
import subprocess
from pathlib import Path

import pytest

from config.load import write_new_config
from config.paths import home_paths
from ipc.cli.main import run
from ipc.cli.service.unit import drop_in_text, escaped, is_open, unit_name, unit_text

ANSWERS = """\
case "$*" in
    *is-system-running*) echo running ;;
    *is-enabled*) echo enabled ;;
    *is-active*) echo active ;;
    *StatusText*) echo "2 servers in step" ;;
    *Linger*) echo yes ;;
esac
"""


class Machine:
    """A user's home, and programs of systemd that note how they are called."""

    def __init__(self, folder: Path, answers: str) -> None:
        self.home = folder / "user"
        self.units = self.home / ".config" / "systemd" / "user"
        self.calls_file = folder / "calls"
        self.programs = folder / "bin"
        self.programs.mkdir()
        for name in ("systemctl", "loginctl"):
            program = self.programs / name
            program.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.calls_file}\n{answers}')
            program.chmod(0o755)

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def configure(self, wallet: str = "~/wallet.sqlite") -> None:
        write_new_config(self.home / ".config" / "walletsync" / "config.toml", Path(wallet))


def machine_with(answers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path, answers)
    monkeypatch.setenv("PATH", f"{machine.programs}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(machine.home))
    monkeypatch.setattr("ipc.cli.service.unit._PRIVATE_FOLDERS", (Path("/private"),))  # tests' own homes lie in /tmp
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "WALLETSYNC_HOME"):
        monkeypatch.delenv(name, raising=False)
    return machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return machine_with(ANSWERS, tmp_path, monkeypatch)


def test_install_writes_the_unit_with_the_real_program_and_starts_it(machine: Machine, capsys) -> None:
    machine.configure()
    assert run(["service", "install"]) == 0
    unit = machine.units / "walletsyncd.service"
    (line,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    program = Path(line.removeprefix("ExecStart="))
    assert program.name == "walletsyncd"
    assert program.stat().st_mode & stat.S_IXUSR
    asked = [call for call in machine.calls() if "is-system-running" not in call]
    assert asked == [
        "systemctl --user daemon-reload",
        "systemctl --user enable walletsyncd.service",
        "systemctl --user restart walletsyncd.service",
    ]
    assert "starts at every login" in capsys.readouterr().out
    assert list(machine.units.iterdir()) == [unit]  # no drop-in where none is needed


def test_lingering_is_enabled_only_when_asked_for(machine: Machine) -> None:
    machine.configure()
    run(["service", "install"])
    assert not any("enable-linger" in call for call in machine.calls())
    run(["service", "install", "--linger"])
    assert any("enable-linger" in call for call in machine.calls())


def test_a_home_of_its_own_gets_an_instance(machine: Machine, capsys) -> None:
    home = machine.home / "second wallet"
    write_new_config(home_paths(home).config_file, Path("/nowhere/wallet.sqlite"))
    assert run(["service", "install", "--home", str(home), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["unit"] == unit_name(home)
    assert (machine.units / "walletsyncd@.service").exists()
    assert "--home /%I" in (machine.units / "walletsyncd@.service").read_text()
    assert f"systemctl --user enable {unit_name(home)}" in machine.calls()


def test_where_no_manager_answers_it_says_what_to_run(tmp_path: Path, monkeypatch, capsys) -> None:
    machine = machine_with("exit 1", tmp_path, monkeypatch)
    machine.configure()
    assert run(["service", "install"]) == 0
    said = capsys.readouterr().out
    assert "  systemctl --user enable walletsyncd.service\n" in said
    assert (machine.units / "walletsyncd.service").exists()
    assert not any("enable" in call for call in machine.calls())


def test_without_a_configuration_nothing_is_installed(machine: Machine, capsys) -> None:
    assert run(["service", "install"]) == 5
    assert "walletsync init --wallet PATH" in capsys.readouterr().err
    assert not machine.units.exists()


def test_a_refusal_of_the_manager_is_said(tmp_path: Path, monkeypatch, capsys) -> None:
    refuses = 'case "$*" in *is-system-running*) echo running ;; *restart*) echo "Job failed."; exit 1 ;; esac\n'
    machine_with(refuses, tmp_path, monkeypatch).configure()
    assert run(["service", "install"]) == 1
    assert "restart walletsyncd.service: Job failed." in capsys.readouterr().err


def test_a_wallet_in_a_closed_place_gets_a_drop_in_until_it_is_not_needed(machine: Machine) -> None:
    machine.configure("/private/wallet.sqlite")
    assert run(["service", "install"]) == 0
    drop_in = machine.units / "walletsyncd.service.d" / "walletsync-paths.conf"
    assert "PrivateTmp=no" in drop_in.read_text()
    (machine.home / ".config" / "walletsync" / "config.toml").unlink()
    machine.configure()
    assert run(["service", "install"]) == 0
    assert not drop_in.exists()


def test_status_tells_what_runs_and_warns_of_a_folder_that_the_sandbox_closes(machine: Machine, capsys) -> None:
    machine.configure()
    assert run(["service", "status", "--json"]) == 0
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert "not installed" in finding["message"]
    run(["service", "install"])
    (machine.home / ".config" / "walletsync" / "config.toml").unlink()
    machine.configure("/etc/wallet/wallet.sqlite")
    capsys.readouterr()
    run(["service"])
    said = capsys.readouterr().out
    assert "2 servers in step" in said
    assert "walletsync service install" in said


def test_uninstall_removes_what_install_wrote_and_nothing_else(machine: Machine) -> None:
    machine.configure("/private/wallet.sqlite")
    machine.units.mkdir(parents=True)
    (machine.units / "other.service").write_text("")
    run(["service", "install"])
    assert run(["service", "uninstall"]) == 0
    assert [path.name for path in machine.units.iterdir()] == ["other.service"]
    assert "systemctl --user disable --now walletsyncd.service" in machine.calls()
    assert (machine.home / ".config" / "walletsync" / "config.toml").exists()
    assert run(["service", "uninstall"]) == 0


def test_a_credential_is_handed_over_until_it_is_taken_out(machine: Machine, capsys) -> None:
    machine.configure()
    passphrase = machine.home / "my stick" / '100% "mine"'
    passphrase.parent.mkdir()
    passphrase.touch(mode=0o600)
    assert run(["service", "install", "--credential", f"passphrase={passphrase}"]) == 0
    drop_in = machine.units / "walletsyncd.service.d" / "walletsync-credentials.conf"
    line = f'LoadCredential=walletsync-passphrase:{passphrase.parent}/100%% "mine"\n'
    assert drop_in.read_text().endswith(line)
    assert "systemctl --user restart walletsyncd.service" in machine.calls()
    assert run(["service", "install", "--linger"]) == 0  # an install for another reason changes nothing of it
    assert drop_in.read_text().endswith(line)
    passphrase.unlink()
    run(["service", "status"])
    assert "which is not there" in " ".join(capsys.readouterr().out.split())
    assert run(["service", "install", "--credential", "passphrase="]) == 0
    assert not drop_in.exists()
    passphrase.touch(mode=0o600)
    run(["service", "install", "--credential", f"passphrase={passphrase}"])
    assert run(["service", "uninstall"]) == 0
    assert not drop_in.parent.exists()
    assert passphrase.exists()


def test_a_credential_that_would_keep_the_daemon_from_starting_is_refused_and_nothing_installed(
    machine: Machine, capsys
) -> None:
    machine.configure()
    good, bad = machine.home / "good", machine.home / "bad"
    good.touch(mode=0o600)
    bad.touch(mode=0o644)
    bad.chmod(0o644)
    (machine.home / "line\nbreak").touch(mode=0o600)
    state = machine.home / ".local" / "state" / "walletsync"
    state.mkdir(parents=True)
    (state / "secrets.json").touch()
    for option, words in (
        ("key=x", "write passphrase=FILE or secrets=FILE"),
        ("passphrase", "write passphrase=FILE or secrets=FILE"),
        (f"passphrase={machine.home}", "is no file"),
        (f"passphrase={machine.home}/none", "No such file"),
        (f"passphrase={bad}", "chmod 600"),
        (f"passphrase={machine.home}/line\nbreak", "no unit can name"),
        (f"secrets={good}", "there must be no"),
    ):
        assert run(["service", "install", "--credential", option]) == 2, option
        assert words in " ".join(capsys.readouterr().err.split())
    assert not machine.units.exists()


def test_the_template_stays_while_another_home_is_an_instance(machine: Machine) -> None:
    for name in ("one", "two"):
        write_new_config(home_paths(machine.home / name).config_file, Path("/nowhere/wallet.sqlite"))
        run(["service", "install", "--home", str(machine.home / name)])
    wants = machine.units / "default.target.wants"
    wants.mkdir()
    (wants / unit_name(machine.home / "two")).touch()
    run(["service", "uninstall", "--home", str(machine.home / "one")])
    assert (machine.units / "walletsyncd@.service").exists()
    (wants / unit_name(machine.home / "two")).unlink()
    run(["service", "uninstall", "--home", str(machine.home / "two")])
    assert not (machine.units / "walletsyncd@.service").exists()


@pytest.mark.parametrize("path", ["/home/ann/second wallet", "/home/a-b/.hidden", "/.top", "/ü/%h$x", "/"])
def test_a_path_is_escaped_as_systemd_does_it(path: str) -> None:
    told = subprocess.run(["systemd-escape", "--path", path], capture_output=True, text=True, check=True)
    assert escaped(Path(path)) == told.stdout.strip()


def test_a_program_is_quoted_where_systemd_would_take_it_apart() -> None:
    assert '\nExecStart="/opt/my tools/%%h/walletsyncd"\n' in unit_text(None, Path("/opt/my tools/%h/walletsyncd"))
    assert "\nExecStart=:/opt/walletsyncd --home /%I\n" in unit_text(Path("/home/ann/two"), Path("/opt/walletsyncd"))


def test_the_sandbox_is_opened_for_nothing_but_what_it_closes() -> None:
    user = Path("/home/ann")
    assert drop_in_text([user / "wallet", Path("/media/stick")], user) is None
    assert is_open(user / ".config", user)
    text = drop_in_text([Path("/etc/wallet"), user / ".local/bin/x", Path("/tmp/w")], user)
    assert text is not None
    assert "ReadWritePaths=-/etc/wallet\nReadWritePaths=-/home/ann/.local/bin/x\nPrivateTmp=no\n" in text
