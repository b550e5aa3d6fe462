"""Conflict copies: what another program that syncs the folder makes of two blobs stored at once.

Such a program lets one of the two have the blob's name, and keeps the other beside it, under that name with something
put before its ``.blob``:

- Syncthing: ``ACCOUNT.sync-conflict-20260131-081500-ABCDEFG.blob``
- Nextcloud, ownCloud: ``ACCOUNT (conflicted copy 2026-01-31 081500).blob``, formerly ``ACCOUNT_conflict-....blob``
- Dropbox: ``ACCOUNT (Anna's conflicted copy 2026-01-31).blob``, or the same in the language of its user
- Seafile: ``ACCOUNT (SFConflict anna@example.org 2026-01-31-08-15-00).blob``

So a conflict copy is a file whose name begins with the account and says that there was a conflict. Other files, such
as ``ACCOUNT (1).blob`` or ``ACCOUNT.old.blob``, may be a person's own copies, and are none of ours.

All of this blocks: a worker runs it. What cannot be looked at now is left for another time.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from daemon.server.base import Copy, Fetched
from daemon.server.folder import files
from daemon.server.folder.troubles import FolderTrouble, troubles_of

_SAYS_CONFLICT = re.compile("confli|konflikt", re.IGNORECASE)


def copies_in(folder: Path, account_name: str, suffix: str) -> list[Copy]:
    """Return the conflict copies of an account's blob, in the order of their names."""
    with suppress(OSError), os.scandir(folder) as entries:
        found = (entry for entry in entries if _is_copy(entry.name, account_name, suffix))
        return sorted(
            Copy(entry.name, _version(entry.stat(follow_symlinks=False)))
            for entry in found
            if entry.is_file(follow_symlinks=False)
        )
    return []


def fetch_copy(folder: Path, copy: Copy, spool: Path, largest_blob: int) -> Fetched | None:
    """Copy a conflict copy into the file ``spool``; ``None`` if it is no more what it was, or larger than any blob."""
    try:
        with troubles_of(folder):
            file = files.open_file(folder / copy.name)
        with file:
            status = os.fstat(file.fileno())
            if _version(status) != copy.version or status.st_size > largest_blob:
                return None
            with files.removed_on_failure(spool), files.new_spool(spool) as sink:
                return Fetched(files.copied(files.pieces_in_folder(file, folder), sink.write), status.st_size)
    except FolderTrouble:
        return None


def remove_copy(folder: Path, copy: Copy) -> None:
    """Remove a conflict copy, if it still is what it was."""
    path = folder / copy.name
    with suppress(OSError):
        if _version(path.lstat()) == copy.version:
            path.unlink()


def _is_copy(name: str, account_name: str, suffix: str) -> bool:
    if not (name.startswith(account_name) and name.endswith(suffix)):
        return False
    return _SAYS_CONFLICT.search(name[len(account_name) : -len(suffix)]) is not None


def _version(status: os.stat_result) -> str:
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
