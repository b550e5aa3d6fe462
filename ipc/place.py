"""Where the sockets lie, and what must hold there before anything listens or connects.

The directory belongs to this user, is no link, and nobody else may enter it (0700). Whoever listens in it holds an
exclusive lock on the directory itself while it does, taken before the sockets are touched: nng takes a socket that
answers nobody for stale and replaces it, and unlinks the path when it closes, whoever's socket is there by then.

nng would also remove a regular file at the path. So there must be a socket or nothing.

A path has at most 107 bytes: that is all the kernel's address of a socket holds.
"""

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipc.errors import AlreadyListening, NotRunning, SocketUnusable

MAX_PATH_BYTES = 107


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Create the directory if need be, make sure that it is ours alone, and hold its lock.

    Raises ``SocketUnusable``, or ``AlreadyListening`` if somebody else holds the lock.
    """
    _create(directory)
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise SocketUnusable(f"{directory} cannot be opened as a directory: {error.strerror}") from error
    try:
        _check_directory(directory, os.fstat(descriptor))
        _lock(directory, descriptor)
        yield
    finally:
        os.close(descriptor)


def check_length(path: Path) -> None:
    """Make sure that the kernel can take this path for a socket. Raises ``SocketUnusable``."""
    size = len(os.fsencode(path))
    if size > MAX_PATH_BYTES:
        raise SocketUnusable(f"the socket path {path} has {size} bytes; at most {MAX_PATH_BYTES} are possible")


def check_free(path: Path) -> None:
    """Make sure that a socket can be put at this path. Raises ``SocketUnusable``."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketUnusable(f"there is something at {path} that is no socket; it was left alone, move it away")


def check_listening(path: Path) -> None:
    """Make sure that somebody of this user listens at this path. Raises ``NotRunning``.

    Nothing is connected: a connection that ends before nng's handshake makes nng pause for 100 ms before it takes
    the next. A datagram socket may not connect to a listening stream socket, and the kernel's error tells a
    listening socket (wrong type) from one that was left behind (refused).
    """
    try:
        check_length(path)
        owner = path.lstat().st_uid
        if owner != os.geteuid():
            raise NotRunning(f"the socket {path} belongs to user {owner}, and a daemon serves only its own user")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            probe.connect(os.fsencode(path))
    except SocketUnusable as error:
        raise NotRunning(str(error)) from error
    except FileNotFoundError as error:
        raise NotRunning(f"no daemon runs: there is no socket at {path}") from error
    except OSError as error:
        if error.errno != errno.EPROTOTYPE:
            raise NotRunning(f"no daemon listens at {path}: {error.strerror}") from error


def _create(directory: Path) -> None:
    try:
        for missing in reversed([path for path in (directory, *directory.parents) if not path.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SocketUnusable(f"the directory {directory} cannot be created: {error.strerror}") from error


def _check_directory(directory: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise SocketUnusable(f"{directory} belongs to user {found.st_uid}; it must belong to {os.geteuid()}")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise SocketUnusable(f"others may enter {directory} (mode {mode:04o}); make it private: chmod 700 {directory}")


def _lock(directory: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyListening(f"another daemon holds the socket directory {directory}") from error
