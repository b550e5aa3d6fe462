"""When to sync with one server, and why."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.usual_timing import TIMING

from daemon.plan import (
    Changed,
    MayBeBack,
    Paused,
    Requested,
    Retimed,
    ServerChanged,
    SyncBegan,
    SyncEnded,
    SyncFailed,
    Watched,
    first_plan,
    is_stale,
    restored_plan,
    step,
    wake_at,
)
from daemon.server.base import FailureKind


def after(*events, start=0.0, timing=TIMING):
    """Return the plan after (time, event) pairs."""
    plan = first_plan(start)
    for now, event in events:
        plan = step(plan, event, now, timing)
    return plan


IDLE = [(0, SyncBegan()), (1, SyncEnded(0.5, active=False, owes=False))]


def test_the_start_syncs_at_once():
    assert wake_at(first_plan(7.0)) == 7.0
    assert first_plan(7.0).reason == "startup"


def test_nothing_wakes_while_a_sync_runs():
    assert wake_at(after((0, SyncBegan()))) is None


def test_an_idle_server_is_asked_after_the_interval():
    plan = after(*IDLE)
    assert (wake_at(plan), plan.reason) == (901, "schedule")


@pytest.mark.parametrize(("draw", "due"), [(0.0, 811), (0.999999999, 991)])
def test_the_interval_varies_by_the_jitter(draw, due):
    plan = after((0, SyncBegan()), (1, SyncEnded(draw, active=False, owes=False)))
    assert wake_at(plan) == pytest.approx(due)


def test_after_activity_the_server_is_asked_more_often_for_a_while():
    plan = after((0, SyncBegan()), (1, SyncEnded(0.5, active=True, owes=False)))
    assert wake_at(plan) == 31
    plan = step(step(plan, SyncBegan(), 400, TIMING), SyncEnded(0.5, active=False, owes=False), 401, TIMING)
    assert wake_at(plan) == 1301


def test_a_change_is_synced_after_a_short_random_delay():
    plan = after(*IDLE, (100, Changed(0.5)))
    assert (wake_at(plan), plan.reason) == (103, "change")


def test_more_changes_do_not_put_it_off():
    assert wake_at(after(*IDLE, (100, Changed(0.5)), (102, Changed(0.9)))) == 103


def test_a_request_is_due_at_once_and_acknowledges():
    plan = after(*IDLE, (100, Requested("user")))
    assert (wake_at(plan), plan.reason, plan.acknowledge) == (100, "user", True)


def test_a_request_takes_over_a_change_that_is_due_already():
    plan = after(*IDLE, (100, Changed(0.0)), (200, Requested("user")))
    assert (wake_at(plan), plan.acknowledge) == (101, True)


def test_what_is_asked_for_during_a_sync_follows_it():
    plan = after(*IDLE, (100, Changed(0.0)), (101, SyncBegan()), (102, Changed(0.5)))
    assert wake_at(plan) is None
    plan = step(plan, SyncEnded(0.5, active=True, owes=False), 103, TIMING)
    assert (wake_at(plan), plan.reason) == (105, "change")


def test_a_request_during_a_sync_is_not_lost_behind_a_change():
    plan = after(*IDLE, (100, SyncBegan()), (101, Changed(0.0)), (105, Requested("user")))
    plan = step(plan, SyncEnded(0.5, active=False, owes=False), 106, TIMING)
    assert plan.acknowledge
    assert wake_at(plan) <= 106


def test_failures_are_retried_with_a_growing_delay_up_to_the_cap():
    plan, ceilings = first_plan(0), []
    for _ in range(14):
        plan = step(step(plan, SyncBegan(), 0, TIMING), SyncFailed(1.0, FailureKind.UNREACHABLE, None), 0, TIMING)
        ceilings.append(wake_at(plan))
    assert ceilings == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600, 3600]
    assert plan.reason == "retry"


def test_a_busy_server_is_taken_at_its_word():
    assert wake_at(after((0, SyncBegan()), (1, SyncFailed(0.5, FailureKind.BUSY, 42.0)))) == 43


def test_what_only_a_person_can_change_is_tried_slowly():
    plan = after((0, SyncBegan()), (0, SyncFailed(0.0, FailureKind.UNREADABLE, None)))
    assert wake_at(plan) == 3600


def test_a_change_does_not_override_a_back_off_but_a_person_does():
    failed = after((0, SyncBegan()), (0, SyncFailed(1.0, FailureKind.REFUSED, None)))
    due = wake_at(failed)
    assert wake_at(step(failed, Changed(0.0), 10, TIMING)) == due
    assert wake_at(step(failed, Requested("user"), 10, TIMING)) == 10


def failed(kind=FailureKind.UNREACHABLE, retry_after=None, draw=1.0, times=1):
    plan = first_plan(0)
    for _ in range(times):
        plan = step(step(plan, SyncBegan(), 0, TIMING), SyncFailed(draw, kind, retry_after), 0, TIMING)
    return plan


def test_not_even_a_person_overrides_the_time_that_a_server_named():
    asked = step(failed(FailureKind.BUSY, retry_after=600), Requested("user"), 10, TIMING)
    assert (wake_at(asked), asked.reason, asked.acknowledge) == (600, "user", True)


def test_a_server_cannot_name_a_time_beyond_the_cap():
    assert wake_at(failed(FailureKind.BUSY, retry_after=1e9)) == 3600


def test_a_person_who_has_paid_need_not_wait():
    assert wake_at(step(failed(FailureKind.PAYMENT_REQUIRED), Requested("user"), 10, TIMING)) == 10


def test_a_sign_that_servers_may_be_back_has_those_tried_soon_that_were_unreachable():
    plan = step(failed(times=12), MayBeBack(0.5), 100, TIMING)
    assert wake_at(plan) == 103.5
    again = step(step(plan, SyncBegan(), 104, TIMING), SyncFailed(1.0, FailureKind.UNREACHABLE, None), 104, TIMING)
    assert wake_at(again) == 104 + 3600  # the back-off goes on where it was


@pytest.mark.parametrize("kind", [FailureKind.REFUSED, FailureKind.UNREADABLE, FailureKind.PAYMENT_REQUIRED])
def test_such_a_sign_means_nothing_to_servers_that_answered(kind):
    plan = failed(kind)
    assert step(plan, MayBeBack(0.5), 100, TIMING) == plan


def test_such_a_sign_does_not_override_the_time_that_a_server_named():
    plan = failed(FailureKind.UNREACHABLE, retry_after=600)
    assert wake_at(step(plan, MayBeBack(0.5), 100, TIMING)) == 600


@pytest.mark.parametrize("kind", [FailureKind.UNREADABLE, FailureKind.GONE, FailureKind.UNREACHABLE])
def test_a_servers_own_change_overrides_its_back_off(kind):
    assert wake_at(step(failed(kind, times=12), ServerChanged(0.5), 100, TIMING)) == 103


def test_a_back_off_goes_on_after_a_restart():
    plan = restored_plan(
        first_plan(50), 50, TIMING, failures=7, failing=FailureKind.UNREACHABLE, wait=300.0, named=False
    )
    assert (wake_at(plan), plan.reason) == (350, "retry")
    assert wake_at(step(plan, Changed(0.0), 60, TIMING)) == 350
    assert wake_at(step(plan, Requested("user"), 60, TIMING)) == 60
    plan = step(step(plan, SyncBegan(), 350, TIMING), SyncFailed(1.0, FailureKind.UNREACHABLE, None), 350, TIMING)
    assert wake_at(plan) == 350 + 640


def test_what_a_server_named_holds_after_a_restart():
    kind = FailureKind.BUSY
    plan = restored_plan(first_plan(0), 0, TIMING, failures=1, failing=kind, wait=300.0, named=True)
    assert wake_at(step(plan, Requested("user"), 60, TIMING)) == 300


@pytest.mark.parametrize(("wait", "due"), [(-5000.0, 0), (1e9, 3600)])
def test_a_clock_that_was_set_meanwhile_does_not_stretch_a_back_off(wait, due):
    kind = FailureKind.UNREACHABLE
    plan = restored_plan(first_plan(0), 0, TIMING, failures=3, failing=kind, wait=wait, named=False)
    assert wake_at(plan) == due


def test_whoever_asks_before_the_back_off_is_remembered_is_not_forgotten():
    asked = step(first_plan(0), Requested("user"), 0, TIMING)
    plan = restored_plan(asked, 0, TIMING, failures=3, failing=FailureKind.REFUSED, wait=900.0, named=False)
    assert (wake_at(plan), plan.reason) == (0, "user")


def test_a_shorter_interval_holds_at_once():
    shorter = dataclasses.replace(TIMING, interval=60)
    assert wake_at(step(after(*IDLE), Retimed(0.5), 100, shorter)) == 160


def test_a_lower_cap_holds_at_once():
    lower = dataclasses.replace(TIMING, retry_max=100)
    assert wake_at(step(failed(FailureKind.REFUSED), Retimed(0.5), 10, lower)) == 110


def test_a_server_is_stale_when_its_last_success_is_too_long_ago():
    assert not is_stale(None, 1e9, TIMING)
    assert not is_stale(0.0, TIMING.stale_after - 1, TIMING)
    assert is_stale(0.0, TIMING.stale_after, TIMING)


def test_a_person_syncs_while_paused_also_where_a_sync_was_due_before():
    paused = after(*IDLE, (2, Paused(paused=True)))
    acknowledging = dataclasses.replace(paused, acknowledge=True)
    for plan in (paused, acknowledging):
        assert wake_at(step(plan, Requested("user"), 5000, TIMING)) == 901
    syncing = after(*IDLE, (2, Paused(paused=True)), (3, Requested("user")), (3, SyncBegan()), (4, Changed(0.0)))
    asked = step(step(syncing, Requested("user"), 6, TIMING), SyncEnded(0.5, active=False, owes=False), 7, TIMING)
    assert wake_at(asked) is not None


def test_while_paused_only_a_person_syncs():
    paused = after(*IDLE, (2, Paused(paused=True)))
    assert wake_at(paused) is None
    assert wake_at(step(paused, Changed(0.0), 10, TIMING)) is None
    assert wake_at(step(paused, Requested("user"), 10, TIMING)) == 10
    assert wake_at(step(paused, Paused(paused=False), 10, TIMING)) == 901


def test_an_acknowledgement_that_is_owed_is_due_a_day_after_it_was_first_owed():
    timing = dataclasses.replace(TIMING, interval=200_000)
    plan = after((0, SyncBegan()), (1, SyncEnded(0.5, active=False, owes=True)), timing=timing)
    assert (wake_at(plan), plan.acknowledge) == (86401, True)


def test_an_acknowledgement_is_not_put_off_by_syncs_meanwhile():
    plan = after((0, SyncBegan()), (1, SyncEnded(0.5, active=False, owes=True)))
    now = 1.0
    for _ in range(200):
        now = wake_at(plan)
        if plan.acknowledge:
            break
        plan = step(step(plan, SyncBegan(), now, TIMING), SyncEnded(0.5, active=False, owes=True), now, TIMING)
    assert now <= 86401


def test_a_frontend_that_watches_makes_syncs_frequent():
    assert wake_at(after(*IDLE, (100, Watched(0.5)))) == 130


EVENTS = st.one_of(
    st.builds(Changed, st.floats(0, 0.99)),
    st.builds(ServerChanged, st.floats(0, 0.99)),
    st.builds(MayBeBack, st.floats(0, 0.99)),
    st.builds(Retimed, st.floats(0, 0.99)),
    st.just(SyncBegan()),
    st.just(SyncEnded(0.5, active=True, owes=True)),
    st.builds(SyncFailed, st.floats(0, 0.99), st.sampled_from(FailureKind), st.none() | st.floats(0, 10_000)),
    st.builds(Requested, st.sampled_from(["user", "resume"])),
    st.builds(Watched, st.floats(0, 0.99)),
    st.builds(Paused, st.booleans()),
)


@given(st.lists(st.tuples(st.floats(0, 1000), EVENTS)))
def test_whatever_happens_a_server_that_is_not_paused_is_always_asked_again(events):
    plan, now = first_plan(0), 0.0
    for delay, event in events:
        now += delay
        plan = step(plan, event, now, TIMING)
    plan = step(plan, Paused(paused=False), now, TIMING)
    if plan.syncing:
        plan = step(plan, SyncEnded(0.5, active=False, owes=False), now, TIMING)
    due = wake_at(plan)
    assert due is not None
    longest = TIMING.interval * (1 + TIMING.jitter) if plan.failing is None else TIMING.retry_max
    assert due <= now + longest
