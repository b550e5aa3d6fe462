"""Tells the troubles of this device's own disk from faults of ours: it is full, became read-only, or fails.

They pass, or a person sees to them. So whatever meets one says so, and goes on or is tried again.
"""

import errno
import sqlite3

_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
_OF_THE_DISK_IN_SQLITE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
_PRIMARY_CODE = 0xFF  # of SQLite's extended error codes

DiskTrouble = (OSError, sqlite3.OperationalError)
"""What such a trouble is raised as; ``is_of_the_disk`` tells it from others of these."""


def is_of_the_disk(error: BaseException) -> bool:
    """Tell whether an exception says that something cannot be kept here."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode & _PRIMARY_CODE in _OF_THE_DISK_IN_SQLITE
    return isinstance(error, OSError) and error.errno in _OF_THE_DISK
