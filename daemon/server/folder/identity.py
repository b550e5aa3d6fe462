"""A folder's identity: a random id in its own file ``walletsync.id``.

A folder has another path on every device, and is mounted, moved and renamed; so it carries what its keys are derived
from. Lines of the file that begin with ``#`` explain it to people; the one other line is the id, in base32. As an
identity it is written ``folder:ID``, so that it is never that of another kind of server.

All of this blocks: a worker runs it.
"""

import errno
import stat
from contextlib import suppress
from pathlib import Path

from daemon.server.base import FailureKind
from daemon.server.folder.files import TEMPORARY, flush_folder, flush_to_disk, open_file, removed_unless_renamed
from daemon.server.folder.troubles import FolderTrouble, troubles_of
from ipc import base32

ID_NAME = "walletsync.id"
ID_BYTES = 16

_LONGEST_FILE = 4096
_WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_TEXT = """\
# walletsync keeps sealed copies of e-cash wallets in this folder. The line below is the folder's identity, from which
# the keys of the blobs beside it are derived. Without this file they cannot be opened: keep it with them.
{}
"""


def check_folder(folder: Path, identity: str | None) -> None:
    """Refuse a folder that is not there, or is not the one of this identity, if one is known.

    A folder is never made: where a disk is not mounted, nothing must be written into its place.
    """
    with troubles_of(folder):
        try:
            mode = folder.stat().st_mode
        except FileNotFoundError:
            message = f"the folder {folder} does not exist: is its disk mounted?"
            raise FolderTrouble(FailureKind.UNREACHABLE, message) from None
    if not stat.S_ISDIR(mode):
        raise FolderTrouble(FailureKind.REFUSED, f"{folder} is not a folder")
    if identity is not None:
        _check_identity(folder, identity)


def read_identity(folder: Path) -> str | None:
    """Read the folder's identity, or return None if it has none yet."""
    with troubles_of(folder):
        try:
            with open_file(folder / ID_NAME) as file:
                text = file.read(_LONGEST_FILE).decode("utf-8", "replace")
        except FileNotFoundError:
            return None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        (line,) = lines
        return f"folder:{base32.encode(base32.decode(line.strip(), ID_BYTES))}"
    except ValueError:
        message = f"{folder / ID_NAME} is damaged: it should hold one line with the folder's identity"
        raise FolderTrouble(FailureKind.REFUSED, message) from None


def make_identity(folder: Path, random_id: bytes) -> None:
    """Give the folder this identity, unless it has one. Its lock is held, as far as locks reach."""
    temporary = folder / f"{ID_NAME}-{random_id.hex()}{TEMPORARY}"
    with troubles_of(folder), removed_unless_renamed(temporary):
        with temporary.open("xb") as file:
            file.write(_TEXT.format(base32.encode(random_id)).encode())
            flush_to_disk(file)
        _place(temporary, folder / ID_NAME)
        flush_folder(folder)


def _place(temporary: Path, path: Path) -> None:
    try:
        # Unlike a rename, a link never replaces: not even where the lock does not reach another device.
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _WITHOUT_LINKS:
            raise
        temporary.rename(path)


def _check_identity(folder: Path, identity: str) -> None:
    found = read_identity(folder)
    if found is None:
        message = f"{folder} does not hold its identity, the file {ID_NAME}: is its disk mounted?"
        raise FolderTrouble(FailureKind.GONE, message)
    if found != identity:
        message = f"{folder} is not the folder that was enrolled: its file {ID_NAME} names another identity"
        raise FolderTrouble(FailureKind.GONE, message)
