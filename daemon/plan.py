"""When to sync with one server, and why: a pure function of what happens.

``step(plan, event, now)`` returns the plan after the event. A plan names when the next sync is due and for which
reason; whoever carries it out waits until then, tells ``SyncBegan``, syncs, and tells what came of it.

- A local change, or a change of the server's own, is due after a short random delay. More changes do not put it off.
- The schedule is due an interval after the last sync ended, give or take the jitter; a shorter interval for a while
  after something changed or while a frontend watches.
- A failure is tried again with exponential back-off and full jitter, capped; a server that named a time is taken at
  its word, up to the cap. What only a person can change (refused, unreadable, payment, moved) is tried at the cap.
- Back-off outlives a restart: ``restored_plan`` goes on with what is left of it.
- A request, and a resume from suspend, are due at once; while paused only a person's request is. A person's request
  overrides a back-off, a payment that is waited for included: it may just have been made. It does not override the
  time that a server itself named.
- A sign that a server may be back (the network is back, its folder lies there again, another server answers again, the
  machine was asleep) has one tried soon that was unreachable. If it fails again, the back-off goes on where it was.
  A server's own change overrides any back-off in the same way: what was unreadable there may be readable now.
- An acknowledgement that is owed is due a set time after it was first owed.

Times are seconds on one monotonic clock. Randomness is part of the events: ``draw`` is uniform in [0, 1).
"""

from dataclasses import dataclass, replace
from typing import assert_never

from daemon.server.base import FailureKind
from ipc.state import SyncReason

FIRST_RETRY = 5.0
"""Seconds of the first back-off, which doubles from failure to failure."""

_AT_ONCE = 0.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The settings that matter here, in seconds; ``jitter`` is a share of the interval.

    A server that did not really succeed for ``stale_after`` is worth a warning.
    """

    interval: float
    active_interval: float
    active_for: float
    change_delay_min: float
    change_delay_max: float
    jitter: float
    retry_max: float
    acknowledge_after: float
    stale_after: float = 90 * 86400.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What one server waits for.

    ``due`` is when the next sync begins, ``reason`` why. ``acknowledge`` says that this sync is to upload a mere
    acknowledgement too. ``again`` is what was asked for while a sync ran. ``failing`` is the kind of the last failure,
    if the last sync failed. Until ``must_wait_until`` only a person or a sign that the server may be back begins a
    sync, and until ``named_until``, which is the server's own word, nothing does.
    """

    due: float
    reason: SyncReason
    acknowledge: bool = False
    syncing: bool = False
    again: "Plan | None" = None
    failures: int = 0
    failing: FailureKind | None = None
    active_until: float = 0.0
    owed_since: float | None = None
    paused: bool = False
    must_wait_until: float = 0.0
    named_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Changed:
    """The wallet changed."""

    draw: float


@dataclass(frozen=True, slots=True)
class ServerChanged:
    """The server says by itself that its blob may have changed, or that it is there again."""

    draw: float


@dataclass(frozen=True, slots=True)
class MayBeBack:
    """Something suggests that servers which could not be reached can be reached again."""

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
class Retimed:
    """The settings have changed: nothing waits longer than they say now."""

    draw: float


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


Event = (
    Changed | ServerChanged | MayBeBack | Requested | Watched | Paused | Retimed | SyncBegan | SyncEnded | SyncFailed
)

_FOR_A_PERSON = frozenset(
    {
        FailureKind.REFUSED,
        FailureKind.GONE,
        FailureKind.PAYMENT_REQUIRED,
        FailureKind.TOO_LARGE,
        FailureKind.UNREADABLE,
        FailureKind.MOVED,
    }
)


def first_plan(now: float) -> Plan:
    """Return the plan of a server at the start of the daemon: sync at once."""
    return Plan(due=now, reason="startup")


def restored_plan(
    plan: Plan, now: float, timing: Timing, *, failures: int, failing: FailureKind, wait: float, named: bool
) -> Plan:
    """Return the plan at the start of the daemon where the last sync before it failed: what is left of the back-off.

    ``wait`` is in seconds, and taken for at most the cap, since the clock may have been set meanwhile; ``named`` says
    that the server had named it. What else happened since the start (someone paused or asks) holds.
    """
    until = now + min(max(wait, 0.0), timing.retry_max)
    plan = replace(plan, failures=failures, failing=failing, must_wait_until=until, named_until=until if named else 0.0)
    if plan.reason != "startup":
        return replace(plan, due=max(plan.due, plan.named_until))
    return replace(plan, due=until, reason="retry" if until > now else "startup")


