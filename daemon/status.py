"""Status: from the last look at the replica, and what the syncers wait for, to what the socket tells. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daemon.keeper.overview import Overview, WalletView
from daemon.rotation.showing import FailureAt, notes, rotations
from daemon.server.base import Failure
from daemon.state.servers import ServerRecord
from daemon.times import rfc3339, rfc3339_or_none
from daemon.trouble import failure_of
from daemon.wallet.trouble import WalletState
from ipc.frame import API_VERSION
from ipc.state import (
    CircleWallet,
    FarTime,
    Held,
    Pause,
    PaymentDue,
    ServerState,
    ServerStatus,
    SetStatus,
    Status,
    SyncError,
    SyncReason,
    WalletStatus,
)

_DAY = 24 * 3600.0


class SyncerState(NamedTuple):
    """What a syncer is at: whether it syncs now, its last failure and since when, and what comes next.

    Times are seconds since 1970.
    """

    url: str
    syncing: bool
    paused: bool
    failure: Failure | None
    failing_since: float | None
    next_try: float | None
    next_reason: SyncReason | None


class Here(NamedTuple):
    """What is said of this daemon and its wallet."""

    version: str
    pid: int
    wallet_id: str
    nickname: str
    path: str
    profile: str
    capture: str
    wallet_state: WalletState
    wallet_reason: str | None
    copy_seen: float | None = None
    in_circle: bool = False
    paused_until: float | None = None


def status(
    here: Here, view: Overview, syncers: Iterable[SyncerState], now: float, failure_at: FailureAt = lambda account: None
) -> Status:
    """Return the whole status. A server whose syncer rests is told as it was last remembered."""
    syncer_by_url = {syncer.url: syncer for syncer in syncers}
    wallets = circle_wallets(here.wallet_id, view, now)
    return Status(
        api=API_VERSION,
        version=here.version,
        pid=here.pid,
        wallet=_wallet(here, wallets),
        servers=[
            _server(syncer_by_url.get(url) or _at_rest(record, here), record)
            for url, record in sorted(view.record_by_url.items())
        ],
        wallets=wallets,
        sets={
            name: SetStatus(live=count.live, tombstones=count.tombstones, unapplied=count.unapplied)
            for name, count in view.sets.items()
        },
        held=held_deletes(view),
        far_times=[
            FarTime(id=f"T{far.number}", server=far.server, writer=far.writer, since=rfc3339(far.since))
            for far in view.far_times
        ],
        pause=None if here.paused_until is None else Pause(until=_end_of(here.paused_until)),
        notes=notes(view),
        rotations=rotations(here.wallet_id, view, failure_at),
    )


def held_deletes(view: Overview) -> list[Held]:
    """Return the mass deletes that wait for a person."""
    return [
        Held(id=f"H{held.number}", direction=held.direction, sets=held.count_by_set, since=rfc3339(held.since))
        for held in view.held
    ]


def circle_wallets(own_id: str, view: Overview, now: float) -> list[CircleWallet]:
    """Return the wallets of the circle, in the order of their ids."""
    return [
        CircleWallet(
            id=wallet.wallet_id,
            shown_as=wallet.shown_as,
            me=wallet.wallet_id == own_id,
            last_seen={url: rfc3339(at) for url, at in wallet.moved_at.items()},
            holds_up=wallet.holds_up,
            silent_days=_silent_days(wallet, now),
        )
        for wallet in view.wallets
    ]


def summary(state: Status) -> str:
    """Return the one line that matters most, for the service manager."""
    if state.wallet.state != "ok":
        return f"wallet {state.wallet.state}: {state.wallet.reason}"
    if state.pause is not None:
        return f"paused{f' until {state.pause.until}' if state.pause.until else ''}"
    failing = [f"{server.url} {server.state}" for server in state.servers if server.error is not None]
    if failing:
        return f"{len(state.servers) - len(failing)} of {len(state.servers)} servers in step; {'; '.join(failing)}"
    if not state.servers:
        return "in a circle, but no server is known: enroll one again" if state.wallet.in_circle else "no server yet"
    return f"{len(state.servers)} servers in step"


def _end_of(until: float) -> str | None:
    return None if math.isinf(until) else rfc3339(until)


def _wallet(here: Here, wallets: Sequence[CircleWallet]) -> WalletStatus:
    return WalletStatus(
        id=here.wallet_id,
        former_ids=[],
        nickname=here.nickname,
        shown_as=next((wallet.shown_as for wallet in wallets if wallet.me), here.nickname),
        path=here.path,
        profile=here.profile,
        state=here.wallet_state,
        reason=here.wallet_reason,
        capture=here.capture,
        copy_seen=rfc3339_or_none(here.copy_seen),
        in_circle=here.in_circle,
    )


def _at_rest(record: ServerRecord, here: Here) -> SyncerState:
    """Return the state of a server whose syncer is being replaced by another one, which starts within moments."""
    trouble = record.trouble
    return SyncerState(
        url=record.url,
        syncing=False,
        paused=here.paused_until is not None,
        failure=None if trouble is None else failure_of(trouble),
        failing_since=None if trouble is None else trouble.since,
        next_try=None,
        next_reason=None,
    )


def _server(syncer: SyncerState, record: ServerRecord) -> ServerStatus:
    failure = syncer.failure
    payment = failure.payment if failure else None
    return ServerStatus(
        url=syncer.url,
        state=_state(syncer),
        last_success=rfc3339_or_none(record.last_success),
        next_try=rfc3339_or_none(syncer.next_try),
        next_reason=syncer.next_reason,
        sealed_bytes=record.sealed_bytes,
        limit_bytes=record.limit_bytes,
        error=SyncError(kind=failure.kind.value, message=failure.message, since=rfc3339(syncer.failing_since or 0.0))
        if failure
        else None,
        payment=PaymentDue(uri=payment.uri, amount=payment.amount) if payment else None,
    )


def _state(syncer: SyncerState) -> ServerState:
    if syncer.syncing:
        return "syncing"
    if syncer.failure is not None:
        return syncer.failure.kind.value
    return "paused" if syncer.paused else "idle"


def _silent_days(wallet: WalletView, now: float) -> int:
    last = max(wallet.moved_at.values(), default=now)
    return max(0, int((now - last) / _DAY))
