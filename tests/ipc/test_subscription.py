from hypothesis import given, settings
from hypothesis import strategies as st
from support.ipc_daemon import AT

from ipc.eventlog import EventLog
from ipc.frame import Event, Position
from ipc.messages import EventsSinceResult
from ipc.subscription import Gap, Sequence


def event(seq, run="a"):
    return Event(run=run, seq=seq, event="x", at=AT, data={})


def answer(*seqs, run="a", oldest=1):
    return EventsSinceResult(run=run, oldest=oldest, events=[event(seq, run) for seq in seqs])


def given_out(sequence):
    """Take out what is ready: the seq of each event, with its run where that is not "a"; gaps as they are."""
    taken = [
        item if isinstance(item, Gap) else item.seq if item.run == "a" else (item.run, item.seq)
        for item in sequence.ready
    ]
    sequence.ready.clear()
    return taken


def test_events_in_order_are_given_out():
    sequence = Sequence(Position(run="a", seq=3))
    sequence.take(event(4))
    sequence.take(event(5))
    assert given_out(sequence) == [4, 5]
    assert sequence.missing_after is None


def test_an_event_may_come_before_the_first_position():
    sequence = Sequence(event(4))
    sequence.take(Position(run="a", seq=4))
    assert given_out(sequence) == [4]
    assert sequence.missing_after is None


def test_repeated_events_and_old_positions_are_nothing_new():
    sequence = Sequence(event(4))
    sequence.take(event(4))
    sequence.take(event(2))
    sequence.take(Position(run="a", seq=3))
    assert given_out(sequence) == [4]
    assert sequence.missing_after is None


def test_what_is_missing_before_an_event_is_asked_for_and_given_out():
    sequence = Sequence(Position(run="a", seq=3))
    sequence.take(event(6))
    assert given_out(sequence) == []
    assert sequence.missing_after == 3
    sequence.fill(answer(4, 5, 6), asked=3)
    assert given_out(sequence) == [4, 5, 6]
    assert sequence.missing_after is None


def test_a_position_ahead_shows_that_the_last_events_are_missing():
    sequence = Sequence(Position(run="a", seq=3))
    sequence.take(Position(run="a", seq=4))
    assert sequence.missing_after == 3
    sequence.fill(answer(4), asked=3)
    assert given_out(sequence) == [4]


def test_what_the_daemon_has_forgotten_is_a_gap():
    sequence = Sequence(Position(run="a", seq=3))
    sequence.take(event(9))
    sequence.fill(answer(7, 8, 9, oldest=7), asked=3)
    assert given_out(sequence) == [Gap("a", 3), 7, 8, 9]


def test_a_new_run_begins_with_a_gap_and_its_first_event():
    sequence = Sequence(Position(run="a", seq=3))
    sequence.take(event(2, run="b"))
    assert sequence.missing_after == 0
    sequence.fill(answer(1, 2, run="b"), asked=0)
    assert given_out(sequence) == [Gap("a", 3), ("b", 1), ("b", 2)]


def test_a_new_run_that_answers_for_the_old_one_is_asked_again():
    sequence = Sequence(Position(run="a", seq=3))
    sequence.take(event(6))
    sequence.fill(answer(run="b", oldest=1), asked=3)
    assert sequence.missing_after == 0
    sequence.fill(answer(1, run="b"), asked=0)
    sequence.take(event(5))
    assert sequence.missing_after == 0
    sequence.fill(answer(1, run="b"), asked=0)
    assert given_out(sequence) == [Gap("a", 3), ("b", 1)]
    assert sequence.missing_after is None


def test_a_daemon_that_cannot_be_asked_makes_a_gap():
    sequence = Sequence(Position(run="a", seq=3))
    sequence.take(event(6))
    sequence.go_on()
    sequence.take(event(7))
    assert given_out(sequence) == [Gap("a", 3), 6, 7]
    sequence.take(Position(run="b", seq=2))
    sequence.go_on()
    sequence.take(event(3, run="b"))
    assert given_out(sequence) == [Gap("a", 7), ("b", 3)]


STEPS = st.lists(st.sampled_from(["publish", "lose", "position", "restart", "unreachable"]), max_size=40)


@settings(deadline=None)
@given(steps=STEPS, kept=st.integers(1, 5))
def test_whatever_is_lost_events_come_in_order_and_every_hole_is_a_gap(steps, kept):
    runs = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    log = EventLog(next(runs), kept)
    sequence, stream, reachable = Sequence(log.position), [], True
    for step in [*steps, "position"]:
        reachable = step != "unreachable"
        if step == "restart":
            log = EventLog(next(runs), kept)
        elif step == "position":
            sequence.take(log.position)
        else:
            happened = log.append("x", {}, AT)
            if step != "lose":
                sequence.take(happened)
        while (asked := sequence.missing_after) is not None:
            sequence.fill(log.since(asked), asked) if reachable else sequence.go_on()
        stream.extend(sequence.ready)
        sequence.ready.clear()
    last = ("a", 0)
    for item in stream:
        if isinstance(item, Gap):
            assert (item.run, item.seq) == last or last is None
            last = None
        else:
            assert last is None or (item.run, item.seq) == (last[0], last[1] + 1)
            last = (item.run, item.seq)
    assert last is None or last == (log.position.run, log.position.seq)
