"""Reading beside what is held: cheaper than reading alone, and never with another result."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.blob_replicas import canonical, document_of, elements, replicas, scalars, unhurried
from support.held_lines import HeldEntries

from daemon.blob.errors import BlobUnreadable
from daemon.blob.schema import Head, Limits, decode
from daemon.sets.element import Element, Entry, Stamp, tombstone
from daemon.sets.join import Joined, join, join_pairs

A, B = "00000000000000aa", "00000000000000bb"
SEEN = {A: 9, B: 7}
COINS = [Entry("coins", f"[{number:03}]", Element(Stamp(1 + number % 9, A), b"{}")) for number in range(100)]


@st.composite
def variants(draw: st.DrawFn, replica: tuple[Head, list[Entry]]) -> list[Entry]:
    """Draw a replica that has much in common with another one."""
    head, entries = replica
    if not head.seen:
        return entries
    element = elements(dict(head.seen))
    kept = [draw(st.sampled_from([[entry], [entry], [], [entry._replace(element=draw(element))]])) for entry in entries]
    key = st.lists(scalars, min_size=1, max_size=2).map(lambda columns: canonical(columns).decode())
    place = st.tuples(st.sampled_from([entry.set_name for entry in entries] or ["coins"]) | st.text("ab"), key)
    more = [Entry(*draw(place), draw(element)) for _ in range(draw(st.integers(0, 3)))]
    by_place = {entry.place: entry for entry in more} | {entry.place: entry for few in kept for entry in few}
    return sorted(by_place.values(), key=lambda entry: entry.place)


def joined_beside(mine: list[Entry], seen: dict[str, int], document: bytes, size: int) -> list[Joined]:
    head, entries = decode([document[at : at + size] for at in range(0, len(document), size)], Limits())
    return sorted(join_pairs(entries.beside(HeldEntries(mine, head.seen)), seen, head.seen), key=lambda each: each[:2])


@unhurried
@given(st.data(), st.integers(1, 300))
def test_what_is_joined_is_the_same_beside_as_alone(data, size):
    replica = data.draw(replicas())
    mine = data.draw(variants(replica))
    head, entries = replica
    expected = list(join(mine, entries, head.seen, head.seen))
    assert joined_beside(mine, dict(head.seen), document_of(replica), size) == expected


@unhurried
@given(st.data())
def test_a_damaged_document_is_refused_beside_what_is_held_just_as_alone(data):
    head, mine = replica = data.draw(replicas())
    document = document_of(replica)
    cuts = sorted(data.draw(st.tuples(*[st.integers(0, len(document))] * 4)))
    parts = [document[a:b] for a, b in zip([0, *cuts], [*cuts, len(document)], strict=True)]
    damaged = b"".join(parts[index] for index in data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=6)))
    try:
        its_head, entries = decode([damaged], Limits())
        expected = list(join(mine, list(entries), head.seen, its_head.seen))
    except BlobUnreadable:
        expected = None
    try:
        assert joined_beside(mine, dict(head.seen), damaged, 100) == expected
    except BlobUnreadable:
        assert expected is None


def test_nothing_is_looked_at_where_all_lines_are_alike():
    held = HeldEntries(COINS, SEEN)
    _, entries = decode([document_of((Head(SEEN, {}), COINS))], Limits())
    pairs = list(entries.beside(held))
    assert pairs == [(COINS[0], COINS[0])]  # whose line says how the set begins
    assert held.looked_at == [COINS[0].place]


def test_only_what_differs_is_looked_at():
    theirs = [*COINS[:50], *COINS[51:70], COINS[70]._replace(element=tombstone({B: 2})), *COINS[71:]]
    theirs.append(Entry("coins", "[999]", Element(Stamp(1, B), b"1")))
    held = HeldEntries(COINS, SEEN)
    _, entries = decode([document_of((Head(SEEN, {}), theirs))], Limits())
    keys = [(mine or other).key for mine, other in entries.beside(held) if mine != other]
    assert sorted(keys) == ["[050]", "[070]", "[999]"]
    assert len(held.looked_at) <= 4


def test_a_line_that_comes_twice_is_refused_though_it_is_held():
    line = b',"[005]":[6,0,{}]\n'
    document = document_of((Head(SEEN, {}), COINS)).replace(line, line * 2)
    _, entries = decode([document], Limits())
    with pytest.raises(BlobUnreadable, match="not sorted by key"):
        list(entries.beside(HeldEntries(COINS, SEEN)))


def test_a_line_in_another_place_is_refused_though_it_is_held():
    line = b',"[005]":[6,0,{}]\n'
    document = (
        document_of((Head(SEEN, {}), COINS)).replace(line, b"").replace(b'\n,"[009]"', b"\n" + line + b',"[009]"')
    )
    _, entries = decode([document], Limits())
    with pytest.raises(BlobUnreadable, match="not sorted by key"):
        list(entries.beside(HeldEntries(COINS, SEEN)))


def test_a_line_that_the_blob_may_not_have_is_refused_though_it_is_held():
    """The blob has not seen what it holds; the replica has."""
    document = document_of((Head(SEEN, {}), COINS)).replace(b'"00000000000000aa":9', b'"00000000000000aa":8')
    head, entries = decode([document], Limits())
    with pytest.raises(BlobUnreadable, match="not covered"):
        list(entries.beside(HeldEntries(COINS, head.seen)))
