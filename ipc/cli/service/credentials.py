"""Which files the service manager hands to the daemon as credentials: a drop-in of LoadCredential= lines.

docs/service.md says what they are for. systemd takes the path in such a line as it stands, spaces and quotes included,
but for ``%``; a line break or a backslash at its end cannot be written. What is chosen stays until another choice is
made: an install for any other reason must not take the keys from a daemon.
"""

import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from ipc.cli.exits import CommandFailed, ExitCode

DROP_IN = "walletsync-credentials.conf"

_PREFIX = "walletsync-"
_NAMES = ("passphrase", "secrets")
_LINE = re.compile(rf"^LoadCredential={_PREFIX}({'|'.join(_NAMES)}):(.+)$", re.MULTILINE)


def read_choice(text: str) -> dict[str, Path]:
    """Return the files that a drop-in of ours names, by the short name of the credential."""
    return {name: Path(path.replace("%%", "%")) for name, path in _LINE.findall(text)}


def choice_text(file_by_name: Mapping[str, Path]) -> str | None:
    """Return the drop-in that hands these files over; ``None`` for none."""
    lines = [
        f"LoadCredential={_PREFIX}{name}:{str(path).replace('%', '%%')}" for name, path in sorted(file_by_name.items())
    ]
    head = ["# Made by `walletsync service install --credential`.", "[Service]"]
    return "\n".join((*head, *lines, "")) if lines else None


def changed_choice(before: Mapping[str, Path], options: Sequence[str], secrets: Path) -> dict[str, Path]:
    """Return the choice after options of the form NAME=FILE, or NAME= for none. Raises CommandFailed.

    ``secrets`` is where the keys lie that the credential of that name would be in the way of.
    """
    after = dict(before)
    for option in options:
        name, equals, file = option.partition("=")
        if name not in _NAMES or not equals:
            raise _wrong(f"--credential {option}: write {' or '.join(f'{each}=FILE' for each in _NAMES)}")
        after.pop(name, None)
        if file:
            after[name] = _checked(Path(file).expanduser().absolute())
    if "secrets" in after and secrets.exists():
        raise _wrong(
            f"with the keys as a credential there must be no {secrets}, or the daemon does not start",
            f"Stop the daemon, move that file to {after['secrets']}, and do this again.",
        )
    return after


def _checked(file: Path) -> Path:
    """Return the file if the service manager can hand it over, and nobody else can read it. Raises CommandFailed."""
    if re.search(r"[\x00-\x1f\x7f]|\\$", str(file)):
        raise _wrong(f"--credential: no unit can name {str(file)!r}: choose a path of plain characters")
    try:
        mode = file.stat().st_mode
    except OSError as error:
        raise _wrong(f"--credential: {file} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise _wrong(f"--credential: {file} is no file")
    if mode & 0o077:
        raise _wrong(f"--credential: others can read {file}", f"Run: chmod 600 {file}")
    return file


def _wrong(message: str, *advice: str) -> CommandFailed:
    return CommandFailed(ExitCode.USAGE, message, *advice)
