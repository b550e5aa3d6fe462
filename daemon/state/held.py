"""Mass deletes that wait for a person: which keys, since when, and in which direction."""

import sqlite3
from collections.abc import Iterable
from typing import Literal, NamedTuple

Direction = Literal["in", "out"]
"""``in``: a merge deleted the keys, and the wallet still has the rows. ``out``: the wallet's rows are gone, and nothing
was said of it."""


class HeldDelete(NamedTuple):
    """One mass delete: its number, direction, since when (seconds since 1970), and how many keys of which sets."""

    number: int
    direction: Direction
    since: float
    count_by_set: dict[str, int]


class HeldDeletes:
    """The held deletes behind one SQLite connection. Transactions are the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def is_empty(self) -> bool:
        """Tell whether nothing is held."""
        return self._connection.execute("SELECT 1 FROM held LIMIT 1").fetchone() is None

    def hold(self, direction: Direction, since: float, places: Iterable[tuple[str, str]]) -> int:
        """Hold the deletes of these keys. Return the number."""
        cursor = self._connection.execute("INSERT INTO held (direction, since) VALUES (?, ?)", (direction, since))
        assert cursor.lastrowid is not None
        self._connection.executemany(
            "INSERT OR IGNORE INTO held_key VALUES (?, ?, ?)",
            ((cursor.lastrowid, set_name, key) for set_name, key in places),
        )
        return cursor.lastrowid

    def all(self) -> list[HeldDelete]:
        """Return what is held, oldest first."""
        rows = self._connection.execute("SELECT number, direction, since FROM held ORDER BY number").fetchall()
        return [HeldDelete(number, direction, since, self._counts(number)) for number, direction, since in rows]

    def keys(self, number: int) -> list[tuple[str, str]]:
        """Return the keys of one held delete."""
        return self._connection.execute(
            "SELECT set_name, key FROM held_key WHERE held = ? ORDER BY set_name, key", (number,)
        ).fetchall()

    def places(self, direction: Direction) -> set[tuple[str, str]]:
        """Return all keys held in one direction."""
        rows = self._connection.execute(
            "SELECT set_name, key FROM held_key WHERE held IN (SELECT number FROM held WHERE direction = ?)",
            (direction,),
        )
        return set(rows)

    def release(self, number: int) -> None:
        """Hold this no longer."""
        self._connection.execute("DELETE FROM held WHERE number = ?", (number,))

    def release_key(self, set_name: str, key: str) -> None:
        """Hold this key no longer, and forget what holds nothing any more."""
        self._connection.execute("DELETE FROM held_key WHERE set_name = ? AND key = ?", (set_name, key))
        self._connection.execute("DELETE FROM held WHERE number NOT IN (SELECT held FROM held_key)")

    def _counts(self, number: int) -> dict[str, int]:
        return dict(
            self._connection.execute(
                "SELECT set_name, count(*) FROM held_key WHERE held = ? GROUP BY set_name ORDER BY set_name", (number,)
            )
        )
