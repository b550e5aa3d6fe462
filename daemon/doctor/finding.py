"""What a self-check finds, as ``walletsyncd --check`` prints it.

    {"api": 1, "version": "0.1.0", "exit_code": 0, "facts": {"python": "3.11.2"}, "profile": "taler",
     "findings": [{"about": "wallet", "verdict": "ok", "message": "...", "advice": null}]}

``about`` is one of: configuration, paths, permissions, secrets, state, profile, wallet, daemon, server, clock, disk.
A verdict is ``ok``, ``warning`` (it works, but a person should know) or ``bad`` (it does not work until a person
acts, and the advice says how). ``profile`` is the one that the wallet was held against, or that it was recognised by,
if there is one. The exit code is that of the first bad finding: 5 for configuration and secrets, 6 for
profile and wallet, else 1; 0 if nothing is bad.
"""

from typing import Literal

import msgspec

from daemon.errors import ConfigurationError, SecretsError, WalletsyncError, WalletUnfit

Verdict = Literal["ok", "warning", "bad"]

_EXIT_CODE_BY_SUBJECT = {
    "configuration": ConfigurationError.exit_code,
    "secrets": SecretsError.exit_code,
    "profile": WalletUnfit.exit_code,
    "wallet": WalletUnfit.exit_code,
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, how it is, and what a person should do about it."""

    about: str
    verdict: Verdict
    message: str
    advice: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole self-check. ``facts`` are versions, for reports of faults."""

    api: int = 1
    version: str
    exit_code: int
    facts: dict[str, str]
    profile: str | None
    findings: list[Finding]


def exit_code_of(findings: list[Finding]) -> int:
    """Return the exit code of the first bad finding, or 0."""
    bad = next((finding for finding in findings if finding.verdict == "bad"), None)
    return 0 if bad is None else _EXIT_CODE_BY_SUBJECT.get(bad.about, WalletsyncError.exit_code)
