"""What one sync does with its server: asks, takes in, and stores, until no other wallet comes between.

It asks the server whether its blob changed, and takes the answer in (capture, join, apply); where there is something to
say, it seals and stores the present state on condition that the server still holds what was just joined. On a conflict
it begins anew, at once the first time, then with growing random delays (daemon.conflicts).

Every step can be repeated: an exchange that is cancelled or killed leaves both sides consistent, and the next one does
what was left. Whatever fails is a value, ``SyncResult.failure``.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from daemon import logs
from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import ServerKeys
from daemon.conflicts import longest_delay
from daemon.copies import Copies
from daemon.disk import DiskTrouble
from daemon.keeper.answer import Answer, NoBlobThere, SameBlob, Spooled
from daemon.keeper.export import Sealed
from daemon.keeper.intake import TakenIn
from daemon.keeper.keeper import Keeper
from daemon.keeper.merge import TimePoisoned
from daemon.logs import syncing
from daemon.reporting import Reporter
from daemon.server.base import (
    Conflict,
    Failure,
    FailureKind,
    Fetched,
    HasCopies,
    NoBlob,
    Sells,
    Server,
    Stored,
    StoreOutcome,
    Unchanged,
)
from daemon.spooling import spooled
from daemon.surroundings import Surroundings
from daemon.worker import Worker


@dataclass
class SyncResult:
    """What a sync came to: the failure, if it failed, and what it did."""

    captured: int = 0
    taken: int = 0
    removed: int = 0
    sent: bool = False
    stored: bool = False
    owes: bool = False
    failure: Failure | None = None

    @property
    def active(self) -> bool:
        """Whether anything changed, here or there."""
        return bool(self.captured or self.taken or self.removed)


Objection = Callable[[Answer], Awaitable[Failure | None]]
"""Tells why what a server holds is not to be joined, if it is not."""


@dataclass(kw_only=True)
class Link:
    """One server, and all that an exchange with it works with."""

    url: str
    server: Server
    keys: ServerKeys
    keeper: Keeper
    exclusively: Worker
    surroundings: Surroundings
    reporter: Reporter
    spool_folder: Path
    objection: Objection | None = None
    copies: Copies | None = field(init=False)

    def __post_init__(self) -> None:
        self.copies = None
        if isinstance(self.server, HasCopies):
            self.copies = Copies(self.url, self.server, self.keys, self.keeper, self.exclusively)


class Exchange:
    """One sync with one server; ``ids`` are those under which it is told.

    ``acknowledge`` stores even where there is no more to say than what was seen here. With ``new_order`` a server that
    wants to be paid is asked for a new order.
    """

    def __init__(self, link: Link, ids: list[str], *, acknowledge: bool, new_order: bool) -> None:
        self.stepped_at = trio.current_time()
        self._url = link.url
        self._server = link.server
        self._keys = link.keys
        self._keeper = link.keeper
        self._exclusively = link.exclusively
        self._surroundings = link.surroundings
        self._reporter = link.reporter
        self._spool_folder = link.spool_folder
        self._copies = link.copies
        self._objection = link.objection
        self._ids = ids
        self._acknowledge = acknowledge
        self._new_order = new_order
        self._result = SyncResult()

    async def run(self) -> SyncResult:
        """Bring this device and the server into step. Cancellation leaves wallet, replica and server consistent."""
        try:
            await self._sync_through_conflicts()
        except DiskTrouble as error:
            # Servers' troubles are values. This is our own folder: a full disk, or one that became read-only.
            folder = self._spool_folder.parent
            message = f"this device cannot keep what a sync needs in {folder}: {error}"
            self._result.failure = Failure(FailureKind.UNREACHABLE, message)
        return self._result

    async def _sync_through_conflicts(self) -> None:
        attempt, began = 0, trio.current_time()
        while await self._meets_conflict():
            attempt += 1
            logs.emit(syncing.SyncConflict(sync_id=self._ids[0], server=self._url, attempt=attempt))
            await trio.sleep(self._surroundings.chance.random() * longest_delay(attempt, trio.current_time() - began))
            began = trio.current_time()

    async def _meets_conflict(self) -> bool:
        """Go through one round; tell whether another wallet stored something meanwhile."""
        with spooled(self._spool_folder, self._surroundings, "down") as spool:
            answer = await self._fetch_unobjectionable(spool)
            if isinstance(answer, Failure):
                self._result.failure = answer
                return False
            if not await self._take_in(answer):
                return False
            if self._copies is not None:
                await self._copies.take_in(self._ids[0], spool, self._taken_from_copy)
        if not await self._exclusively(partial(self._keeper.has_to_say, self._url, acknowledge=self._acknowledge)):
            await self._note_success()
            return False
        return await self._store()

    async def _fetch_unobjectionable(self, spool: Path) -> Answer | Failure:
        answer = await self._fetch(spool)
        if isinstance(answer, Failure) or self._objection is None:
            return answer
        return await self._objection(answer) or answer

    async def _fetch(self, spool: Path) -> Answer | Failure:
        began = trio.current_time()
        self._stage("fetch")
        record = await self._exclusively(partial(self._keeper.record, self._url))
        outcome = await self._server.fetch(self._keys.account, record.revision, spool)
        self._reporter.fetched(self._ids[0], self._url, outcome, trio.current_time() - began)
        match outcome:
            case Unchanged():
                return SameBlob()
            case NoBlob():
                return NoBlobThere()
            case Fetched(revision, sealed_bytes):
                return Spooled(spool, revision, sealed_bytes, self._keys)
            case Failure():
                return outcome

    async def _take_in(self, answer: Answer) -> bool:
        began = trio.current_time()
        self._stage("join")
        try:
            taken = await self._exclusively(partial(self._keeper.take_in, self._url, answer, self._ids[0]))
        except (BlobUnreadable, TimePoisoned) as error:
            self._result.failure = Failure(FailureKind.UNREADABLE, str(error))
            if isinstance(error, TimePoisoned):
                self._reporter.poisoned(self._ids[0], self._url, error)
            return False
        self._count(taken)
        self._reporter.taken_in(self._ids[0], self._url, taken, trio.current_time() - began)
        if isinstance(answer, Spooled) and not taken.merged.went_back:
            await self._keep(answer.path)
        return True

    async def _keep(self, spool: Path) -> None:
        """Keep a blob that is whole and was joined or stored. Where there is no room for it, that is no one's loss."""
        with contextlib.suppress(OSError):
            await self._exclusively(partial(self._keeper.keep_blob, self._url, spool, self._keys))

    def _taken_from_copy(self, taken: TakenIn) -> None:
        self._count(taken)
        self._reporter.taken_in(self._ids[0], self._url, taken, trio.current_time() - self.stepped_at)

    async def _store(self) -> bool:
        began = trio.current_time()
        with spooled(self._spool_folder, self._surroundings, "up") as spool:
            self._stage("seal")
            record = await self._exclusively(partial(self._keeper.record, self._url))
            sealed = await self._surroundings.worker(partial(self._seal, spool))
            self._stage("store", sealed.sealed_bytes)
            outcome = await self._send(spool, record.revision)
            if isinstance(outcome, Stored):
                await self._keep(spool)
        match outcome:
            case Conflict():
                return True
            case Failure():
                self._result.failure = outcome
                return False
            case Stored(revision):
                self._result.stored = True
                await self._exclusively(partial(self._keeper.note_stored, self._url, sealed, revision))
                self._reporter.stored(self._ids[0], self._url, sealed.sealed_bytes, trio.current_time() - began)
                await self._note_success()
                return False

    async def _send(self, spool: Path, expected: str | None) -> StoreOutcome:
        new_order, self._new_order = self._new_order, False
        self._result.sent = True
        if new_order and isinstance(self._server, Sells):
            return await self._server.store_with_new_order(self._keys.account, spool, expected)
        return await self._server.store(self._keys.account, spool, expected)

    def _seal(self, spool: Path) -> Sealed:
        with spool.open("wb") as sink:
            return self._keeper.seal_blob(self._url, self._keys, sink)

    async def _note_success(self) -> None:
        if self._copies is not None:
            await self._copies.remove_joined()
        self._result.owes = await self._exclusively(partial(self._keeper.note_success, self._url))

    def _count(self, taken: TakenIn) -> None:
        self._result.captured += sum(captured.operations for captured in taken.captured)
        self._result.taken += taken.merged.taken
        self._result.removed += taken.merged.removed

    def _stage(self, stage: str, sealed_bytes: int | None = None) -> None:
        self.stepped_at = trio.current_time()
        self._reporter.progress(self._ids, self._url, stage, sealed_bytes)
