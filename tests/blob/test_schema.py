"""Documents: what is written is read again, and nothing else is ever read or written."""

import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.blob_replicas import document_of, replicas, unhurried

from daemon.blob.errors import BlobUnreadable, Reason
from daemon.blob.schema import LINE_BYTES, Head, Limits, decode, encode
from daemon.sets.element import Element, Entry, Stamp, tombstone

A, B = "00000000000000aa", "00000000000000bb"
HEAD = Head({A: 9, B: 7}, {})
LIVE = Element(Stamp(1, A), b"{}")


def chunked(document: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(document), size):
        yield document[start : start + size]


def read(document: bytes, size: int = 2**18) -> tuple[Head, list[Entry]]:
    head, entries = decode(chunked(document, size), Limits())
    return head, list(entries)


@unhurried
@given(replicas(), st.integers(1, 300))
def test_any_replica_survives_a_round_trip_in_chunks_of_any_size(replica, size):
    assert read(document_of(replica), size) == replica


@unhurried
@given(replicas())
def test_a_document_is_canonical_json_but_for_one_break_after_each_element(replica):
    document = document_of(replica)
    assert document.count(b"\n") == len(replica[1])
    parsed = json.loads(document)
    again = json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == document.replace(b"\n", b"")


@unhurried
@given(replicas(), st.data())
def test_a_document_with_another_byte_is_refused_or_read_but_never_a_fault(replica, data):
    document = bytearray(document_of(replica))
    position = data.draw(st.integers(0, len(document) - 1))
    document[position] = data.draw(st.integers(0, 255))
    try:
        head, entries = read(bytes(document))
    except BlobUnreadable:
        return
    assert document_of((head, entries)) == document


@unhurried
@given(replicas(), st.data())
def test_a_document_with_pieces_moved_is_refused_or_read_as_it_is(replica, data):
    """Whatever is accepted is written again byte by byte: no two documents are read as the same replica."""
    document = document_of(replica)
    cuts = sorted(data.draw(st.tuples(*[st.integers(0, len(document))] * 4)))
    parts = [document[a:b] for a, b in zip([0, *cuts], [*cuts, len(document)], strict=True)]
    order = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    changed = b"".join(parts[index] for index in order)
    try:
        head, entries = read(changed)
    except BlobUnreadable:
        return
    assert document_of((head, entries)) == changed


@unhurried
@given(st.binary(max_size=200), st.integers(1, 20))
@example(b'{"clocks":{},"format":"walletsync/1.0","seen":{},"sets":{"a":{\n}}}', 5)
@example(b'{"sets":{', 5)
@example(b'"\\"\\"\\"\\', 5)
def test_arbitrary_bytes_are_refused_and_nothing_worse(data, size):
    with pytest.raises(BlobUnreadable):
        read(data, size)


def test_a_string_that_never_ends_is_refused_quickly():
    """The walk over strings takes one pass, whatever is in them."""
    with pytest.raises(BlobUnreadable):
        read(b'{"a":"' + b'\\"' * 2_000_000)


def test_members_of_a_newer_minor_version_are_kept_on_both_sides_of_the_sets():
    document = (
        b'{"alpha":{"sets":{"coins":{}}},"clocks":{},"format":"walletsync/1.3","seen":{},"sets":{},"zeta":[1,"}"]}'
    )
    head, entries = decode([document], Limits())
    assert head.extra == {"alpha": b'{"sets":{"coins":{}}}'}
    assert list(entries) == []
    assert head.extra == {"alpha": b'{"sets":{"coins":{}}}', "zeta": b'[1,"}"]'}
    assert b"".join(encode(head, [])) == document


def test_a_head_of_an_older_program_has_no_extra_members_and_shares_none():
    first, second = Head({}, {}), Head({}, {})
    assert first.extra == {}
    with pytest.raises(TypeError):
        first.extra["x"] = b"1"
    assert second.extra == {}


def test_entries_of_many_sets_fall_into_any_batches():
    entries = [Entry(f"set{n:03}", f"[{k}]", LIVE) for n in range(40) for k in range(1 + n % 3)]
    document = document_of((HEAD, entries))
    for size in (1, 2, 3, 50, 100, 1000, 10**6):
        assert read(document, size) == (HEAD, entries)


