"""History: the values that were deleted here or overruled, kept for some time so that they can be had back."""

import sqlite3
from collections.abc import Sequence
from typing import Literal, NamedTuple

Cause = Literal["local", "merge", "overruled"]
"""Deleted by this wallet, deleted by a merge, or a local change that lost against a delete."""


class Kept(NamedTuple):
    """One value that was kept: when (seconds since 1970), in which sync, why, and the sealed value."""

    number: int
    at: float
    sync_id: str
    cause: Cause
    set_name: str
    key: str
    sealed: bytes


_COLUMNS = "number, at, sync_id, cause, set_name, key, sealed"


class History:
    """The kept values behind one SQLite connection. Transactions are the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def keep(self, at: float, sync_id: str, cause: Cause, set_name: str, key: str, sealed: bytes) -> None:
        """Keep a value."""
        self._connection.execute(
            "INSERT INTO history (at, sync_id, cause, set_name, key, sealed) VALUES (?, ?, ?, ?, ?, ?)",
            (at, sync_id, cause, set_name, key, sealed),
        )

    def forget_before(self, at: float) -> None:
        """Forget what was kept before this time."""
        self._connection.execute("DELETE FROM history WHERE at < ?", (at,))

    def last(self, limit: int) -> list[Kept]:
        """Return the values kept last, newest first."""
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM history ORDER BY number DESC LIMIT ?", (limit,))
        return [Kept(*row) for row in rows]

    def get(self, numbers: Sequence[int]) -> list[Kept]:
        """Return the values of these numbers that are still kept."""
        found = (
            self._connection.execute(f"SELECT {_COLUMNS} FROM history WHERE number = ?", (number,)).fetchone()
            for number in numbers
        )
        return [Kept(*row) for row in found if row]

    def of_sync(self, sync_id: str) -> list[Kept]:
        """Return what was kept in one sync."""
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM history WHERE sync_id = ? ORDER BY number", (sync_id,))
        return [Kept(*row) for row in rows]

    def first_since(self, at: float) -> list[Kept]:
        """Return, of each key deleted at or after this time, what was kept first: its value at that time."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM history WHERE number IN"
            " (SELECT min(number) FROM history WHERE at >= ? GROUP BY set_name, key) ORDER BY number",
            (at,),
        )
        return [Kept(*row) for row in rows]

    def latest_of(self, set_name: str, key: str) -> Kept | None:
        """Return the value of a key that was kept last."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM history WHERE set_name = ? AND key = ? ORDER BY number DESC LIMIT 1",
            (set_name, key),
        ).fetchone()
        return Kept(*row) if row else None
