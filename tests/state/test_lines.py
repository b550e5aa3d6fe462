"""Lines that the database writes: those that a writer of blobs would write, or none."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.blob_replicas import elements, replicas
from support.held_lines import HeldEntries

from daemon.blob.head import Head
from daemon.sets.element import Element, Entry, Stamp, tombstone
from daemon.state.database import StateDatabase
from daemon.state.lines import Lines
from daemon.state.replica import Replica

A, B = "00000000000000aa", "00000000000000bb"
SEEN = {A: 9, B: 7}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    state = StateDatabase(tmp_path / "state.db")
    yield state.connection
    state.close()


def lines_of(connection: sqlite3.Connection, entries: list[Entry], seen: dict[str, int]) -> dict[str, list[object]]:
    """Put these elements alone into a database, and return its lines by set."""
    connection.execute("DELETE FROM element")
    connection.execute("DROP TABLE IF EXISTS temp.blob_writer")
    replica = Replica(connection)
    for entry in entries:
        replica.put(*entry)
    lines = Lines(connection, seen)
    return {name: list(lines.lines(name)) for name in lines.set_names()}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(replica=replicas())
@example(replica=(Head(SEEN, {}), [Entry("coins", '["\\"\\\\\\u0001\x7f\U0001f600"]', Element(Stamp(1, A), b"{}"))]))
@example(replica=(Head(SEEN, {}), [Entry("coins", "\x01\b\t\n\f\r\x1f", Element(Stamp(1, B), b"1"))]))
def test_the_database_writes_lines_as_a_writer_of_blobs_does(connection, replica):
    head, entries = replica
    held = HeldEntries(entries, head.seen)
    assert lines_of(connection, entries, dict(head.seen)) == {name: list(held.lines(name)) for name in held.set_names()}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(element=elements(SEEN), times=st.tuples(st.integers(1, 9), st.integers(1, 7)))
def test_there_is_no_line_of_what_the_blob_has_not_seen(connection, element, times):
    entries = [Entry("coins", "[1]", element)]
    blob_seen = dict(zip(SEEN, times, strict=True))
    ((_, line),) = lines_of(connection, entries, blob_seen)["coins"]
    covered = element.stamp is not None and element.stamp.time <= blob_seen[element.stamp.writer]
    assert (line is not None) == (covered and not element.deletes)


@pytest.mark.parametrize(
    "element",
    [tombstone({A: 1}), Element(Stamp(1, A), b""), Element(Stamp(1, "cc" * 8), b"1"), Element(Stamp(0, A), b"1")],
)
def test_there_is_no_line_of_what_no_blob_can_hold(connection, element):
    assert lines_of(connection, [Entry("coins", "[1]", element)], SEEN) == {"coins": [("[1]", None)]}
