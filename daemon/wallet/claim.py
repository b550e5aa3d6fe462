"""A claim on a wallet database: of all homes of a user, one works with it at a time.

Two daemons on one database would each find the other's marker in it, take the file for one that was put back, and heal
it, in turn and for ever. So each holds a lock on a small file that is named after the database's device and inode,
whatever path leads there, and says in it whose it is.

These files lie in a folder that all homes of the user share (``config.paths``), and not beside the database: there a
lock could be in the wallet's way, since some file systems know but one kind of lock. A killed daemon leaves a file
behind that nobody has locked; it means nothing. Homes of other users are told apart in the database itself
(daemon.wallet.holder).
"""

import contextlib
import fcntl
import os
from pathlib import Path

FileId = tuple[int, int]
"""Device and inode."""

_MOST_READ = 4096  # bytes, of who holds a claim


class Claim:
    """The claim of one home to one database after the other. Used by one thread at a time."""

    def __init__(self, folder: Path, home: Path) -> None:
        self._folder = folder
        self._home = home
        self._held: tuple[FileId, int] | None = None

    def hold(self, file: FileId) -> str | None:
        """Hold the claim to this file, and to no other. Return which home has it, if that is another one."""
        if self._held is not None and self._held[0] == file:
            return None
        self.release()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = self._lock(_place(self._folder, file))
        except OSError:
            return None  # a machine that keeps no such files has the sockets' own troubles; this is no reason to stop
        if isinstance(descriptor, str):
            return descriptor
        self._held = file, descriptor
        return None

    def release(self) -> None:
        """Let another home have the file."""
        if self._held is not None:
            file, descriptor = self._held
            self._held = None
            with contextlib.suppress(OSError):
                _place(self._folder, file).unlink()
            os.close(descriptor)

    def _lock(self, path: Path) -> int | str:
        """Return the locked file, or who has locked it. Raises OSError."""
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(path, descriptor):
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, os.fsencode(self._home))
                    return descriptor
            except BlockingIOError:
                holder = _holder(descriptor)
                os.close(descriptor)
                return holder
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # whoever had it has just removed it


def other_holder(folder: Path, home: Path, file: FileId) -> str | None:
    """Return which other home has a claim to this file, if any. Changes nothing."""
    try:
        descriptor = os.open(_place(folder, file), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(descriptor)
        return None if holder == str(home) else holder
    finally:
        os.close(descriptor)
    return None


def _place(folder: Path, file: FileId) -> Path:
    return folder / f"{file[0]}-{file[1]}"


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    return os.fsdecode(os.pread(descriptor, _MOST_READ, 0)) or "another home"
