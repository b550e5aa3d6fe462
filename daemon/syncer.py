"""One server's syncer: waits as its plan says, and syncs.

A sync asks the server whether its blob changed, and takes the answer in (capture, join, apply); where there is
something to say, it seals and stores the present state on condition that the server still holds what was just joined.
On a conflict it begins anew, at once the first time, then with growing random delays (daemon.conflicts).

Every step can be repeated: a sync that is cancelled or killed leaves both sides consistent, and the next one does what
was left. Whatever fails, fails for this server alone, and is remembered over a restart.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from daemon import logs, plan
from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import ServerKeys
from daemon.conflicts import longest_delay
from daemon.copies import Copies
from daemon.keeper.export import Sealed
from daemon.keeper.keeper import Answer, Keeper, NoBlobThere, SameBlob, Spooled, TakenIn
from daemon.keeper.merge import TimePoisoned
from daemon.logs import syncing
from daemon.reporting import Reporter
from daemon.server.base import (
    Conflict,
    Failure,
    FailureKind,
    Fetched,
    HasCopies,
    Limited,
    NoBlob,
    Sells,
    Server,
    Stored,
    StoreOutcome,
    Unchanged,
)
from daemon.state.pause import paused_until
from daemon.surroundings import Surroundings
from daemon.trouble import failure_of, remembering, trouble_of
from daemon.worker import Worker
from ipc.messages import SyncReason

if TYPE_CHECKING:
    from daemon.state.servers import Trouble

SYNC_ID_BYTES = 8

NEARLY_FULL = 0.8
"""The share of the largest blob that a server takes, from which on a person is warned."""


@dataclass
class SyncResult:
    """What a sync came to: the failure, if it failed, and what it did."""

    captured: int = 0
    taken: int = 0
    removed: int = 0
    stored: bool = False
    owes: bool = False
    failure: Failure | None = None

    @property
    def active(self) -> bool:
        """Whether anything changed, here or there."""
        return bool(self.captured or self.taken or self.removed)


class Syncer:
    """Syncs with one server, for as long as ``run`` runs. ``on_news``: the other servers may have to be told."""

    def __init__(
        self,
        *,
        url: str,
        server: Server,
        memory: Mapping[str, str],
        keys: ServerKeys,
        keeper: Keeper,
        exclusively: Worker,
        surroundings: Surroundings,
        timing: plan.Timing,
        reporter: Reporter,
        spool_folder: Path,
        on_news: Callable[[], None],
    ) -> None:
        self.url = url
        self.server = server
        self.failure: Failure | None = None
        self.failing_since: float | None = None
        self.plan = plan.first_plan(trio.current_time())
        self._memory = memory
        self._kept_memory = dict(memory)
        self._keys = keys
        self._keeper = keeper
        self._exclusively = exclusively
        self._surroundings = surroundings
        self._timing = timing
        self._reporter = reporter
        self._spool_folder = spool_folder
        self._on_news = on_news
        self._copies = Copies(url, server, keys, keeper, exclusively) if isinstance(server, HasCopies) else None
        self._new_order = False
        self._was_nearly_full = False
        self._was_described = False
        self._kept_limit: int | None = None
        self._trouble: Trouble | None = None
        self._stale_was_said = False
        self._stepped_at = trio.current_time()
        self._requested_ids: list[str] = []
        self._woken = trio.Event()

    def tell(self, event: plan.Event) -> None:
        """Take an event into the plan, and act on it."""
        self.plan = plan.step(self.plan, event, trio.current_time(), self._timing)
        self._woken.set()

    def changed(self) -> None:
        """Note that the wallet has changed."""
        self.tell(plan.Changed(self._draw()))

    def server_changed(self) -> None:
        """Note that the server's blob may have changed, or that it is there again."""
        self.tell(plan.ServerChanged(self._draw()))

    def may_be_back(self) -> None:
        """Note a sign that servers which could not be reached can be reached again."""
        self.tell(plan.MayBeBack(self._draw()))

    def watched(self) -> None:
        """Note that somebody watches."""
        self.tell(plan.Watched(self._draw()))

    def retime(self, timing: plan.Timing) -> None:
        """Go by other settings from now on."""
        self._timing = timing
        self.tell(plan.Retimed(self._draw()))

    def request(self, reason: SyncReason, sync_id: str, *, new_order: bool = False) -> None:
        """Ask for a sync now; what comes of it is told under this id (too).

        With ``new_order`` a server that wants to be paid is asked for a new order, since the one it made before cannot
        be paid any more.
        """
        self._requested_ids.append(sync_id)
        self._new_order |= new_order
        self.tell(plan.Requested(reason))
        self._put_off()

    def stalled_for(self) -> float:
        """Return for how many seconds a running sync has made no step."""
        return trio.current_time() - self._stepped_at if self.plan.syncing else 0.0

    async def run(self) -> None:
        """Sync whenever it is due, until cancelled. Cancellation leaves wallet, replica and server consistent."""
        await self._recall()
        while True:
            await self._until_due()
            reason, acknowledge = self.plan.reason, self.plan.acknowledge
            self.tell(plan.SyncBegan())
            ids = self._requested_ids or [self._surroundings.ids(SYNC_ID_BYTES).hex()]
            self._requested_ids = []
            await self._sync_and_tell(ids, reason, acknowledge=acknowledge)

    async def _recall(self) -> None:
        """Go on where the last run left off: with its back-off, and resting if it rested."""
        record = await self._exclusively(partial(self._keeper.record, self.url))
        wall = self._surroundings.wall()
        if await self._exclusively(partial(paused_until, self._keeper.store.state, wall)) is not None:
            self.tell(plan.Paused(paused=True))
        self._trouble = record.trouble
        if record.trouble is not None:
            self.failure, self.failing_since = failure_of(record.trouble), record.trouble.since
            self.plan = remembering(self.plan, record.trouble, trio.current_time(), wall, self._timing)
            self._reporter.on_sync_ended(self.failure, self.failure)
            self._put_off()

    def _draw(self) -> float:
        return self._surroundings.chance.random()

    def _put_off(self) -> None:
        """End the syncs asked for that cannot begin now, since whoever follows one must not wait for hours."""
        due = plan.wake_at(self.plan)
        if self.plan.syncing or not self._requested_ids or (due is not None and due <= trio.current_time()):
            return
        ids, self._requested_ids = self._requested_ids, []
        outcome = "paused" if due is None or self.failure is None else self.failure.kind.value
        wait = "until it is resumed" if due is None else f"for {due - trio.current_time():.0f} s"
        reason = f": {self.failure.message}" if due is not None and self.failure is not None else ""
        self._reporter.put_off(ids, self.url, outcome, f"syncing with this server rests {wait}{reason}")

    async def _until_due(self) -> None:
        while (due := plan.wake_at(self.plan)) is None or due > trio.current_time():
            self._woken = trio.Event()
            with trio.move_on_at(due) if due is not None else contextlib.nullcontext():
                await self._woken.wait()

    async def _sync_and_tell(self, ids: list[str], reason: SyncReason, *, acknowledge: bool) -> None:
        began = self._stepped_at = trio.current_time()
        self._reporter.sync_started(ids, self.url, reason)
        result = await self._sync(ids, acknowledge=acknowledge)
        previous, self.failure = self.failure, result.failure
        await self._keep_limit()
        await self._keep_memory()
        if result.failure is None:
            self.failing_since = None
            self.tell(plan.SyncEnded(self._draw(), result.active, result.owes))
            if result.active:
                self._on_news()
        else:
            self.failing_since = self.failing_since or self._surroundings.wall()
            self.tell(plan.SyncFailed(self._draw(), result.failure.kind, result.failure.retry_after))
            if await self._exclusively(partial(self._keeper.give_up_on, self.url)):
                self._on_news()
        await self._keep_trouble()
        await self._reporter.sync_ended(
            ids, self.url, reason, result, previous, seconds=trio.current_time() - began, retry_in=self._retry_in()
        )
        self._warn_if_stale()
        self._warn_if_nearly_full()
        self._put_off()

    async def _keep_trouble(self) -> None:
        """Remember why the sync failed, if it did."""
        trouble = None
        if self.failure is not None:
            now, wall = trio.current_time(), self._surroundings.wall()
            trouble = trouble_of(self.failure, self.failing_since or wall, self.plan, now, wall)
        if trouble != self._trouble and await self._noted(
            partial(self._keeper.store.servers.note_trouble, self.url, trouble)
        ):
            self._trouble = trouble

    def _warn_if_stale(self) -> None:
        """Say once, until it succeeds again, that this server has not really succeeded for long."""
        record = self._reporter.overview.record_by_url.get(self.url)
        last_good = (record.last_success if record else None) or self.failing_since
        stale = self.failure is not None and plan.is_stale(last_good, self._surroundings.wall(), self._timing)
        if stale and not self._stale_was_said:
            self._reporter.stale(self.url, last_good)
        self._stale_was_said = stale

    def _warn_if_nearly_full(self) -> None:
        """Say once, until it is smaller again, that the blob comes near the largest that the server takes."""
        record = self._reporter.overview.record_by_url.get(self.url)
        if record is None or record.limit_bytes is None:
            return
        is_nearly_full = record.sealed_bytes >= NEARLY_FULL * record.limit_bytes
        if is_nearly_full and not self._was_nearly_full:
            self._reporter.nearly_full(self.url, record.sealed_bytes, record.limit_bytes)
        self._was_nearly_full = is_nearly_full

    async def _keep_limit(self) -> None:
        """Remember the largest blob that the server takes, if it is another than before."""
        if not isinstance(self.server, Limited):
            return
        if self.server.limit_bytes is None and not self._was_described and self.failure is None:
            self._was_described = True
            await self.server.describe()
        limit = self.server.limit_bytes
        if limit is None or limit == self._kept_limit:
            return
        if await self._noted(partial(self._keeper.store.servers.note_limit, self.url, limit)):
            self._kept_limit = limit

    async def _keep_memory(self) -> None:
        memory = dict(self._memory)
        if memory != self._kept_memory and await self._noted(partial(self._keeper.note_memory, self.url, memory)):
            self._kept_memory = memory

    async def _noted(self, note: Callable[[], None]) -> bool:
        """Keep what was learnt beside a sync; tell whether it could be kept. Where not, the next sync tries again."""
        try:
            await self._exclusively(note)
        except sqlite3.OperationalError:  # a full disk, which the sync itself has met or is about to
            return False
        return True

    def _retry_in(self) -> float | None:
        due = plan.wake_at(self.plan)
        return None if due is None else max(0.0, due - trio.current_time())

    def _stage(self, ids: list[str], stage: str, sealed_bytes: int | None = None) -> None:
        self._stepped_at = trio.current_time()
        self._reporter.progress(ids, self.url, stage, sealed_bytes)

    async def _sync(self, ids: list[str], *, acknowledge: bool) -> SyncResult:
        result = SyncResult()
        try:
            await self._sync_through_conflicts(ids, result, acknowledge=acknowledge)
        except (OSError, sqlite3.OperationalError) as error:
            # Servers' troubles are values. This is our own folder: a full disk, or one that became read-only.
            folder = self._spool_folder.parent
            message = f"this device cannot keep what a sync needs in {folder}: {error}"
            result.failure = Failure(FailureKind.UNREACHABLE, message)
        return result

    async def _sync_through_conflicts(self, ids: list[str], result: SyncResult, *, acknowledge: bool) -> None:
        attempt, began = 0, trio.current_time()
        while await self._meets_conflict(ids, result, acknowledge=acknowledge):
            attempt += 1
            logs.emit(syncing.SyncConflict(sync_id=ids[0], server=self.url, attempt=attempt))
            await trio.sleep(self._draw() * longest_delay(attempt, trio.current_time() - began))
            began = trio.current_time()

    async def _meets_conflict(self, ids: list[str], result: SyncResult, *, acknowledge: bool) -> bool:
        """Go through one round; tell whether another wallet stored something meanwhile."""
        with self._spool("down") as spool:
            answer = await self._fetch(ids, spool)
            if isinstance(answer, Failure):
                result.failure = answer
                return False
            if not await self._take_in(ids, answer, result):
                return False
            if self._copies is not None:
                await self._copies.take_in(ids[0], spool, partial(self._taken_from_copy, ids[0], result))
        if not await self._exclusively(partial(self._keeper.has_to_say, self.url, acknowledge=acknowledge)):
            await self._note_success(result)
            return False
        return await self._store(ids, result)

    async def _fetch(self, ids: list[str], spool: Path) -> Answer | Failure:
        began = trio.current_time()
        self._stage(ids, "fetch")
        record = await self._exclusively(partial(self._keeper.record, self.url))
        outcome = await self.server.fetch(self._keys.account, record.revision, spool)
        self._reporter.fetched(ids[0], self.url, outcome, trio.current_time() - began)
        match outcome:
            case Unchanged():
                return SameBlob()
            case NoBlob():
                return NoBlobThere()
            case Fetched(revision, sealed_bytes):
                return Spooled(spool, revision, sealed_bytes, self._keys)
            case Failure():
                return outcome

    async def _take_in(self, ids: list[str], answer: Answer, result: SyncResult) -> bool:
        began = trio.current_time()
        self._stage(ids, "join")
        try:
            taken = await self._exclusively(partial(self._keeper.take_in, self.url, answer, ids[0]))
        except (BlobUnreadable, TimePoisoned) as error:
            result.failure = Failure(FailureKind.UNREADABLE, str(error))
            if isinstance(error, TimePoisoned):
                self._reporter.poisoned(ids[0], self.url, error)
            return False
        self._count(taken, result)
        self._reporter.taken_in(ids[0], self.url, taken, trio.current_time() - began)
        return True

    def _taken_from_copy(self, sync_id: str, result: SyncResult, taken: TakenIn) -> None:
        self._count(taken, result)
        self._reporter.taken_in(sync_id, self.url, taken, trio.current_time() - self._stepped_at)

    async def _store(self, ids: list[str], result: SyncResult) -> bool:
        began = trio.current_time()
        with self._spool("up") as spool:
            self._stage(ids, "seal")
            record = await self._exclusively(partial(self._keeper.record, self.url))
            sealed = await self._surroundings.worker(partial(self._seal, spool))
            self._stage(ids, "store", sealed.sealed_bytes)
            outcome = await self._send(spool, record.revision)
        match outcome:
            case Conflict():
                return True
            case Failure():
                result.failure = outcome
                return False
            case Stored(revision):
                result.stored = True
                await self._exclusively(partial(self._keeper.note_stored, self.url, sealed, revision))
                self._reporter.stored(ids[0], self.url, sealed.sealed_bytes, trio.current_time() - began)
                await self._note_success(result)
                return False

    async def _send(self, spool: Path, expected: str | None) -> StoreOutcome:
        new_order, self._new_order = self._new_order, False
        if new_order and isinstance(self.server, Sells):
            return await self.server.store_with_new_order(self._keys.account, spool, expected)
        return await self.server.store(self._keys.account, spool, expected)

    def _seal(self, spool: Path) -> Sealed:
        with spool.open("wb") as sink:
            return self._keeper.seal_blob(self.url, self._keys, sink)

    async def _note_success(self, result: SyncResult) -> None:
        if self._copies is not None:
            await self._copies.remove_joined()
        result.owes = await self._exclusively(partial(self._keeper.note_success, self.url))

    @contextlib.contextmanager
    def _spool(self, direction: str) -> Iterator[Path]:
        """Name a file for one sealed blob on its way, and remove it afterwards."""
        spool = self._spool_folder / f"{self._surroundings.ids(8).hex()}.{direction}"
        try:
            yield spool
        finally:
            spool.unlink(missing_ok=True)

    @staticmethod
    def _count(taken: TakenIn, result: SyncResult) -> None:
        result.captured += sum(captured.operations for captured in taken.captured)
        result.taken += taken.merged.taken
        result.removed += taken.merged.removed
