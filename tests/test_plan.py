"""When to sync with one server, and why."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.plan import (
    Changed,
    Paused,
    Requested,
    SyncBegan,
    SyncEnded,
    SyncFailed,
    Timing,
    Watched,
    first_plan,
    step,
    wake_at,
)
from daemon.server.base import FailureKind

TIMING = Timing(
    interval=900,
    active_interval=30,
    active_for=300,
    change_delay_min=1,
    change_delay_max=5,
    jitter=0.1,
    retry_max=3600,
    acknowledge_after=86400,
)


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
    due = wake_at(plan)
    assert due is not None
    assert due <= now + TIMING.interval * (1 + TIMING.jitter)
