"""The keeper: one wallet's replica and database, and everything that is done to them.

All methods are synchronous. Callers run them in the worker, and all but ``seal_blob`` under the replica's lock.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from daemon.blob.keys import ServerKeys
from daemon.blob.limits import Limits
from daemon.blob.schema import Entries, Head, decode
from daemon.blob.seal import Context, open_sealed
from daemon.keeper.capture import Captured, capture
from daemon.keeper.clone import Parting, copy_lives, is_copied, is_foreign_row, part_from_copy
from daemon.keeper.explain import Pending, not_captured_yet, not_said_yet
from daemon.keeper.export import Sealed, has_to_say, note_stored, owes_acknowledgement, seal_blob
from daemon.keeper.forget import forget_wallet
from daemon.keeper.merge import Merged, TimePoisoned, check_times, merge, merge_copy, merge_nothing, merge_unchanged
from daemon.keeper.overview import Observer, Overview
from daemon.keeper.rolling import expect_from
from daemon.keeper.settle import Settled, settle
from daemon.keeper.stamping import members
from daemon.keeper.store import Store
from daemon.keeper.undo import Restored, approve, reject, restore
from daemon.keeper.whole import Revived, healing_waits_for_blob, keep_blob, keys_of, revive
from daemon.rotation.note import Note
from daemon.state.blobs import KeptBlob
from daemon.state.history import Kept
from daemon.state.rotations import OldAccount
from daemon.state.servers import LeftAccount, ServerRecord
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


@dataclass(frozen=True)
class Spooled:
    """A sealed blob as it was fetched: the file, its revision and size, and the keys to open it with.

    ``identity`` is that of the server that it was sealed for, where that is not the one it is taken in from.
    """

    path: Path
    revision: str
    sealed_bytes: int
    keys: ServerKeys
    identity: str | None = None


class StillUnjoined(Exception):  # noqa: N818 - named after what is the matter
    """The wallet database waits to be healed until all servers were asked."""


class NoBlobThere:
    """The server holds no blob."""


class SameBlob:
    """The server still holds the blob that was joined last."""


Answer = Spooled | NoBlobThere | SameBlob


class Keeper:
    """One wallet's replica and database."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self.store = store
        self.limits = limits
        self._observer = Observer(store)

    def close(self) -> None:
        """Close both databases."""
        self.store.guest.close()
        self.store.state.close()

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

    def has_to_say(self, url: str, *, acknowledge: bool) -> bool:
        """Tell whether an upload to this server is due. ``acknowledge``: also if it would only acknowledge."""
        return has_to_say(self.store, url, acknowledge=acknowledge)

    def note_success(self, url: str) -> bool:
        """Note that a sync with this server succeeded. Tell whether it is still owed an acknowledgement."""
        self.store.servers.note_success(url, self.store.surroundings.wall())
        return owes_acknowledgement(self.store, self.record(url))

    def overview(self) -> Overview:
        """Look at the replica as it is now."""
        return self._observer.look()

    def seal_blob(self, url: str, keys: ServerKeys, sink: BinaryIO) -> Sealed:
        """Seal the present state for a server. Needs no lock."""
        return seal_blob(self.store, url, keys, sink)

    def note_stored(self, url: str, sealed: Sealed, revision: str) -> int:
        """Note that the server holds this blob now. Return how many keys' deletes could be forgotten by it."""
        return note_stored(self.store, url, sealed, revision)

    def forget_wallet(self, wallet_id: str) -> None:
        """Take a wallet that is gone out of every server's clocks, with the next upload there."""
        forget_wallet(self.store, wallet_id)

    def rename(self, nickname: str) -> None:
        """Give this wallet another nickname; the next sync tells the others."""
        with self.store.state.transaction():
            self.store.state.set_meta("nickname", nickname)
            self.store.state.set_meta("nickname_instead_of", self.store.state.meta("nickname_configured") or "")
        self.store.identity = self.store.identity._replace(nickname=nickname)

    def leave(self, left: Sequence[LeftAccount]) -> None:
        """Sync no longer with these servers; all of them, or none if that fails."""
        with self.store.state.transaction():
            for each in left:
                self.store.servers.leave(each)
                self.store.rotations.leave(each.url)
        if self.store.unjoined is not None:
            self.store.unjoined -= {each.url for each in left}

    def enroll(self, url: str, identity: str, limit_bytes: int | None) -> None:
        """Take up a server whose blob was not read yet."""
        with self.store.state.transaction():
            self.store.servers.enroll(url, identity, limit_bytes)
            self.store.rotations.readdress(identity, url)

    def readdress(self, former: str, url: str, limit_bytes: int | None) -> None:
        """Reach an enrolled account under another address."""
        with self.store.state.transaction():
            self.store.servers.readdress(former, url, limit_bytes)
            self.store.rotations.readdress(self.record(url).identity, url)
            self.store.rotations.met_elsewhere(former, url)
        if self.store.unjoined is not None and former in self.store.unjoined:
            self.store.unjoined ^= {former, url}

    def begin_anew(self) -> None:
        """Forget the circle, for another one: the wallet's own content is all that this wallet then brings along.

        Raises WalletTrouble, and then nothing was forgotten.
        """
        self.store.guest.remove_ours()
        with self.store.state.transaction():
            self.store.state.begin_anew()
        self.store.writer = self.store.unjoined = self.store.scanned_at = None

    def explain(self) -> list[tuple[str | None, Pending]]:
        """Return what the next sync would say, of local changes and to each server. Raises WalletTrouble."""
        captured = [(None, pending) for pending in not_captured_yet(self.store)]
        said = [
            (record.url, pending)
            for record in self.store.servers.all()
            for pending in not_said_yet(self.store, record.url)
        ]
        return [*captured, *dict.fromkeys(said)]

    def restore(self, kept: Sequence[Kept]) -> Restored:
        """Have deleted values back that are not live, but for what was spent."""
        return restore(self.store, kept)

    def keep_blob(self, url: str, spool: Path, keys: ServerKeys) -> None:
        """Keep a blob that was stored at this server or joined from it. The file is moved. Raises OSError."""
        keep_blob(self.store, url, spool, keys)

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

    def approve(self, number: int) -> None:
        """Let a held mass delete happen. Raises LookupError, WalletTrouble."""
        approve(self.store, number)

    def approve_time(self, number: int) -> None:
        """Take a time impossibly far ahead, which is held. Raises LookupError."""
        self.store.far_times.approve(number)

    def reject(self, number: int) -> None:
        """Undo a held mass delete. Raises LookupError."""
        reject(self.store, number)

    def give_up_on(self, url: str) -> bool:
        """Note that a server could not be asked: a wallet database that has to be healed waits for it no longer.

        Tell whether that database waited for nothing else, so that the next sync with another server heals it.
        """
        waited = bool(self.store.unjoined)
        merge_unchanged(self.store, url)
        return waited and not self.store.unjoined

    def committed_since(self) -> bool:
        """Tell whether anyone else committed to the wallet since this was last asked. Raises WalletTrouble."""
        return self.store.guest.committed_since()

    def detach(self) -> None:
        """Take all that is ours out of the wallet database, once what it had to say is captured, if it can be.

        A next run begins anew there: it asks all servers first, and takes nothing absent for deleted. Raises
        WalletTrouble, and then nothing was taken out.
        """
        with contextlib.suppress(WalletTrouble):
            capture(self.store)
        self.store.guest.detach()

    def note_memory(self, url: str, memory: Mapping[str, str]) -> None:
        """Keep what this kind of server has learnt."""
        self.store.servers.note_memory(url, memory)

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
