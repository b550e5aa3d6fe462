"""The replica: this wallet's copy of all sets, with what it has seen, as it lies in the state database."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from daemon.sets.element import NO_DELETES, Deletes, Element, Entry, Seen, Stamp, covers

_decode_times = msgspec.json.Decoder(dict[str, int]).decode


def encode_times(times: Seen) -> str:
    """Write a map of writer to time as canonical JSON text."""
    return msgspec.json.encode(dict(times), order="sorted").decode()


def decode_times(text: str) -> dict[str, int]:
    """Read a map of writer to time."""
    return _decode_times(text)


class Known(NamedTuple):
    """What is known of a key: its element, if any, and the base, the digest of its row in the wallet."""

    element: Element | None
    base: bytes | None


class SetCount(NamedTuple):
    """How many elements of a set are live, are tombstones, and wait to be applied."""

    live: int
    tombstones: int
    unapplied: int


class Replica:
    """The replicated sets behind one SQLite connection. Transactions are the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def seen(self) -> dict[str, int]:
        """Return what this replica has seen."""
        return dict(self._connection.execute("SELECT writer, time FROM seen"))

    def see(self, seen: Seen) -> None:
        """Note that these operations are reflected here now. Times never go back."""
        self._connection.executemany(
            "INSERT INTO seen VALUES (?, ?) ON CONFLICT (writer) DO UPDATE SET time = max(time, excluded.time)",
            seen.items(),
        )

    def known(self, set_name: str, key: str) -> Known:
        """Return the element and the base of one key."""
        row = self._connection.execute(
            "SELECT time, writer, value, deletes, base FROM element WHERE set_name = ? AND key = ?", (set_name, key)
        ).fetchone()
        return Known(_element(*row[:4]), row[4]) if row else Known(None, None)

    def put(self, set_name: str, key: str, element: Element | None) -> None:
        """Set the element of a key, or drop the key. A base stays as it is, and goes with a dropped key."""
        if element is None:
            self._connection.execute("DELETE FROM element WHERE set_name = ? AND key = ?", (set_name, key))
            return
        time, writer = element.stamp or (None, None)
        deletes = encode_times(element.deletes) if element.deletes else None
        self._connection.execute(
            "INSERT INTO element (set_name, key, time, writer, value, deletes) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET time = excluded.time, writer = excluded.writer, value = excluded.value,"
            " deletes = excluded.deletes",
            (set_name, key, time, writer, element.value, deletes),
        )

    def set_base(self, set_name: str, key: str, base: bytes | None) -> None:
        """Note what the wallet's row of this key is like now. Without an element there is nothing to note."""
        self._connection.execute("UPDATE element SET base = ? WHERE set_name = ? AND key = ?", (base, set_name, key))

    def bases(self, set_name: str) -> dict[str, bytes]:
        """Return the bases of all rows that the wallet has in one set, by key."""
        return dict(
            self._connection.execute(
                "SELECT key, base FROM element WHERE set_name = ? AND base IS NOT NULL", (set_name,)
            )
        )

    def set_names(self) -> list[str]:
        """Return the names of all sets that have elements, sorted. Leaps from set to set in the index."""
        names = []
        found = self._connection.execute("SELECT min(set_name) FROM element").fetchone()
        while found[0] is not None:
            names.append(str(found[0]))
            found = self._connection.execute("SELECT min(set_name) FROM element WHERE set_name > ?", found).fetchone()
        return names

    def entries_of(self, set_name: str) -> Iterator[Entry]:
        """Walk the elements of one set, sorted by key."""
        cursor = self._connection.execute(
            "SELECT key, time, writer, value, deletes FROM element WHERE set_name = ? ORDER BY key", (set_name,)
        )
        for key, *rest in cursor:
            yield Entry(set_name, key, _element(*rest))

    def entries_of_writer(self, writer: str) -> list[Entry]:
        """Return the elements that bear an insert or a delete of this writer."""
        cursor = self._connection.execute(
            "SELECT set_name, key, time, writer, value, deletes FROM element WHERE writer = ? AND time IS NOT NULL",
            (writer,),
        )
        inserted = {(row[0], row[1]): Entry(row[0], row[1], _element(*row[2:])) for row in cursor}
        deleted = {entry.place: entry for entry in self.entries_with_deletes() if writer in entry.element.deletes}
        return sorted({**inserted, **deleted}.values())

    def entries_with_deletes(self) -> list[Entry]:
        """Return the tombstones, and the live elements that had been deleted before."""
        cursor = self._connection.execute(
            "SELECT set_name, key, time, writer, value, deletes FROM element INDEXED BY element_with_deletes"
            " WHERE deletes IS NOT NULL ORDER BY set_name, key"
        )
        return [Entry(row[0], row[1], _element(*row[2:])) for row in cursor]

    def has_unseen_by(self, seen: Seen) -> bool:
        """Tell whether there is an insert or a delete here that someone who has seen this has not."""
        return next(self.entries_unseen_by(seen), None) is not None

    def entries_unseen_by(self, seen: Seen) -> Iterator[Entry]:
        """Walk the elements with an insert or a delete that someone who has seen this has not. Some come twice."""
        for writer, time in self.seen().items():
            if time <= seen.get(writer, 0):
                continue
            newer = self._connection.execute(
                "SELECT set_name, key, time, writer, value, deletes FROM element"
                " WHERE writer = ? AND time > ? AND time IS NOT NULL",
                (writer, seen.get(writer, 0)),
            )
            for row in newer:
                yield Entry(row[0], row[1], _element(*row[2:]))
        for entry in self.entries_with_deletes():
            if not covers(seen, entry.element.deletes):
                yield entry

    def count_live(self, set_name: str) -> int:
        """Count the live elements of one set."""
        return self.counts().get(set_name, SetCount(0, 0, 0)).live

    def counts(self) -> dict[str, SetCount]:
        """Count, per set, what is live, what is a tombstone, and what waits to be applied.

        Asked so that two indices answer it, and no value is passed over: a tombstone always bears deletes.
        """
        count = self._connection.execute
        tombstones = dict(
            count(
                "SELECT set_name, count(*) FROM element INDEXED BY element_with_deletes"
                " WHERE deletes IS NOT NULL AND time IS NULL GROUP BY set_name"
            )
        )
        unapplied = dict(count("SELECT set_name, count(*) FROM listed GROUP BY set_name"))
        total = dict.fromkeys(unapplied, 0) | dict(count("SELECT set_name, count(*) FROM element GROUP BY set_name"))
        return {
            name: SetCount(elements - tombstones.get(name, 0), tombstones.get(name, 0), unapplied.get(name, 0))
            for name, elements in total.items()
        }


def _element(time: int | None, writer: str | None, value: bytes, deletes: str | None) -> Element:
    stamp = None if time is None or writer is None else Stamp(time, writer)
    times: Deletes = _decode_times(deletes) if deletes else NO_DELETES
    return Element(stamp, value, times)
