"""When to sync with one server, and why: a pure function of what happens.

``step(plan, event, now)`` returns the plan after the event. A plan names when the next sync is due and for which
reason; whoever carries it out waits until then, tells ``SyncBegan``, syncs, and tells what came of it.

- A local change, or a change of the server's own, is due after a short random delay. More changes do not put it off.
- The schedule is due an interval after the last sync ended, give or take the jitter; a shorter interval for a while
  after something changed or while a frontend watches.
- A failure is tried again with exponential back-off and full jitter, capped; a server that named a time is taken at
  its word. What only a person can change (refused, unreadable, payment) is tried at the cap.
- A request, and a resume from suspend, are due at once; while paused only a request is.
- An acknowledgement that is owed is due a set time after it was first owed.

Times are seconds on one monotonic clock. Randomness is part of the events: ``draw`` is uniform in [0, 1).
"""

from dataclasses import dataclass, replace
from typing import assert_never

from daemon.server.base import FailureKind
from ipc.messages import SyncReason

FIRST_RETRY = 5.0
"""Seconds of the first back-off, which doubles from failure to failure."""

_AT_ONCE = 0.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The settings that matter here, in seconds; ``jitter`` is a share of the interval."""

    interval: float
    active_interval: float
    active_for: float
    change_delay_min: float
    change_delay_max: float
    jitter: float
    retry_max: float
    acknowledge_after: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What one server waits for.

    ``due`` is when the next sync begins, ``reason`` why. ``acknowledge`` says that this sync is to upload a mere
    acknowledgement too. ``again`` is what was asked for while a sync ran.
    """

    due: float
    reason: SyncReason
    acknowledge: bool = False
    syncing: bool = False
    again: "Plan | None" = None
    failures: int = 0
    active_until: float = 0.0
    owed_since: float | None = None
    paused: bool = False
    must_wait_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Changed:
    """The wallet changed, or the server's blob did."""

    draw: float


@dataclass(frozen=True, slots=True)
class Requested:
    """Someone asks for a sync now. A person's request also uploads a mere acknowledgement."""

    reason: SyncReason


@dataclass(frozen=True, slots=True)
class Watched:
    """A frontend watches: sync more often for a while."""

    draw: float


@dataclass(frozen=True, slots=True)
class Paused:
    """Syncing is to rest, or to go on."""

    paused: bool


@dataclass(frozen=True, slots=True)
class SyncBegan:
    """The sync that was due begins."""


@dataclass(frozen=True, slots=True)
class SyncEnded:
    """The sync ended well. ``active``: something changed. ``owes``: an acknowledgement was put off."""

    draw: float
    active: bool
    owes: bool


@dataclass(frozen=True, slots=True)
class SyncFailed:
    """The sync failed, by this kind; the server may have named how many seconds to wait."""

    draw: float
    kind: FailureKind
    retry_after: float | None


Event = Changed | Requested | Watched | Paused | SyncBegan | SyncEnded | SyncFailed

_FOR_A_PERSON = frozenset(
    {FailureKind.REFUSED, FailureKind.GONE, FailureKind.PAYMENT_REQUIRED, FailureKind.TOO_LARGE, FailureKind.UNREADABLE}
)


def first_plan(now: float) -> Plan:
    """Return the plan of a server at the start of the daemon: sync at once."""
    return Plan(due=now, reason="startup")


def wake_at(plan: Plan) -> float | None:
    """Return when the next sync begins, or ``None`` while one runs or everything rests."""
    if plan.syncing or (plan.paused and plan.reason != "user"):
        return None
    return plan.due


def step(plan: Plan, event: Event, now: float, timing: Timing) -> Plan:
    """Return the plan after this event."""
    match event:
        case Changed(draw):
            delay = timing.change_delay_min + draw * (timing.change_delay_max - timing.change_delay_min)
            return _ask(plan, now + delay, "change", acknowledge=False)
        case Requested(reason):
            return _ask(plan, now + _AT_ONCE, reason, acknowledge=reason == "user")
        case Watched(draw):
            plan = replace(plan, active_until=max(plan.active_until, now + timing.active_for))
            return _ask(plan, _next_scheduled(plan, now, draw, timing), "schedule", acknowledge=False)
        case Paused(paused):
            return replace(plan, paused=paused)
        case SyncBegan():
            return replace(plan, syncing=True, again=None)
        case SyncEnded():
            return _after(plan, _ended(plan, event, now, timing))
        case SyncFailed():
            return _after(plan, _failed(plan, event, now, timing))
        case _:
            assert_never(event)


def _ask(plan: Plan, due: float, reason: SyncReason, *, acknowledge: bool) -> Plan:
    """Bring the next sync forward. While one runs, note that another one has to follow."""
    if plan.syncing:
        if plan.again is not None and plan.again.due <= due and (plan.again.acknowledge or not acknowledge):
            return plan
        return replace(plan, again=Plan(due, reason, acknowledge))
    if reason != "user":  # only a person's request overrides a back-off
        due = max(due, plan.must_wait_until)
    if plan.due <= due and (plan.acknowledge or not acknowledge):
        return plan
    return replace(plan, due=min(due, plan.due), reason=reason, acknowledge=acknowledge or plan.acknowledge)


def _after(before: Plan, plan: Plan) -> Plan:
    """Take up what was asked for during the sync that has just ended."""
    again = before.again
    plan = replace(plan, syncing=False, again=None)
    return plan if again is None else _ask(plan, again.due, again.reason, acknowledge=again.acknowledge)


def _ended(plan: Plan, event: SyncEnded, now: float, timing: Timing) -> Plan:
    owed_since = (plan.owed_since if plan.owed_since is not None else now) if event.owes else None
    plan = replace(
        plan,
        reason="schedule",
        acknowledge=False,
        failures=0,
        must_wait_until=0.0,
        owed_since=owed_since,
        active_until=now + timing.active_for if event.active else plan.active_until,
    )
    plan = replace(plan, due=_next_scheduled(plan, now, event.draw, timing))
    if owed_since is not None and owed_since + timing.acknowledge_after <= plan.due:
        return replace(plan, due=max(now, owed_since + timing.acknowledge_after), acknowledge=True)
    return plan


def _failed(plan: Plan, event: SyncFailed, now: float, timing: Timing) -> Plan:
    failures = plan.failures + 1
    if event.retry_after is not None:
        delay = min(event.retry_after, timing.retry_max)
    elif event.kind in _FOR_A_PERSON:
        delay = timing.retry_max * (1 - timing.jitter * event.draw)
    else:
        ceiling = min(FIRST_RETRY * 2 ** min(failures - 1, 30), timing.retry_max)
        delay = max(event.draw * ceiling, min(1.0, timing.retry_max))
    due = now + delay
    return replace(plan, reason="retry", failures=failures, due=due, must_wait_until=due)


def _next_scheduled(plan: Plan, now: float, draw: float, timing: Timing) -> float:
    interval = timing.active_interval if now < plan.active_until else timing.interval
    return now + interval * (1 + timing.jitter * (2 * draw - 1))
