"""An element: the state of one entity in a replicated set.

The words, which the whole code shares:

- **writer**: one run of one wallet's daemon, as far as it makes operations; a random 8-byte id, written as 16
  lower-case hexadecimal digits, so that ids order as text like their bytes.
- **time**: a Lamport time, a positive integer of at most 62 bits.
- **stamp**: (time, writer), unique to one operation. Stamps are ordered by time, then by writer.
- **seen**: ``{writer: time}``. ``seen[w] = t`` says: every operation of writer w up to time t is reflected here.
- **element**: an insert (stamp and value) or none, and the deletes that its key has had, ``{writer: time}``.
  Live means: it has an insert. A tombstone has none.

Values are canonical JSON bytes and stay bytes: the sets never look into them.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

Seen = Mapping[str, int]
Deletes = Mapping[str, int]

NO_DELETES: Deletes = MappingProxyType({})


class Stamp(NamedTuple):
    """When, and by whom, an operation was made: unique to it, and ordered by time, then writer."""

    time: int
    writer: str


class Element(NamedTuple):
    """The state of one key in a set: live with a stamp and a value, or a tombstone with neither."""

    stamp: Stamp | None
    value: bytes
    deletes: Deletes = NO_DELETES

    @property
    def live(self) -> bool:
        """Whether the entity is there, which is to say: it has an insert."""
        return self.stamp is not None


class Entry(NamedTuple):
    """An element with its place: the set's name, and the key as canonical JSON text of its key columns."""

    set_name: str
    key: str
    element: Element

    @property
    def place(self) -> tuple[str, str]:
        """What replicas and blobs are sorted by."""
        return (self.set_name, self.key)


def tombstone(deletes: Deletes) -> Element:
    """Make the element of a key that was deleted and not inserted since."""
    return Element(None, b"", deletes)


def covers(seen: Seen, deletes: Deletes) -> bool:
    """Tell whether every one of the deletes is reflected in what was seen."""
    return all(seen.get(writer, 0) >= time for writer, time in deletes.items())


def has_seen(seen: Seen, stamp: Stamp) -> bool:
    """Tell whether the operation of this stamp is reflected in what was seen."""
    return seen.get(stamp.writer, 0) >= stamp.time


def pointwise_max(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Unite two maps of writer to time, the later time winning for each writer."""
    merged = dict(one)
    for writer, time in other.items():
        if time > merged.get(writer, 0):
            merged[writer] = time
    return merged


def next_time(seen: Seen) -> int:
    """Return the time of the next operation made by someone who has seen this."""
    return 1 + max(seen.values(), default=0)


def union(seens: Iterable[Seen]) -> dict[str, int]:
    """Unite any number of maps of writer to time."""
    merged: dict[str, int] = {}
    for seen in seens:
        merged = pointwise_max(merged, seen)
    return merged
