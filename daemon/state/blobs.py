"""Whole states, kept: the last sealed blob of each day, as it was stored at a server or joined from one.

They lie in the state folder, in ``blobs``: a file DAY-ID.blob for each day (in UTC), sealed as on the server, and a
note DAY.json that names it, says when and with which server that was, and holds the key that opens it, sealed by the
vault. So a blob can be read for as long as this wallet has its own key, whatever became of the servers, of the state
database and of the circle's keys. A note is replaced in one step, and blobs that no note names are removed, so being
killed at any point leaves whole states alone.

The newest is kept however old it is; of the others, those older than so many days go, and the oldest ones where all
together take more room than they may.
"""

import base64
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

ID_BYTES = 8


class Opener(NamedTuple):
    """What opens a sealed blob: the server's identity, the account's public key, and the blob key."""

    identity: str
    account: bytes
    blob_key: bytes

    def __repr__(self) -> str:
        return f"Opener({self.identity})"


class KeptBlob(msgspec.Struct, frozen=True, kw_only=True):
    """The note of one kept blob. ``at`` is in seconds since 1970."""

    day: str
    at: float
    url: str
    identity: str
    account: str
    sealed_key: str
    file: str
    sealed_bytes: int


class Blobs:
    """The kept blobs in a folder. Used by one thread at a time. ``seal`` and ``open_`` are the vault's."""

    def __init__(
        self,
        folder: Path,
        seal: Callable[[bytes], bytes],
        open_: Callable[[bytes], bytes],
        ids: Callable[[int], bytes],
    ) -> None:
        self._folder = folder
        self._seal = seal
        self._open = open_
        self._ids = ids

    def keep(self, spool: Path, url: str, opener: Opener, at: float) -> None:
        """Keep this file, in the place of what is kept of the same day. It is moved here. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        day = datetime.fromtimestamp(at, UTC).date().isoformat()
        name = f"{day}-{self._ids(ID_BYTES).hex()}.blob"
        note = KeptBlob(
            day=day,
            at=at,
            url=url,
            identity=opener.identity,
            account=opener.account.hex(),
            sealed_key=base64.b64encode(self._seal(opener.blob_key)).decode(),
            file=name,
            sealed_bytes=spool.stat().st_size,
        )
        spool.chmod(0o600)
        spool.rename(self._folder / name)
        written = self._folder / f"{day}.new"
        written.touch(mode=0o600)
        written.write_bytes(msgspec.json.encode(note))
        written.rename(self._folder / f"{day}.json")

    def prune(self, now: float, days: int, most_bytes: int) -> None:
        """Remove what is too old or takes too much room, and what no note names. Raises OSError."""
        oldest_day = (datetime.fromtimestamp(now, UTC).date() - timedelta(days=days)).isoformat()
        room, named = most_bytes, set[str]()
        for number, blob in enumerate(self.all()):
            room -= blob.sealed_bytes
            if days == 0 or room < 0 or (number > 0 and blob.day <= oldest_day):
                (self._folder / f"{blob.day}.json").unlink(missing_ok=True)
            else:
                named.add(blob.file)
        for path in self._folder.glob("*.blob"):
            if path.name not in named:
                path.unlink(missing_ok=True)

    def all(self) -> list[KeptBlob]:
        """Return what is kept, the newest first. A note that cannot be read is passed over."""
        found = []
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                note = msgspec.json.decode(path.read_bytes(), type=KeptBlob)
                if note.day == path.stem and (self._folder / Path(note.file).name).is_file():
                    found.append(note)
        return sorted(found, key=lambda note: note.day, reverse=True)

    def path(self, blob: KeptBlob) -> Path:
        """Return where a kept blob lies."""
        return self._folder / Path(blob.file).name

    def opener(self, blob: KeptBlob) -> Opener:
        """Return what opens a kept blob. Raises ValueError or nacl.exceptions.CryptoError if its note was changed."""
        key = self._open(base64.b64decode(blob.sealed_key, validate=True))
        return Opener(blob.identity, bytes.fromhex(blob.account), key)
