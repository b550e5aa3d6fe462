"""Times impossibly far ahead, as blobs claim them: held until a person approves, by the server that shows them."""

import sqlite3
from typing import NamedTuple


class FarTime(NamedTuple):
    """A time that is held: its number, the server whose blob claims it, whose and which it is, and since when.

    ``since`` is in seconds since 1970.
    """

    number: int
    server: str
    writer: str
    time: int
    since: float


class FarTimes:
    """The held and the approved times behind one SQLite connection. Transactions are the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def hold(self, server: str, writer: str, time: int, since: float) -> None:
        """Hold a time, unless one of this writer that this server has shown is held already."""
        self._connection.execute(
            "INSERT INTO far_time (server, writer, time, since) VALUES (?, ?, ?, ?) ON CONFLICT (server, writer)"
            " DO UPDATE SET time = excluded.time, since = excluded.since, approved = 0 WHERE approved",
            (server, writer, time, since),
        )

    def held(self) -> list[FarTime]:
        """Return what waits for a person, oldest first."""
        rows = self._connection.execute(
            "SELECT number, server, writer, time, since FROM far_time WHERE NOT approved ORDER BY number"
        )
        return [FarTime(*row) for row in rows]

    def approve(self, number: int) -> None:
        """Take this time from now on, whichever server shows it. Raises LookupError where it is not held."""
        cursor = self._connection.execute(
            "UPDATE far_time SET approved = 1 WHERE writer = (SELECT writer FROM far_time WHERE number = ?"
            " AND NOT approved)",
            (number,),
        )
        if cursor.rowcount == 0:
            raise LookupError(number)

    def approved(self) -> dict[str, int]:
        """Return the approved times by writer."""
        return dict(self._connection.execute("SELECT writer, max(time) FROM far_time WHERE approved GROUP BY writer"))

    def release(self, server: str) -> None:
        """Hold nothing of this server any more, since its blob was joined."""
        self._connection.execute("DELETE FROM far_time WHERE server = ? AND NOT approved", (server,))
