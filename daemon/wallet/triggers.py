"""What we add to a wallet database: three small tables, and three triggers for each set's table.

All names begin with ``walletsync_``; the wallet's own tables stay as they are.

- ``walletsync_log`` notes the set and the key columns of every changed row, as they are (building JSON inside a
  trigger could fail, and with it the wallet's own statement). SQLite does not fire delete triggers for a row that
  REPLACE removes; where that row had another key, the daily scan finds it.
- ``walletsync_marker`` holds one row: which state database this wallet database belongs to, the token and number of
  our last write, and what the replica had seen then.
- ``walletsync_written`` holds what our last write made of each row, until the state database has noted it.
"""

import sqlite3

from daemon.wallet.tables import Layout, SetTable, names, quoted

KEY_COLUMNS = ("k0", "k1", "k2", "k3", "k4", "k5")
"""As many key columns as a set may have."""

TABLES = {
    "walletsync_log": (
        f"CREATE TABLE walletsync_log (seq INTEGER PRIMARY KEY AUTOINCREMENT, set_name, {', '.join(KEY_COLUMNS)})"
    ),
    "walletsync_marker": (
        "CREATE TABLE walletsync_marker (id INTEGER PRIMARY KEY CHECK (id = 1),"
        " home TEXT NOT NULL, token TEXT NOT NULL, number INTEGER NOT NULL, seen TEXT NOT NULL)"
    ),
    "walletsync_written": (
        "CREATE TABLE walletsync_written (set_name TEXT NOT NULL, key TEXT NOT NULL, digest BLOB,"
        " PRIMARY KEY (set_name, key)) WITHOUT ROWID"
    ),
}


def wanted(layout: Layout, *, triggers: bool) -> dict[str, str]:
    """Return all that belongs into the database, the SQL by name."""
    sql_by_name = dict(TABLES)
    if triggers:
        for table in layout.table_by_set.values():
            sql_by_name |= _triggers(table)
    return sql_by_name


def installed(connection: sqlite3.Connection) -> dict[str, str]:
    """Return all that we ever added to this database, the SQL by name."""
    return dict(
        connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE name LIKE 'walletsync\\_%' ESCAPE '\\' AND sql IS NOT NULL"
        )
    )


def install(connection: sqlite3.Connection, wanted_sql: dict[str, str]) -> None:
    """Add what is missing, and replace what differs. Part of the caller's transaction."""
    existing = installed(connection)
    for name, sql in existing.items():
        if wanted_sql.get(name) != sql:
            connection.execute(f"DROP {_kind(sql)} {quoted(name)}")
    for name, sql in wanted_sql.items():
        if existing.get(name) != sql:
            connection.execute(sql)


def remove_all(connection: sqlite3.Connection) -> None:
    """Remove all that we ever added. Part of the caller's transaction."""
    install(connection, {})


def _kind(sql: str) -> str:
    return sql.split(maxsplit=2)[1]


def _triggers(table: SetTable) -> dict[str, str]:
    on = quoted(table.profile.table)
    named = f"walletsync_{table.name}"
    bodies = {
        "insert": _note(table, "NEW"),
        "update": _note(table, "NEW") + _note(table, "OLD", " WHERE " + _key_differs(table)),
        "delete": _note(table, "OLD"),
    }
    return {
        f"{named}_{what}": f"CREATE TRIGGER {quoted(f'{named}_{what}')} AFTER {what.upper()} ON {on} BEGIN{body} END"
        for what, body in bodies.items()
    }


def _note(table: SetTable, row: str, condition: str = "") -> str:
    key = table.profile.key
    values = ", ".join(f"{row}.{quoted(column)}" for column in key)
    return (
        f" INSERT INTO walletsync_log (set_name, {names(KEY_COLUMNS[: len(key)])})"
        f" SELECT '{table.name}', {values}{condition};"
    )


def _key_differs(table: SetTable) -> str:
    return " OR ".join(f"OLD.{quoted(column)} IS NOT NEW.{quoted(column)}" for column in table.profile.key)
