"""Finds the shipped profile that a wallet database fits: the one all of whose requirements it meets."""

from pathlib import Path

from config.profile import load_profile, shipped_profiles
from daemon.doctor.databases import problems_by_profile
from daemon.doctor.finding import Finding

MOST_SAID = 3
"""Of so many things that a database lacks for a profile a person is told at once."""


def recognise(path: Path) -> tuple[str | None, list[Finding]]:
    """Return the name of the only shipped profile that fits, if there is just one, and what to tell a person."""
    problems = problems_by_profile(path, [load_profile(name) for name in shipped_profiles()])
    if isinstance(problems, Finding):
        return None, [problems]
    match [name for name, amiss in problems.items() if not amiss]:
        case [name]:
            return name, [Finding("profile", "ok", f"it is a wallet of the profile {name}, which it fits")]
        case []:
            said = "; ".join(f"for {name} {_worded(amiss)}" for name, amiss in problems.items())
            return None, [Finding("profile", "bad", f"{path} fits none of the shipped profiles: {said}", _NAME_ONE)]
        case several:
            names = ", ".join(several)
            message = f"{path} fits more than one of the shipped profiles: {names}"
            return None, [Finding("profile", "bad", message, "Say which of them it is, with --profile NAME.")]


_NAME_ONE = (
    "Look whether it is the wallet's database, and whether the wallet has run once; for another kind of wallet write a"
    " profile, and name it with --profile PATH."
)


def _worded(problems: list[str]) -> str:
    more = f", and {len(problems) - MOST_SAID} more" if len(problems) > MOST_SAID else ""
    return ", ".join(problems[:MOST_SAID]) + more
