"""The list of keys still to be applied to the wallet.

A join commits what it changed as entries of this list, in its own transaction. An entry holds the base that the key's
row had, and the batch, which names what was seen before that join: a local change of a listed key was made by someone
who had not seen more. A key that is listed already keeps its entry, since the wallet has seen nothing since.
"""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from daemon.sets.element import Seen
from daemon.state.replica import decode_times, encode_times


class Listed(NamedTuple):
    """One key that waits: its row's base (``None``: no row), its batch, and why the wallet refused it, if it did."""

    set_name: str
    key: str
    batch: int
    base: bytes | None
    refusal: str | None


class Wanted(NamedTuple):
    """One key that waits, beside the value that it is to have (``None``: no row)."""

    key: str
    base: bytes | None
    refusal: str | None
    value: bytes | None


class ToApply:
    """The to-apply list behind one SQLite connection. Transactions are the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def open_batch(self, seen_before: Seen) -> int:
        """Begin a batch for a join made by someone who had seen this. Forget batches that nothing refers to."""
        self._connection.execute("DELETE FROM batch WHERE number NOT IN (SELECT batch FROM listed)")
        cursor = self._connection.execute("INSERT INTO batch (seen) VALUES (?)", (encode_times(seen_before),))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def add(self, set_name: str, key: str, batch: int, base: bytes | None) -> None:
        """List a key, unless it is listed already."""
        self._connection.execute(
            "INSERT OR IGNORE INTO listed (set_name, key, batch, base) VALUES (?, ?, ?, ?)",
            (set_name, key, batch, base),
        )

    def get(self, set_name: str, key: str) -> Listed | None:
        """Return the entry of a key, if it is listed."""
        row = self._connection.execute(
            "SELECT set_name, key, batch, base, refusal FROM listed WHERE set_name = ? AND key = ?", (set_name, key)
        ).fetchone()
        return Listed(*row) if row else None

    def remove(self, set_name: str, key: str) -> None:
        """Take a key off the list."""
        self._connection.execute("DELETE FROM listed WHERE set_name = ? AND key = ?", (set_name, key))

    def set_base(self, set_name: str, key: str, base: bytes | None) -> None:
        """Note that the row has another base now, while the key stays listed."""
        self._connection.execute("UPDATE listed SET base = ? WHERE set_name = ? AND key = ?", (base, set_name, key))

    def refuse(self, set_name: str, key: str, reason: str | None) -> None:
        """Note why the wallet refused the row, or that it is to be tried anew."""
        self._connection.execute(
            "UPDATE listed SET refusal = ? WHERE set_name = ? AND key = ?", (reason, set_name, key)
        )

    def entries(self) -> Iterator[Listed]:
        """Walk the list, sorted by place."""
        for row in self._connection.execute(
            "SELECT set_name, key, batch, base, refusal FROM listed ORDER BY set_name, key"
        ):
            yield Listed(*row)

    def wanted(self, set_name: str, *, deletes: bool) -> Iterator[Wanted]:
        """Walk what waits in one set, by key: what is to have no row, or the other keys."""
        rows = self._connection.execute(
            "SELECT listed.key, listed.base, listed.refusal, iif(time IS NULL, NULL, value)"
            " FROM listed LEFT JOIN element USING (set_name, key)"
            " WHERE listed.set_name = ? AND (time IS NULL) = ? ORDER BY listed.key",
            (set_name, deletes),
        )
        return map(Wanted._make, rows)

    def bases(self, set_name: str) -> dict[str, bytes]:
        """Return the bases of the listed keys of one set whose rows are there, by key."""
        return dict(
            self._connection.execute(
                "SELECT key, base FROM listed WHERE set_name = ? AND base IS NOT NULL", (set_name,)
            )
        )

    def is_empty(self) -> bool:
        """Tell whether nothing waits."""
        return self._connection.execute("SELECT 1 FROM listed LIMIT 1").fetchone() is None

    def count(self) -> int:
        """Return how many keys wait."""
        return int(self._connection.execute("SELECT count(*) FROM listed").fetchone()[0])

    def seen_before(self, batch: int) -> dict[str, int]:
        """Return what was seen before the join that opened this batch."""
        row = self._connection.execute("SELECT seen FROM batch WHERE number = ?", (batch,)).fetchone()
        return decode_times(row[0])