def wake_at(plan: Plan) -> float | None:
    """Return when the next sync begins, or ``None`` while one runs or everything rests."""
    if plan.syncing or (plan.paused and plan.reason != "user"):
        return None
    return plan.due


def is_stale(last_good: float | None, now: float, timing: Timing) -> bool:
    """Tell whether a failing server's last success, or else its first failure, lies too long ago (in wall time)."""
    return last_good is not None and now - last_good >= timing.stale_after


def step(plan: Plan, event: Event, now: float, timing: Timing) -> Plan:
    """Return the plan after this event."""
    match event:
        case SyncBegan():
            return replace(plan, syncing=True, again=None)
        case SyncEnded():
            return _after(plan, _ended(plan, event, now, timing))
        case SyncFailed():
            return _after(plan, _failed(plan, event, now, timing))
        case Paused(paused):
            return replace(plan, paused=paused)
        case Retimed(draw):
            return _retimed(plan, now, draw, timing)
        case _:
            return _told(plan, event, now, timing)


def _told(
    plan: Plan, event: Changed | ServerChanged | MayBeBack | Requested | Watched, now: float, timing: Timing
) -> Plan:
    """Bring the next sync forward, if what happened is a reason to."""
    match event:
        case Changed(draw):
            return _ask(plan, now + _change_delay(draw, timing), "change", acknowledge=False)
        case ServerChanged(draw):
            delay = _change_delay(draw, timing)
            return _ask(_without_back_off(plan), now + delay, "change", acknowledge=False)
        case MayBeBack(draw):
            if plan.failing is not FailureKind.UNREACHABLE:
                return plan
            delay = timing.change_delay_min + draw * max(timing.change_delay_max, FIRST_RETRY)
            return _ask(_without_back_off(plan), now + delay, "retry", acknowledge=False)
        case Requested(reason):
            return _ask(plan, now + _AT_ONCE, reason, acknowledge=reason == "user")
        case Watched(draw):
            plan = replace(plan, active_until=max(plan.active_until, now + timing.active_for))
            return _ask(plan, _next_scheduled(plan, now, draw, timing), "schedule", acknowledge=False)
        case _:
            assert_never(event)


def _change_delay(draw: float, timing: Timing) -> float:
    return timing.change_delay_min + draw * (timing.change_delay_max - timing.change_delay_min)


def _without_back_off(plan: Plan) -> Plan:
    """Let a sync begin that the back-off would hold up, unless the server itself named the time."""
    return replace(plan, must_wait_until=plan.named_until)


def _ask(plan: Plan, due: float, reason: SyncReason, *, acknowledge: bool) -> Plan:
    """Bring the next sync forward. While one runs, note that another one has to follow.

    A person's request keeps its reason, also where something else is due before: it holds while paused.
    """
    by_person = reason == "user"
    if plan.syncing:
        before = plan.again
        if before is not None and before.due <= due and (before.reason == "user" or not by_person):
            return plan
        earlier = due if before is None else min(due, before.due)
        if before is not None and before.reason == "user":
            reason, acknowledge = before.reason, before.acknowledge
        return replace(plan, again=Plan(earlier, reason, acknowledge))
    due = max(due, plan.named_until if by_person else plan.must_wait_until)
    if plan.due <= due and (plan.reason == "user" or not by_person):
        return plan
    if plan.reason == "user":
        reason = plan.reason
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
        failing=None,
        must_wait_until=0.0,
        named_until=0.0,
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
    return replace(
        plan,
        reason="retry",
        failures=failures,
        failing=event.kind,
        due=due,
        must_wait_until=due,
        named_until=due if event.retry_after is not None else 0.0,
    )


def _retimed(plan: Plan, now: float, draw: float, timing: Timing) -> Plan:
    longest = now + timing.retry_max
    if plan.failing is not None:
        until, named = min(plan.must_wait_until, longest), min(plan.named_until, longest)
        return replace(plan, due=min(plan.due, longest), must_wait_until=until, named_until=named)
    return _ask(plan, _next_scheduled(plan, now, draw, timing), "schedule", acknowledge=False)


def _next_scheduled(plan: Plan, now: float, draw: float, timing: Timing) -> float:
    interval = timing.active_interval if now < plan.active_until else timing.interval
    return now + interval * (1 + timing.jitter * (2 * draw - 1))
