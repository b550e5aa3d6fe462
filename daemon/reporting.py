"""What happens is told twice: as log lines, and as events on the socket. Status is kept ready beside it.

The reporter holds the last look at the replica, so that a status request is answered from memory, also while a sync
runs. It knows what was said before, and says again only what is news.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from daemon import logs
from daemon.keeper.capture import Captured
from daemon.keeper.intake import TakenIn
from daemon.keeper.judge import Verdict
from daemon.keeper.keeper import Keeper
from daemon.keeper.merge import Decision, TimePoisoned
from daemon.keeper.overview import Overview
from daemon.logs import keeping, syncing
from daemon.server.base import Failure, Fetched, FetchOutcome, NoBlob, Unchanged
from daemon.surroundings import Surroundings
from daemon.times import rfc3339, rfc3339_or_none
from daemon.wallet.trouble import WalletState, WalletTrouble
from daemon.worker import Worker
from ipc.state import SyncReason

if TYPE_CHECKING:
    from daemon.exchange import SyncResult


MOST_KEYS_TOLD = 200
"""An event names so many keys; beyond that a frontend reloads the sets."""

_WORD_BY_OUTCOME = {Unchanged: "unchanged", NoBlob: "no_blob", Fetched: "fetched"}


class Publish(Protocol):
    """Sends an event to whoever listens. Never waits."""

    def __call__(self, event: str, data: object, at: str) -> None:
        """Publish one event."""
        ...


class Reporter:
    """Tells what happens, and keeps the last look at the replica."""

    def __init__(
        self, keeper: Keeper, exclusively: Worker, surroundings: Surroundings, first_look: Overview, profile: str
    ) -> None:
        self.overview = first_look
        self.last_decisions_by_url: dict[str, list[Decision]] = {}
        self.wallet_state: WalletState = "ok"
        self.wallet_reason: str | None = None
        self.publish: Publish = lambda event, data, at: None
        self.on_status: Callable[[], None] = lambda: None
        self.on_sync_ended: Callable[[Failure | None, Failure | None], None] = lambda previous, failure: None
        self._keeper = keeper
        self._exclusively = exclusively
        self._surroundings = surroundings
        self._profile = profile
        self._refusing_sets: set[str] = set()
        self._leaving_out_sets: set[str] = set()
        self._never_synced: set[str] = set()  # by URL, as far as a sync with them began
        self._writer: str | None = None
        self.copy_seen: float | None = None
        self.paused_until: float | None = None

    async def refresh(self) -> None:
        """Look at the replica anew. Cancelled, the last look stays."""
        self.overview = await self._exclusively(self._keeper.overview)
        self.on_status()

    def tell(self, event: str, data: Mapping[str, object]) -> None:
        """Publish an event that happens now."""
        self.publish(event, data, rfc3339(self._surroundings.wall()))

    def sync_started(self, ids: Sequence[str], url: str, reason: SyncReason) -> None:
        """Tell that a sync begins."""
        record = self.overview.record_by_url.get(url)
        if record is not None and record.last_success is None:
            self._never_synced.add(url)
        logs.emit(syncing.SyncStarted(sync_id=ids[0], server=url, reason=reason))
        for sync_id in ids:
            self.tell("sync.started", {"sync_id": sync_id, "server": url, "reason": reason})
        self.on_status()

    def put_off(self, ids: Sequence[str], url: str, outcome: str, message: str) -> None:
        """Tell that syncs which were asked for do not begin now."""
        for sync_id in ids:
            data = {"sync_id": sync_id, "server": url, "outcome": outcome, "message": message, "stored": False}
            self.tell("sync.ended", {**data, "payment": None})

    def stale(self, url: str, last_good: float | None) -> None:
        """Tell that a server has not really succeeded for long."""
        since = rfc3339_or_none(last_good)
        logs.emit(syncing.ServerStale(server=url, since=since))
        self.tell("server.stale", {"server": url, "since": since})

    def nearly_full(self, url: str, sealed_bytes: int, limit_bytes: int) -> None:
        """Tell that the blob comes near the largest that a server takes."""
        logs.emit(syncing.ServerNearlyFull(server=url, sealed_bytes=sealed_bytes, limit_bytes=limit_bytes))
        data = {"server": url, "sealed_bytes": sealed_bytes, "limit_bytes": limit_bytes}
        self.tell("server.nearly_full", data)

    def progress(self, ids: Sequence[str], url: str, stage: str, sealed_bytes: int | None = None) -> None:
        """Tell that a sync enters a stage: fetch, join, seal, store."""
        for sync_id in ids:
            data = {"sync_id": sync_id, "server": url, "stage": stage, "sealed_bytes": sealed_bytes}
            self.tell("sync.progress", data)

    def fetched(self, sync_id: str, url: str, outcome: FetchOutcome, seconds: float) -> None:
        """Tell that the server was asked for its blob, and answered."""
        if isinstance(outcome, Failure):
            return
        size = outcome.sealed_bytes if isinstance(outcome, Fetched) else None
        word = _WORD_BY_OUTCOME[type(outcome)]
        logs.emit(syncing.SyncFetched(sync_id=sync_id, server=url, outcome=word, seconds=seconds, sealed_bytes=size))

    def taken_in(self, sync_id: str, url: str, taken: TakenIn, seconds: float) -> None:
        """Tell that a server's answer was joined, and the wallet brought to the result."""
        merged = taken.merged
        if taken.parting is not None:
            former = taken.parting.former_writer
            logs.emit(syncing.CloneSuspected(sync_id=sync_id, server=url, former_writer=former))
        if merged.went_back:
            logs.emit(syncing.ServerWentBack(sync_id=sync_id, server=url))
            self.tell("server.went_back", {"server": url})
        if merged.collisions:
            logs.emit(syncing.StampCollision(sync_id=sync_id, server=url, elements=merged.collisions))
        if merged.changed:
            logs.emit(
                syncing.SyncJoined(
                    sync_id=sync_id, server=url, taken=merged.taken, removed=merged.removed, seconds=seconds
                )
            )
        if taken.copy_lives:
            self._copy_lives(sync_id, url)
        if merged.collected:
            logs.emit(keeping.TombstonesCollected(tombstones=merged.collected))
        if merged.changed:
            self.last_decisions_by_url[url] = merged.decisions
        self._held("in", merged.held)
        for captured in taken.captured:
            self._held("out", captured.held)
            self._captured(captured)
        self._settled(taken)
        self._wallet(taken.trouble)
        self._say_writer()

    def poisoned(self, sync_id: str, url: str, error: TimePoisoned) -> None:
        """Tell that a server's blob holds an impossible time."""
        logs.emit(
            syncing.TimePoisoned(
                sync_id=sync_id, server=url, writer=error.writer, time=error.time, largest_known=error.largest_known
            )
        )

    def stored(self, sync_id: str, url: str, sealed_bytes: int, seconds: float) -> None:
        """Tell that the server holds this wallet's state."""
        logs.emit(syncing.SyncStored(sync_id=sync_id, server=url, sealed_bytes=sealed_bytes, seconds=seconds))

    async def sync_ended(
        self,
        ids: Sequence[str],
        url: str,
        reason: SyncReason,
        result: "SyncResult",
        previous: Failure | None,
        *,
        seconds: float,
        retry_in: float | None,
    ) -> None:
        """Tell that a sync ended, well or not. Cancelled, the look at the replica stays the old one."""
        failure = result.failure
        outcome = failure.kind.value if failure else "ok"
        before = previous.kind.value if previous else "idle"
        self.on_sync_ended(previous, failure)
        if failure is None:
            first = url in self._never_synced
            self._never_synced.discard(url)
            logs.emit(
                syncing.SyncEnded(
                    sync_id=ids[0],
                    server=url,
                    reason=reason,
                    captured=result.captured,
                    taken=result.taken,
                    removed=result.removed,
                    stored=result.stored,
                    first=first,
                    seconds=seconds,
                )
            )
        else:
            logs.emit(
                syncing.SyncFailed(
                    sync_id=ids[0],
                    server=url,
                    reason=reason,
                    kind=outcome,
                    message=failure.message,
                    seconds=seconds,
                    retry_in=retry_in,
                    repeated=outcome == before,
                )
            )
        if (state := failure.kind.value if failure else "idle") != before:
            logs.emit(syncing.ServerChangedState(server=url, previous=before, state=state, sync_id=ids[0]))
            self.tell("server.state", {"server": url, "state": state, "payment": _payment(failure)})
        await self.refresh()
        message = failure.message if failure else None
        ended = {"server": url, "outcome": outcome, "message": message, "stored": result.stored}
        for sync_id in ids:
            self.tell("sync.ended", {"sync_id": sync_id, **ended, "payment": _payment(failure)})

    def wallet_trouble(self, trouble: WalletTrouble | None) -> None:
        """Tell whether the wallet database can be used, if that is news."""
        self._wallet(trouble)

    def _copy_lives(self, sync_id: str, url: str) -> None:
        """Tell once in a run, and keep the time for the status."""
        if self.copy_seen is None:
            logs.emit(syncing.CloneLives(sync_id=sync_id, server=url))
            self.tell("wallet.copied", {"server": url})
        self.copy_seen = self._surroundings.wall()

    def _held(self, direction: str, rows: int) -> None:
        if rows:
            logs.emit(keeping.DeletesHeld(direction=direction, rows=rows))
            self.tell("deletes.held", {"direction": direction, "rows": rows})

    def _captured(self, captured: Captured) -> None:
        if captured.operations:
            logs.emit(
                keeping.CaptureCaptured(
                    inserts=captured.counts[Verdict.INSERTED], deletes=captured.counts[Verdict.DELETED]
                )
            )
        if captured.installed:
            logs.emit(keeping.CaptureTriggersInstalled())
        if captured.missed:
            logs.emit(keeping.CaptureLogDisagreed(rows=captured.missed))
        for set_name, message in sorted(captured.left_out.items()):
            repeated = set_name in self._leaving_out_sets
            logs.emit(keeping.CaptureLeftOut(set_name=set_name, message=message, repeated=repeated))
            self._leaving_out_sets.add(set_name)
        if captured.waits or captured.healed:
            message = (
                "all servers are asked before anything is read from it"
                if captured.waits
                else "it was brought together with the circle's state; nothing was taken for deleted"
            )
            logs.emit(keeping.WalletHealing(message=message))

    def _settled(self, taken: TakenIn) -> None:
        written = sum((settled.written for settled in taken.settled), Counter[str]())
        if written:
            logs.emit(keeping.WalletApplied(rows=written.total()))
            first_places = [place for settled in taken.settled for place in settled.first_written]
            self.tell("wallet.applied", _applied(written, first_places))
        refused = {place: reason for settled in taken.settled for place, reason in settled.refused.items()}
        for set_name in sorted({set_name for set_name, _ in refused}):
            reasons = [reason for (name, _), reason in refused.items() if name == set_name]
            logs.emit(
                keeping.WalletRowRefused(
                    set_name=set_name,
                    rows=len(reasons),
                    message=reasons[0],
                    repeated=set_name in self._refusing_sets,
                )
            )
            self._refusing_sets.add(set_name)

    def _wallet(self, trouble: WalletTrouble | None) -> None:
        state: WalletState = trouble.state if trouble else "ok"
        reason = trouble.reason if trouble else None
        news = state != self.wallet_state
        self.wallet_state, self.wallet_reason = state, reason
        if news:
            self._log_wallet(state, reason or "")
            self.tell("wallet.state", {"state": state, "reason": reason})

    def _log_wallet(self, state: WalletState, reason: str) -> None:
        path = self._keeper.store.guest.path
        match state:
            case "ok":
                logs.emit(keeping.WalletOk(path=path, profile=self._profile))
            case "absent":
                logs.emit(keeping.WalletAbsent(path=path))
            case "unfit":
                logs.emit(keeping.WalletIsUnfit(path=path, profile=self._profile, message=reason))
            case "locked" | "readonly":
                logs.emit(keeping.WalletUnusable(path=path, state=state, message=reason))

    def _say_writer(self) -> None:
        writer = self._keeper.store.writer
        if writer is not None and writer != self._writer:
            self._writer = writer
            logs.emit(keeping.WriterStarted(writer=writer))


def _payment(failure: Failure | None) -> dict[str, str | None] | None:
    payment = failure.payment if failure else None
    return None if payment is None else {"uri": payment.uri, "amount": payment.amount}


def _applied(written: Counter[str], first_places: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Say which rows were written, so that a frontend can reload them: how many of each set, and the first keys."""
    keys: dict[str, list[str]] = {}
    for set_name, key in first_places[:MOST_KEYS_TOLD]:
        keys.setdefault(set_name, []).append(key)
    return {"sets": dict(written), "keys": keys, "complete": written.total() <= MOST_KEYS_TOLD}
