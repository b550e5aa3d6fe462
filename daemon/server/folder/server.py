"""A folder as a server: blobs are files that are replaced as a whole, under a lock.

A folder holds, for each account (by its public key in base32):

- ``ACCOUNT.blob``: the sealed blob. Its revision is its SHA-512 in hexadecimal.
- ``ACCOUNT.lock``: what whoever replaces the blob holds locked (flock), so that no one overwrites what he has not read.
- ``ACCOUNT-RANDOM.tmp``: a blob that is being written.

and for all of them ``walletsync.id`` (daemon.server.folder.identity) and the lock under which that is made. Reading
needs no lock: an open file stays what it was when another is renamed over its name.

Locks do not reach other machines on some network file systems, nor through programs that synchronise folders. Even
there a blob is never a mixture, and what was overwritten is joined again by the wallet that wrote it. What such a
program keeps beside the blob as a conflict copy is joined by whoever sees it first (daemon.server.folder.copies).
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import trio

from daemon.server.base import (
    Account,
    Conflict,
    Copy,
    DescribeOutcome,
    Description,
    Failure,
    FailureKind,
    Fetched,
    FetchOutcome,
    NoBlob,
    Revision,
    Stored,
    StoreOutcome,
    Unchanged,
)
from daemon.server.folder import copies, files
from daemon.server.folder.files import TEMPORARY, Hint
from daemon.server.folder.identity import ID_BYTES, ID_NAME, check_folder, make_identity, read_identity
from daemon.server.folder.troubles import FolderTrouble, troubles_of
from daemon.server.folder.watching import changes_in
from daemon.worker import Worker
from ipc import base32

LARGEST_BLOB = 1 << 30
"""No more is read of any file, in bytes: no wallet's blob is that large."""

LOCK_TRIES = 50
LOCK_PAUSE = 0.2
LOCK_AGAIN = 5.0
"""How often a lock is tried, seconds between two tries, and seconds until the caller should try again after them."""

BLOB = ".blob"
LOCK = ".lock"
TEMPORARY_ID_BYTES = 8

T = TypeVar("T")


