"""The join as algebra: what order, repetition and garbage collection must not change."""

from hypothesis import given
from support.replicas import STEPS, Memory, joined, play

from daemon.sets.element import Element, Stamp, tombstone
from daemon.sets.join import join_elements, join_one

PHONE, DESKTOP = "0000000000000001", "0000000000000002"


@given(STEPS)
def test_it_makes_no_difference_who_joins_whom(steps):
    one, other, *_ = play(steps, collecting=False)
    assert joined(one, other).elements == joined(other, one).elements


@given(STEPS)
def test_it_makes_no_difference_in_which_order_three_are_joined(steps):
    one, two, three, _ = play(steps, collecting=False)
    left = joined(joined(one, two), three)
    right = joined(one, joined(two, three))
    assert left.elements == right.elements
    assert left.seen == right.seen


@given(STEPS)
def test_joining_again_changes_nothing(steps):
    one, other, *_ = play(steps)
    once = joined(one, other)
    assert joined(once, other).elements == once.elements
    assert joined(once, once).elements == once.elements


@given(STEPS)
def test_what_a_person_sees_does_not_depend_on_who_joins_whom_whatever_was_collected(steps):
    one, other, *_ = play(steps)
    assert joined(one, other).live == joined(other, one).live


@given(STEPS)
def test_what_a_person_sees_does_not_depend_on_the_order_whatever_was_collected(steps):
    one, two, three, _ = play(steps)
    assert joined(joined(one, two), three).live == joined(one, joined(two, three)).live


@given(STEPS)
def test_garbage_collection_is_never_noticed_by_a_person(steps):
    with_collection, without = play(steps), play(steps, collecting=False)
    assert [replica.live for replica in with_collection] == [replica.live for replica in without]


@given(STEPS)
def test_what_was_seen_only_grows(steps):
    one, other, *_ = play(steps)
    after = joined(one, other)
    assert all(after.seen.get(writer, 0) >= time for side in (one, other) for writer, time in side.seen.items())


@given(STEPS)
def test_once_all_have_joined_all_and_collected_nothing_of_the_dead_is_left(steps):
    replicas = play(steps)
    for _ in range(2):
        for replica in replicas:
            for other in replicas:
                replica.join(other)
    for replica in replicas:
        replica.collect(replicas)
    assert all(element.live and not element.deletes for replica in replicas for element in replica.elements.values())
    assert all(replica.elements == replicas[0].elements for replica in replicas)


@given(STEPS)
def test_the_stream_and_the_rule_for_one_key_agree(steps):
    one, other, *_ = play(steps)
    after = joined(one, other)
    for key in {*one.elements, *other.elements}:
        expected = join_one(one.elements.get(key), other.elements.get(key), one.seen, other.seen)
        assert after.elements.get(key) == expected


def test_a_delete_beats_a_change_that_had_not_seen_it_although_the_change_is_later():
    deleted = tombstone({PHONE: 5})
    changed = Element(Stamp(1000, DESKTOP), b"{}")
    assert not join_elements(deleted, changed, {PHONE: 5}, {DESKTOP: 1000}).live


def test_an_insert_that_had_seen_the_delete_brings_the_key_back():
    deleted = tombstone({PHONE: 5})
    again = Element(Stamp(6, DESKTOP), b"{}", {PHONE: 5})
    assert join_elements(deleted, again, {PHONE: 5}, {PHONE: 5, DESKTOP: 6}).live


def test_an_insert_after_ones_own_delete_falls_to_another_delete_that_it_had_not_seen():
    again = Element(Stamp(7, PHONE), b"{}", {PHONE: 6})
    deleted = tombstone({DESKTOP: 6})
    assert not join_elements(again, deleted, {PHONE: 7}, {DESKTOP: 6}).live


def test_of_two_changes_the_larger_stamp_stays_and_the_writer_decides_a_tie():
    one, other = Element(Stamp(5, PHONE), b"1"), Element(Stamp(5, DESKTOP), b"2")
    assert join_elements(one, other, {PHONE: 5}, {DESKTOP: 5}) == other
    assert join_elements(other, one, {DESKTOP: 5}, {PHONE: 5}) == other


def test_of_equal_stamps_with_two_values_the_larger_bytes_stay():
    one, other = Element(Stamp(5, PHONE), b"1"), Element(Stamp(5, PHONE), b"2")
    assert join_elements(one, other, {PHONE: 5}, {PHONE: 5}) == other


def flat_rule_allows(element, clocks):
    """The rule of DD05: what is older than the smallest Lamport clock may go."""
    return max(element.deletes.values()) < min(clocks)


def desktop_far_ahead_and_phone_that_deletes():
    """Desktop is at time 100 and holds X; the phone, at time 4 and offline, deletes X at time 5."""
    desktop, phone = Memory(DESKTOP), Memory(PHONE)
    desktop.insert("a", "x")
    phone.join(desktop)
    desktop.seen[DESKTOP] = 100
    phone.seen = {DESKTOP: 1, PHONE: 4}
    phone.delete("a")
    assert phone.elements["a"].deletes == {PHONE: 5}
    return desktop, phone


def test_by_the_flat_clock_rule_a_set_without_seen_brings_the_dead_back():
    desktop, phone = desktop_far_ahead_and_phone_that_deletes()
    clocks = [100, 101]  # desktop's as last read, and the phone's after it synced
    assert flat_rule_allows(phone.elements.pop("a"), clocks)
    union = {**desktop.elements, **phone.elements}  # a key that one side alone has is taken
    assert "a" in union


def test_by_the_flat_clock_rule_an_unaware_change_beats_the_delete_even_here():
    desktop, phone = desktop_far_ahead_and_phone_that_deletes()
    by_the_flat_rule = phone.copy()
    del by_the_flat_rule.elements["a"]
    desktop.insert("a", "changed, unaware of the delete")
    assert "a" in joined(by_the_flat_rule, desktop).live


def test_by_the_rule_that_asks_what_each_wallet_has_seen_the_delete_wins():
    desktop, phone = desktop_far_ahead_and_phone_that_deletes()
    phone.collect([phone, desktop])
    desktop.insert("a", "changed, unaware of the delete")
    assert "a" not in joined(phone, desktop).live
    assert "a" not in joined(desktop, phone).live
