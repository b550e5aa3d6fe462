"""What a wallet's rows have in columns that nobody wrote: the columns' defaults, as they are stored.

A column that the wallet has just got says nothing while it holds its default. So this has to be the very value that
SQLite puts there: of ``REAL DEFAULT 0`` that is 0.0, of ``TEXT DEFAULT 0`` it is "0".
"""

import contextlib
import sqlite3
from collections.abc import Sequence

from daemon.wallet.rows import SqlValue, to_json


def defaults_of(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> dict[str, object]:
    """Return, as JSON, what a row gets in these columns if it is not told; null for what cannot be computed here."""
    declared = connection.execute("SELECT name, type, dflt_value FROM pragma_table_info(?)", (table,)).fetchall()
    (strict,) = connection.execute(
        "SELECT max(strict) FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE", (table,)
    ).fetchone()
    wanted = frozenset(columns)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        memory.text_factory = connection.text_factory
        return {
            name: to_json(None if sql is None else _stored(memory, kind, sql, "STRICT" if strict else ""))
            for name, kind, sql in declared
            if name in wanted
        }


def _stored(memory: sqlite3.Connection, kind: str, sql: str, strict: str) -> SqlValue:
    """Return what a column of this type makes of a value: a column of type REAL, of 0, makes 0.0."""
    try:
        memory.execute("DROP TABLE IF EXISTS t")
        memory.execute(f"CREATE TABLE t (c {kind}) {strict}")
        memory.execute(f"INSERT INTO t SELECT {sql}")
        (value,) = memory.execute("SELECT c FROM t").fetchone()
    except sqlite3.Error:
        return None
    stored: SqlValue = value
    return stored
