"""Runs the daemon's own check, ``walletsyncd --check``, in a process of its own, and reads what it found."""

import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec

from ipc.cli.exits import CommandFailed, ExitCode

PATIENCE = 120.0
"""Seconds that a check may take: servers get some, and large databases are read through."""

Verdict = Literal["ok", "warning", "bad"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, how it is, and what a person should do about it."""

    about: str
    verdict: Verdict
    message: str
    advice: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole self-check."""

    api: int
    version: str
    exit_code: int
    facts: dict[str, str]
    profile: str | None
    findings: list[Finding]


def check_home(home: Path | None) -> Report:
    """Check everything that the daemon of a home needs. Raises CommandFailed."""
    return _run([] if home is None else ["--home", str(home)])


def check_database(database: Path, profile: str | None) -> Report:
    """Check whether a wallet database fits a profile, or which one it fits. Raises CommandFailed."""
    named = [] if profile is None else ["--profile", profile]
    return _run(["--database", str(database.absolute()), *named])


def recognise(database: Path) -> str:
    """Return the shipped profile that a wallet database fits. Raises CommandFailed where that is not just one."""
    report = check_database(database, None)
    bad = next((each for each in report.findings if each.verdict == "bad"), None)
    if bad is not None:
        raise CommandFailed(ExitCode.WALLET_UNFIT, bad.message, *([bad.advice] if bad.advice else []))
    assert report.profile is not None
    return report.profile


def _run(arguments: list[str]) -> Report:
    command = [sys.executable, "-m", "daemon", "--check", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own module
            command, capture_output=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(ExitCode.FAULT, f"the self-check did not end within {PATIENCE:.0f} s") from None
    try:
        return msgspec.json.decode(done.stdout, type=Report)
    except msgspec.DecodeError:
        raise CommandFailed(ExitCode.FAULT, f"the self-check itself failed, with {done.returncode}") from None
