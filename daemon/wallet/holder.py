"""Which process works with a wallet database, told in the database itself: of all users, one daemon at a time.

A claim (daemon.wallet.claim) reaches all homes of one user. Two users who share a wallet database have no folder in
common in which both could trust what they find, but the database. So a daemon leaves in it which process it is
(``walletsync_holder``): the machine's boot, the process's id and start, its user, and which file the row is about,
since a copy bears it too. Whoever finds there a process of another user that still runs on this machine lets the
database alone; else it puts itself there, in a transaction, so that of two only one can.

A process that ended holds nothing, however it ended. Nothing is noticed where processes of others are hidden (a mount
of /proc with ``hidepid``, a container), nor of another machine.
"""

import contextlib
import os
import pwd
import sqlite3
from pathlib import Path
from typing import NamedTuple

from daemon.wallet.claim import FileId

TABLE = (
    "CREATE TABLE walletsync_holder (id INTEGER PRIMARY KEY CHECK (id = 1), boot TEXT NOT NULL, pid INTEGER NOT NULL,"
    " started INTEGER NOT NULL, uid INTEGER NOT NULL, device TEXT NOT NULL, inode TEXT NOT NULL)"
)

_PROCESSES = Path("/proc")
_START_FIELD = 22  # of /proc/PID/stat, in ticks since the boot: proc(5)


class Holder(NamedTuple):
    """A process: the boot of its machine, its id, when it started (in the kernel's ticks), and its user."""

    boot: str
    pid: int
    started: int
    uid: int

    def __str__(self) -> str:
        """Name it for people."""
        try:
            user = pwd.getpwuid(self.uid).pw_name
        except KeyError:
            user = str(self.uid)
        return f"the user {user} (process {self.pid})"


def this_process() -> Holder | None:
    """Return what this process is, or ``None`` on a system that does not tell."""
    started = _started(os.getpid())
    with contextlib.suppress(OSError):
        boot = (_PROCESSES / "sys/kernel/random/boot_id").read_text().strip()
        return None if started is None else Holder(boot, os.getpid(), started, os.getuid())
    return None


def other_user(connection: sqlite3.Connection, file: FileId, own: Holder) -> Holder | None:
    """Return the process of another user that works with this file, if one does."""
    if not _has_table(connection):
        return None
    row = connection.execute("SELECT boot, pid, started, uid, device, inode FROM walletsync_holder").fetchone()
    if row is None or row[4:] != _numbers(file):
        return None
    holder = Holder(*row[:4])
    runs = holder.boot == own.boot and _started(holder.pid) == holder.started
    return holder if runs and holder.uid != own.uid else None


def put(connection: sqlite3.Connection, file: FileId, own: Holder) -> bool:
    """Say that this process works with this file. Tell whether there is a table to say it in. Part of a transaction."""
    if not _has_table(connection):
        return False
    connection.execute("INSERT OR REPLACE INTO walletsync_holder VALUES (1, ?, ?, ?, ?, ?, ?)", (*own, *_numbers(file)))
    return True


def _has_table(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'walletsync_holder'")
    return found.fetchone() is not None


def _numbers(file: FileId) -> tuple[str, str]:
    """Return device and inode as text: they may take all 64 bits, and SQLite's integers have a sign."""
    return str(file[0]), str(file[1])


def _started(pid: int) -> int | None:
    """Return when a process started, or ``None`` if there is none."""
    try:
        stat = (_PROCESSES / str(pid) / "stat").read_text(errors="replace")
        return int(stat.rpartition(")")[2].split()[_START_FIELD - 3])
    except (OSError, ValueError, IndexError):
        return None