def test_reading_holds_a_chunk_and_no_more():
    entries = (
        Entry("coins", f"[{number:06}]", Element(Stamp(1, A), b'"%s"' % (b"x" * 1000))) for number in range(20_000)
    )
    _, read_entries = decode(encode(HEAD, entries), Limits())
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_entries) == 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([Entry("b", "[1]", LIVE), Entry("a", "[1]", LIVE)], "not sorted by set"),
        ([Entry("a", "[2]", LIVE), Entry("a", "[1]", LIVE)], "not sorted by key"),
        ([Entry("a", "[1]", LIVE), Entry("a", "[1]", LIVE)], "not sorted by key"),
        ([Entry("a", "", LIVE)], "key is empty"),
        ([Entry("a", "[1]", Element(None, b""))], "neither an insert nor deletes"),
        ([Entry("a", "[1]", Element(Stamp(1, "00000000000000cc"), b"{}"))], "not among those"),
        ([Entry("a", "[1]", tombstone({"00000000000000cc": 1}))], "not among those"),
        ([Entry("a", "[1]", Element(Stamp(10, A), b"{}"))], "not covered"),
        ([Entry("a", "[1]", Element(Stamp(0, A), b"{}"))], "not covered"),
        ([Entry("a", "[1]", tombstone({A: 10}))], "not covered"),
        ([Entry("a", "[1]", Element(Stamp(1, A), b'{"a":\n1}'))], "line break"),
        ([Entry("a", "[1]", Element(Stamp(1, A), b""))], "empty"),
        ([Entry("a", "[1]", Element(Stamp(1, A), b'"%s"' % (b"x" * LINE_BYTES)))], "too large for a blob"),
    ],
)
def test_what_no_reader_would_take_is_not_written(entries, message):
    with pytest.raises(ValueError, match=message):
        list(encode(HEAD, entries))


@pytest.mark.parametrize(
    "head",
    [
        Head({"short": 1}, {}),
        Head({A: 0}, {}),
        Head({A: 2**62 + 1}, {}),
        Head({A: 1}, {"W": {A: 2}}),
        Head({A: 1}, {"W": {B: 1}}),
        Head({}, {"": {}}),
        Head({}, {"W" * 65: {}}),
        Head({}, {}, {"seen": b"{}"}),
        Head({}, {}, {}, "walletsync/2.0"),
        Head({}, {}, {}, "wallet"),
        Head({f"{number:016x}": 1 for number in range(3000)}, {f"W{number}": {} for number in range(1500)}),
    ],
)
def test_a_head_that_no_reader_would_take_is_not_written(head):
    with pytest.raises(ValueError, match=r"wallet|head|members"):
        list(encode(head, []))


def test_the_largest_line_is_read_and_a_larger_one_refused():
    room = LINE_BYTES - len(document_of((HEAD, [Entry("a", "[1]", Element(Stamp(1, A), b'""'))]))) + len(b"}}}")
    entry = Entry("a", "[1]", Element(Stamp(1, A), b'"%s"' % (b"x" * room)))
    document = document_of((HEAD, [entry]))
    assert document.index(b"\n") + 1 == LINE_BYTES
    assert read(document) == (HEAD, [entry])
    with pytest.raises(ValueError, match="too large"):
        document_of((HEAD, [entry._replace(key="[10]")]))
    with pytest.raises(BlobUnreadable) as refused:
        read(document.replace(b"[1]", b"[10]"))
    assert refused.value.reason is Reason.TOO_LARGE


def test_the_limit_of_a_line_is_none_for_a_chunk():
    entries = [Entry("a", f"[{number:03}]", LIVE) for number in range(100)]
    document = document_of((HEAD, entries))
    _, read_entries = decode([document], Limits(line_bytes=200))
    assert list(read_entries) == entries


def test_a_document_larger_than_the_limit_is_refused():
    document = document_of((HEAD, [Entry("a", "[1]", LIVE)]))
    assert decode([document], Limits(plain_bytes=len(document)))[0] == HEAD
    with pytest.raises(BlobUnreadable) as refused:
        decode([document], Limits(plain_bytes=len(document) - 1))
    assert refused.value.reason is Reason.TOO_LARGE


def test_clocks_that_would_explode_are_refused():
    """A few megabytes of rows that lag nowhere would be spelt out as billions of entries."""
    seen = ",".join(f'"{number:016x}":1' for number in range(30_000))
    clocks = ",".join(f'"{number:06}":{{}}' for number in range(30_000))
    document = f'{{"clocks":{{{clocks}}},"format":"walletsync/1.0","seen":{{{seen}}},"sets":{{}}}}'
    with pytest.raises(BlobUnreadable) as refused:
        read(document.encode())
    assert refused.value.reason is Reason.TOO_LARGE