class FolderServer:
    """The folder at an absolute path.

    ``ids`` makes random bytes. With an ``identity``, a folder that has none or another is GONE; without, whatever
    folder is at the path is used, as it has to be before a server is enrolled.
    """

    def __init__(
        self,
        path: Path,
        worker: Worker,
        ids: Callable[[int], bytes],
        identity: str | None = None,
        largest_blob: int = LARGEST_BLOB,
    ) -> None:
        if not path.is_absolute():
            raise ValueError(f"a folder server needs an absolute path, not {path}")
        self._path = path
        self._worker = worker
        self._ids = ids
        self._identity = identity
        self._largest_blob = largest_blob
        self._known_copies: set[Copy] = set()
        self._known_by_account: dict[bytes, tuple[Hint, Revision]] = {}

    async def describe(self) -> DescribeOutcome:
        """Read the folder's identity, or give it one. A folder that should have one, and has not, is GONE.

        Cancelled, it may have given it one.
        """
        return await self._when_unlocked(self._describe)

    async def fetch(self, account: Account, known: Revision | None, spool: Path) -> FetchOutcome:
        """Copy the blob into the file ``spool``. Unless it was fetched, no such file is left behind.

        Errors of ``spool`` are raised. A cancellation waits until the copy is made.
        """

        def fetch() -> FetchOutcome:
            try:
                return self._fetch(account, known, spool)
            except FolderTrouble as trouble:
                self._known_by_account.clear()  # what comes back may be another folder: it is news whatever it holds
                return trouble.failure

        return await self._worker(fetch)

    async def store(self, account: Account, sealed: Path, expected: Revision | None) -> StoreOutcome:
        """Replace the blob by a copy of ``sealed``, which is read back from the disk before it takes its place.

        Errors of ``sealed`` are raised. A cancellation waits until the blob is replaced, or was never tried to be.
        """
        return await self._when_unlocked(partial(self._store, account, sealed, expected))

    async def copies(self, account: Account) -> list[Copy]:
        """Look for conflict copies of the account's blob."""
        found = await self._worker(partial(copies.copies_in, self._path, _name(account), BLOB))
        self._known_copies = set(found)
        return found

    async def fetch_copy(self, copy: Copy, spool: Path) -> Fetched | None:
        """Copy a conflict copy into the file ``spool``. A cancellation waits until it is copied."""
        return await self._worker(partial(copies.fetch_copy, self._path, copy, spool, self._largest_blob))

    async def remove_copy(self, copy: Copy) -> None:
        """Remove a conflict copy."""
        await self._worker(partial(copies.remove_copy, self._path, copy))

    async def watch(self) -> AsyncGenerator[None, None]:
        """Yield whenever a blob may have changed that is in use here, or the folder is back, for ever.

        What was stored here is no news: the blob is the one that is known.
        """
        async with aclosing(changes_in(self._path, BLOB, lambda: self._worker(self._which_folder))) as changes:
            async for _ in changes:
                if await self._worker(self._holds_news):
                    yield

    async def _when_unlocked(self, attempt: Callable[[], T | None]) -> T | Failure:
        """Repeat what returns None because a lock is held, but not for ever."""
        for _ in range(LOCK_TRIES):
            try:
                outcome = await self._worker(attempt)
            except FolderTrouble as trouble:
                return trouble.failure
            if outcome is not None:
                return outcome
            await trio.sleep(LOCK_PAUSE)
        message = f"another program has held a lock in {self._path} for {LOCK_TRIES * LOCK_PAUSE:.0f} seconds"
        return Failure(FailureKind.BUSY, message, LOCK_AGAIN)

    def _describe(self) -> Description | None:
        check_folder(self._path, self._identity)
        identity = read_identity(self._path)
        if identity is not None:
            return Description(identity)
        with files.locked(self._path / f"{ID_NAME}{LOCK}") as is_ours:
            if not is_ours:
                return None
            files.remove_leftovers(self._path, f"{ID_NAME}-")
            make_identity(self._path, self._ids(ID_BYTES))
        identity = read_identity(self._path)
        if identity is None:
            raise FolderTrouble(FailureKind.UNREACHABLE, f"{self._path} does not keep what is written into it")
        return Description(identity)

    def _fetch(self, account: Account, known: Revision | None, spool: Path) -> FetchOutcome:
        check_folder(self._path, self._identity)
        blob = self._open_blob(account)
        if blob is None:
            return NoBlob()
        with blob:
            hint = self._hint_of(blob)
            if hint.size > self._largest_blob:
                message = f"the blob has more than {self._largest_blob:,} bytes, as no wallet's has"
                return Failure(FailureKind.UNREADABLE, message)
            if known is not None and self._known_by_account.get(account.public_key) == (hint, known):
                return Unchanged()
            with files.removed_on_failure(spool), files.new_spool(spool) as sink:
                revision = files.copied(files.pieces_in_folder(blob, self._path), sink.write)
        self._known_by_account[account.public_key] = (hint, revision)
        if revision == known:
            spool.unlink()
            return Unchanged()
        return Fetched(revision, hint.size)

    def _store(self, account: Account, sealed: Path, expected: Revision | None) -> Stored | Conflict | None:
        check_folder(self._path, self._identity)
        lock = self._path / f"{_name(account)}{LOCK}"
        with sealed.open("rb") as source, files.locked(lock) as is_ours:
            if not is_ours:
                return None
            files.remove_leftovers(self._path, f"{_name(account)}-")
            held = self._held(account)
            if held == expected:
                return Stored(self._replace(account, source))
            # An upload whose answer was lost is repeated: it stored what it meant to.
            ours = files.sha512_of(files.pieces_of(source))
            return Stored(ours) if ours == held else Conflict()

    def _held(self, account: Account) -> Revision | None:
        """Return the revision of the blob that is there, reading it only if it may have changed."""
        blob = self._open_blob(account)
        if blob is None:
            return None
        with blob:
            hint = self._hint_of(blob)
            known = self._known_by_account.get(account.public_key)
            if known is not None and known[0] == hint:
                return known[1]
            revision = files.sha512_of(files.pieces_in_folder(blob, self._path))
        self._known_by_account[account.public_key] = (hint, revision)
        return revision

    def _replace(self, account: Account, source: BinaryIO) -> Revision:
        temporary = self._path / f"{_name(account)}-{self._ids(TEMPORARY_ID_BYTES).hex()}{TEMPORARY}"
        with files.removed_unless_renamed(temporary):
            revision = files.write_beside(temporary, source)
            # Held open, so that the hint is of this file even where someone whom no lock reaches replaces it at once.
            with troubles_of(self._path), files.open_file(temporary) as written:
                temporary.replace(self._blob(account))
                files.flush_folder(self._path)
                hint = files.hint_of(written)
        self._known_by_account[account.public_key] = (hint, revision)
        return revision

    def _holds_news(self) -> bool:
        """Tell whether a blob in use is another than the one that is known, as far as can be told unread."""
        try:
            for public_key, (hint, _) in list(self._known_by_account.items()):
                blob = self._open_blob(Account(b"", public_key))
                if blob is None:
                    return True
                with blob:
                    if self._hint_of(blob) != hint:
                        return True
                if not self._known_copies.issuperset(copies.copies_in(self._path, base32.encode(public_key), BLOB)):
                    return True
        except FolderTrouble:
            return True
        return not self._known_by_account

    def _open_blob(self, account: Account) -> BinaryIO | None:
        with troubles_of(self._path):
            try:
                return files.open_file(self._blob(account))
            except FileNotFoundError:
                return None

    def _hint_of(self, blob: BinaryIO) -> Hint:
        with troubles_of(self._path):
            return files.hint_of(blob)

    def _blob(self, account: Account) -> Path:
        return self._path / f"{_name(account)}{BLOB}"

    def _which_folder(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _name(account: Account) -> str:
    return base32.encode(account.public_key)
