"""Reading and writing the files of a folder server. All of this blocks: a worker runs it.

A file is only ever replaced as a whole: what is new is written beside it, down to the disk, read back, and renamed
over it. Killed at any point, this leaves the old file or the new one, and perhaps a temporary file, which whoever
holds the lock next removes.
"""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from daemon.server.base import FailureKind
from daemon.server.folder.troubles import FolderTrouble, troubles_of

TEMPORARY = ".tmp"

_PIECE_BYTES = 2**20
_PEEK_BYTES = 64
_BUSY_AGAIN = 2.0


class Hint(NamedTuple):
    """What tells cheaply that a blob file is the one read or written before, and unchanged since.

    Times have a granularity, inodes are used again and sizes are padded; but a sealed blob begins with random bytes
    that are new in every upload.
    """

    inode: int
    size: int
    modified_ns: int
    changed_ns: int
    beginning: bytes

    def same_content(self, other: "Hint") -> bool:
        """Tell whether nobody wrote into the file; that another was renamed over its name changes its status too."""
        return self._replace(changed_ns=0) == other._replace(changed_ns=0)


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold a lock file's lock; yields False where someone else holds it. Never waits.

    The file stays for ever: were it removed, two programs could lock two files of one name.
    """
    with troubles_of(path.parent):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        with troubles_of(path.parent):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_ours = True
            except BlockingIOError:
                is_ours = False
        yield is_ours
    finally:
        os.close(descriptor)


def open_file(path: Path) -> BinaryIO:
    """Open a regular file to read it, and nothing else: opening a pipe would wait for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise FolderTrouble(FailureKind.REFUSED, f"{path} is in the way: a file should be there, or nothing")


def new_spool(path: Path) -> BinaryIO:
    """Make a file of ours for a sealed blob, in place of one that may be there."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def hint_of(file: BinaryIO) -> Hint:
    """Look at an open blob file without reading it."""
    status = os.fstat(file.fileno())
    beginning = os.pread(file.fileno(), _PEEK_BYTES, 0)
    return Hint(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, beginning)


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """Read a file from its beginning to its end."""
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        yield piece


def pieces_in_folder(file: BinaryIO, folder: Path) -> Iterator[bytes]:
    """Read a blob file of the folder, and see to it that nobody wrote into it meanwhile."""
    with troubles_of(folder):
        before = hint_of(file)
        file.seek(0)
    while True:
        with troubles_of(folder):
            piece = file.read(_PIECE_BYTES)
            if not piece and not hint_of(file).same_content(before):
                message = f"a blob in {folder} is being written by another program right now"
                raise FolderTrouble(FailureKind.BUSY, message, _BUSY_AGAIN)
        if not piece:
            return
        yield piece


def copied(pieces: Iterable[bytes], write: Callable[[bytes], object]) -> str:
    """Write all pieces, and return their SHA-512 in hexadecimal."""
    digest = hashlib.sha512()
    for piece in pieces:
        digest.update(piece)
        write(piece)
    return digest.hexdigest()


def sha512_of(pieces: Iterable[bytes]) -> str:
    """Return the SHA-512 of all pieces in hexadecimal."""
    return copied(pieces, lambda _: None)


def write_beside(temporary: Path, source: BinaryIO) -> str:
    """Write a temporary file with the content of ``source``, and prove that the disk has it. Return its SHA-512."""
    folder, needed_bytes = temporary.parent, os.fstat(source.fileno()).st_size
    with troubles_of(folder, needed_bytes):
        file = os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "r+b")
    try:
        digest = copied(pieces_of(source), _guarded(file.write, folder, needed_bytes))
        with troubles_of(folder, needed_bytes):
            flush_to_disk(file)
        _check_same(file, source, folder)
    finally:
        with suppress(OSError):  # what could not be written was reported above, and closing tries it once more
            file.close()
    return digest


def flush_to_disk(file: BinaryIO) -> None:
    """See to it that the file survives a loss of power."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """See to it that a rename in the folder survives a loss of power, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def removed_unless_renamed(temporary: Path) -> Iterator[None]:
    """See to it that nothing half-done is left, whatever happens."""
    try:
        yield
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """See to it that a file which could not be finished is not left half-done."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path, prefix: str) -> None:
    """Remove temporary files of programs that were killed. The lock that guards them is held."""
    with troubles_of(folder):
        for path in folder.iterdir():
            if path.name.startswith(prefix) and path.name.endswith(TEMPORARY):
                path.unlink(missing_ok=True)


def _check_same(written: BinaryIO, source: BinaryIO, folder: Path) -> None:
    with troubles_of(folder):
        # What the disk has is to be read, not what is still in memory.
        os.posix_fadvise(written.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        written.seek(0)
    for piece in pieces_of(source):
        with troubles_of(folder):
            same = written.read(len(piece)) == piece
        if not same:
            message = f"{folder} does not keep what is written into it: its disk may be broken"
            raise FolderTrouble(FailureKind.UNREACHABLE, message)


def _guarded(write: Callable[[bytes], object], folder: Path, needed_bytes: int) -> Callable[[bytes], None]:
    """Translate the errors of a write, and of nothing else: what is written is read from a file of ours."""

    def guarded(piece: bytes) -> None:
        with troubles_of(folder, needed_bytes):
            write(piece)

    return guarded
