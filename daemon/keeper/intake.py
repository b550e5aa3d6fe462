"""The intake: blobs are opened and joined, with what the wallet changed captured before, and the wallet written after.

Every way in is the same: open the blob and check it, capture, join, settle. They differ in what is remembered of where
the blob comes from.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from daemon.blob.limits import Limits
from daemon.blob.schema import Entries, Head, decode
from daemon.blob.seal import Context, open_sealed
from daemon.keeper.answer import Answer, NoBlobThere, SameBlob, Spooled
from daemon.keeper.capture import Captured, capture
from daemon.keeper.clone import Parting, copy_lives, is_copied, is_foreign_row, part_from_copy
from daemon.keeper.merge import Merged, TimePoisoned, check_times, merge, merge_copy, merge_nothing, merge_unchanged
from daemon.keeper.rolling import expect_from
from daemon.keeper.settle import Settled, settle
from daemon.keeper.stamping import members
from daemon.keeper.store import Store
from daemon.keeper.whole import Revived, healing_waits_for_blob, keys_of, revive
from daemon.rotation.note import Note
from daemon.state.blobs import KeptBlob
from daemon.state.rotations import OldAccount
from daemon.state.servers import ServerRecord
from daemon.wallet.trouble import WalletTrouble

APPLY_ROUNDS = 5
"""How often one sync judges what the wallet changed while it was being written."""


@dataclass
class TakenIn:
    """What taking in a server's answer did: to the replica, to the wallet, and what the wallet had for it.

    ``copy_lives`` tells that another device is this wallet too. ``trouble`` says why the wallet could not be used; the
    join is done all the same.
    """

    captured: list[Captured] = field(default_factory=list)
    parting: Parting | None = None
    copy_lives: bool = False
    merged: Merged = field(default_factory=Merged)
    settled: list[Settled] = field(default_factory=list)
    trouble: WalletTrouble | None = None


class StillUnjoined(Exception):  # noqa: N818 - named after what is the matter
    """The wallet database waits to be healed until all servers were asked."""


class Intake:
    """Takes blobs into one wallet's replica and database."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self.store = store
        self.limits = limits

    def take_in(self, url: str, answer: Answer, sync_id: str = "") -> TakenIn:
        """Capture what the wallet changed, join what the server holds, and bring the wallet to the result.

        What is deleted is kept under the sync's id.

        Raises BlobUnreadable or TimePoisoned: then nothing of the blob was taken, while what was captured stays.
        """
        taken = TakenIn()
        self.store.sync_id = sync_id
        match answer:
            case SameBlob():
                self._capture(taken)
                taken.merged = merge_unchanged(self.store, url)
            case NoBlobThere():
                self._capture(taken)
                taken.merged = merge_nothing(self.store, url)
            case Spooled():
                self._take_in_blob_or_hold(taken, url, answer)
        if taken.captured and taken.captured[-1].waits and not self.store.unjoined:
            self._capture(taken)  # this was the last server to be asked: now the wallet is healed
        self._settle(taken)
        self.store.guest.tidy_up()
        return taken

    def take_in_copy(self, url: str, copy: Spooled, sync_id: str = "") -> TakenIn:
        """Capture, join a conflict copy of a server's blob, and bring the wallet to the result.

        What is remembered of the server stays as it is: it does not hold what the copy holds.

        Raises BlobUnreadable or TimePoisoned: then nothing of the copy was taken.
        """
        taken = TakenIn()
        self.store.sync_id = sync_id
        with self._read_blob(taken, url, copy) as (head, entries):
            taken.merged = merge_copy(self.store, head, entries)
        self._settle(taken)
        return taken

    def take_in_left(self, account: OldAccount, note: Note, blob: Spooled) -> TakenIn:
        """Capture, and join the last blob of an account that was left, before this note takes its place.

        What is remembered of the server stays as it is, but for whom to expect there.

        Raises BlobUnreadable or TimePoisoned: then nothing of the blob was taken.
        """
        taken = TakenIn()
        known_before = members(self.store.replica)
        with self._read_blob(taken, account.url, blob) as (head, entries):
            taken.merged = merge_copy(self.store, head, entries)
        expect_from(self.store, head, account.url, note, known_before)
        self._settle(taken)
        return taken

    def restore_blob(self, kept: KeptBlob, sync_id: str, *, changed: bool) -> Revived:
        """Have a kept blob back, whatever became of servers and replica, and bring the wallet to the result.

        ``changed``: also what it holds with another value. Raises BlobUnreadable, TimePoisoned, CryptoError,
        ValueError and OSError where the blob cannot be had, WalletTrouble where the wallet cannot be used, and
        StillUnjoined where it waits for servers; then nothing was inserted anew.
        """
        opener = self.store.blobs.opener(kept)
        blob = Spooled(self.store.blobs.path(kept), "", kept.sealed_bytes, keys_of(opener), opener.identity)
        taken = TakenIn()
        self.store.sync_id = sync_id
        with healing_waits_for_blob(self.store), self._read_blob(taken, kept.url, blob) as (head, entries):
            taken.merged = merge_copy(self.store, head, entries)
        if taken.trouble is None:
            self._capture(taken)  # what waited for this blob is healed by now, before anything is inserted over it
        if taken.trouble is not None:
            raise taken.trouble
        if taken.captured[-1].waits:
            raise StillUnjoined
        with blob.path.open("rb") as sealed:
            revived = revive(self.store, self._open(kept.url, blob, sealed)[1], changed=changed)
        self._settle(taken)
        for settled in taken.settled:
            revived.count_written(settled.written)
        return revived

    def record(self, url: str) -> ServerRecord:
        """Return what is remembered of an enrolled server."""
        record = self.store.servers.get(url)
        assert record is not None
        return record

    def _capture(self, taken: TakenIn) -> None:
        try:
            taken.captured.append(capture(self.store))
        except WalletTrouble as trouble:
            taken.trouble = trouble

    def _take_in_blob_or_hold(self, taken: TakenIn, url: str, answer: Spooled) -> None:
        try:
            self._take_in_blob(taken, url, answer)
        except TimePoisoned as error:
            self.store.far_times.hold(url, error.writer, error.time, self.store.surroundings.wall())
            raise
        self.store.far_times.release(url)

    def _take_in_blob(self, taken: TakenIn, url: str, answer: Spooled) -> None:
        with self._read_blob(taken, url, answer) as (head, entries):
            is_foreign = is_foreign_row(self.store, head.clocks)
            taken.merged = merge(self.store, url, head, entries, answer.revision, answer.sealed_bytes)
            taken.copy_lives = is_foreign and copy_lives(self.store, url)

    @contextlib.contextmanager
    def _read_blob(self, taken: TakenIn, url: str, answer: Spooled) -> Iterator[tuple[Head, Entries]]:
        """Open a blob that is about to be joined, and do all that has to be done before."""
        with answer.path.open("rb") as sealed:
            head, entries = self._open(url, answer, sealed)
            check_times(self.store, head.seen)
            if is_copied(self.store, head.seen):
                taken.parting = self._part_from_copy(url, answer)
            self._capture(taken)
            yield head, entries

    def _part_from_copy(self, url: str, answer: Spooled) -> Parting:
        with answer.path.open("rb") as sealed:
            return part_from_copy(self.store, self._open(url, answer, sealed)[1])

    def _open(self, url: str, answer: Spooled, sealed: BinaryIO) -> tuple[Head, Entries]:
        identity = answer.identity or self.record(url).identity
        context = Context(kind="state", account=answer.keys.account.public_key, server=identity)
        return decode(open_sealed(sealed, answer.keys.blob_key, context, self.limits), self.limits)

    def _settle(self, taken: TakenIn) -> None:
        """Write to the wallet; what it changed at that very moment is captured, judged, and written again."""
        retry_refused = bool(taken.merged.changed) or any(captured.operations for captured in taken.captured)
        for _ in range(APPLY_ROUNDS):
            if taken.trouble is not None or taken.captured[-1].waits:
                return
            try:
                settled = settle(self.store, taken.captured[-1].log_seq, retry_refused=retry_refused)
            except WalletTrouble as trouble:
                taken.trouble = trouble
                return
            taken.settled.append(settled)
            if not settled.changed:
                return
            self._capture(taken)
