"""The unit files as texts: what systemd's own checks say of them, and what they promise."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.service_manager import REPOSITORY

from daemon.errors import ConfigurationError, HomeTaken, SecretsError, WalletUnfit
from ipc.cli.service.credentials import choice_text, read_choice

UNITS = REPOSITORY / "systemd"
SERVICE = UNITS / "walletsyncd.service"
TEMPLATE = UNITS / "walletsyncd@.service"
HIGHEST_EXPOSURE = 2.5  # of 10, as systemd-analyze counts

BOTH = pytest.mark.parametrize("unit", [SERVICE, TEMPLATE], ids=lambda unit: unit.name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a home in which walletsyncd is installed."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / ".local" / "bin" / "walletsyncd"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


def analyze(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    return subprocess.run(
        ["systemd-analyze", "--user", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def settings(unit: Path) -> list[str]:
    return [line for line in unit.read_text().splitlines() if line and not line.startswith("#")]


@BOTH
def test_systemd_has_nothing_to_say_against_the_unit(home: Path, unit: Path) -> None:
    verified = analyze(home, "verify", str(unit))
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_systemd_has_nothing_to_say_against_what_hands_over_credentials(home: Path) -> None:
    text = choice_text({"passphrase": Path('/media/my stick/100% "mine"'), "secrets": Path("/media/ü/keys.json")})
    assert text is not None
    unit = home / SERVICE.name
    unit.write_text(SERVICE.read_text() + text)
    verified = analyze(home, "verify", str(unit))
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    assert set(read_choice(text).values()) == {Path('/media/my stick/100% "mine"'), Path("/media/ü/keys.json")}


def test_systemd_would_complain_of_a_misspelt_setting(home: Path) -> None:
    misspelt = home / "walletsyncd.service"
    misspelt.write_text(SERVICE.read_text().replace("WatchdogSec", "WatchdogSecs"))
    assert "WatchdogSecs" in analyze(home, "verify", str(misspelt)).stderr


@BOTH
def test_the_unit_leaves_little_open(home: Path, unit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = analyze(home, "security", "--offline=yes", "--no-pager", str(unit)).stdout
    overall = re.search(r"Overall exposure level for \S+: ([\d.]+) \w+", report)
    assert overall is not None
    with capsys.disabled():
        print(f"\n{overall.group()}")  # noqa: T201 - a figure to watch
    assert float(overall.group(1)) <= HIGHEST_EXPOSURE


def test_the_units_differ_only_in_what_runs_where() -> None:
    different = set(settings(SERVICE)) ^ set(settings(TEMPLATE))
    assert {line.split("=")[0] for line in different} == {
        "Description",
        "ExecStart",
        "RuntimeDirectory",
        "RuntimeDirectoryMode",
    }


@BOTH
def test_what_waits_for_a_person_is_not_restarted(unit: Path) -> None:
    codes = sorted({kind.exit_code for kind in (ConfigurationError, SecretsError, WalletUnfit, HomeTaken)})
    assert f"RestartPreventExitStatus={' '.join(map(str, codes))}" in settings(unit)


@BOTH
def test_the_user_namespace_comes_before_what_needs_it(unit: Path) -> None:
    names = [line.split("=")[0] for line in settings(unit)]
    assert names.index("PrivateUsers") < min(
        index for index, name in enumerate(names) if name.startswith("Protect") or name.endswith("Paths")
    )
