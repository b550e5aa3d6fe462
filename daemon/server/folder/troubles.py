"""What can go wrong with a folder, and what that means for the next step.

OSErrors of the folder's files become a FolderTrouble here and nowhere else. Errors of our own files, such as the
spool, are faults of ours and pass through.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.server.base import Failure, FailureKind


class FolderTrouble(Exception):  # noqa: N818 - it carries an expected outcome from where it is found to the caller
    """The folder cannot be used now, as the failure says."""

    def __init__(self, kind: FailureKind, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.failure = Failure(kind, message, retry_after)


@contextmanager
def troubles_of(folder: Path, needed_bytes: int = 0) -> Iterator[None]:
    """Translate the OSErrors of the folder's own files. ``needed_bytes``: what is being written there."""
    try:
        yield
    except OSError as error:
        raise trouble_of(error, folder, needed_bytes) from error


def trouble_of(error: OSError, folder: Path, needed_bytes: int) -> FolderTrouble:
    """Say what an error in the folder means."""
    reason = error.strerror or str(error)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            room = f"the blob needs {needed_bytes} bytes, {_free_bytes(folder)} are free"
            return FolderTrouble(FailureKind.TOO_LARGE, f"there is no room in {folder}: {room} ({reason})")
        case errno.EROFS:
            return FolderTrouble(FailureKind.REFUSED, f"{folder} is mounted read-only: it has to be writable")
        case errno.EACCES | errno.EPERM:
            return FolderTrouble(
                FailureKind.REFUSED, f"this user must be allowed to read and write in {folder}: {reason}"
            )
        case errno.EISDIR | errno.ENOTDIR | errno.ENOTEMPTY | errno.ELOOP:
            return FolderTrouble(FailureKind.REFUSED, f"something in {folder} stands where a file should be: {reason}")
        case errno.ENOLCK | errno.ENOSYS | errno.EOPNOTSUPP | errno.EINVAL:
            message = f"the file system of {folder} cannot do what a server needs (locks, renames): {reason}"
            return FolderTrouble(FailureKind.REFUSED, message)
        case _:
            return FolderTrouble(FailureKind.UNREACHABLE, f"{folder} cannot be used now: {reason}")


def _free_bytes(folder: Path) -> int | str:
    try:
        status = os.statvfs(folder)
    except OSError:
        return "no one knows how many"
    return status.f_bavail * status.f_frsize
