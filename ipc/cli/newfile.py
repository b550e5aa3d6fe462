"""New files that hold a secret: never over an existing one, for their owner alone, whole or not at all."""

import contextlib
from pathlib import Path

from ipc.cli.exits import CommandFailed, ExitCode


def check_new_file(path: Path) -> None:
    """Raise ``CommandFailed`` where a file cannot be written, so that this is said before anything is done."""
    if path.exists() or path.is_symlink():
        raise CommandFailed(ExitCode.USAGE, f"{path} exists already and was left alone", "Name a new file.")
    if not path.parent.is_dir():
        raise CommandFailed(ExitCode.USAGE, f"there is no folder {path.parent} to write {path.name} into")


def write_new_file(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read.

    Raises ``CommandFailed``, and leaves no file behind, where it exists already or cannot be written.
    """
    try:
        path.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"{path} cannot be written: {error.strerror}") from error
    try:
        path.write_bytes(content)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise CommandFailed(ExitCode.FAULT, f"{path} cannot be written: {error.strerror}") from error
