"""The replica as lines of a blob, written by the database: what blobs just read are compared with, and made of.

Nearly all elements are live and were never deleted. Their lines SQLite puts together itself, several times quicker than
Python could and without holding up other threads; docs/blob-format.md says what they are like. For all others there is
no line here, and whoever needs it looks at the element.
"""

import sqlite3
from collections.abc import Iterator

from daemon.blob.held import HeldLine
from daemon.sets.element import Element, Seen
from daemon.state.replica import Replica

_LINES = """
SELECT key, CAST(CASE WHEN deletes IS NULL AND length(value)
    THEN ',' || json_quote(key) || ':[' || element.time || ',' || position || ',' || value || ']' END AS BLOB)
FROM element LEFT JOIN temp.blob_writer AS its ON its.writer = element.writer AND element.time BETWEEN 1 AND its.time
WHERE set_name = ? ORDER BY key
"""


class Lines:
    """All elements as lines of a blob that has seen this; what such a blob cannot hold has no line.

    Uses the connection up: there can be one of these for each. It sees one state of the replica only within a
    transaction of the caller's.
    """

    def __init__(self, connection: sqlite3.Connection, blob_seen: Seen) -> None:
        self._connection = connection
        self._replica = Replica(connection)
        connection.execute(
            "CREATE TEMP TABLE blob_writer (writer TEXT PRIMARY KEY, position INTEGER, time INTEGER) WITHOUT ROWID"
        )
        connection.executemany(
            "INSERT INTO temp.blob_writer VALUES (?, ?, ?)",
            ((writer, position, blob_seen[writer]) for position, writer in enumerate(sorted(blob_seen))),
        )

    def set_names(self) -> list[str]:
        """Return the names of all sets that have elements, sorted."""
        return self._replica.set_names()

    def lines(self, set_name: str) -> Iterator[HeldLine]:
        """Walk the elements of a set, sorted by key."""
        return self._connection.execute(_LINES, (set_name,))

    def element(self, set_name: str, key: str) -> Element:
        """Return one of the elements that were walked over."""
        element = self._replica.known(set_name, key).element
        assert element is not None
        return element
