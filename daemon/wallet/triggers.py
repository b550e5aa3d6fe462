"""What we add to a wallet database: four small tables, and a few triggers for each set's table.

All names begin with ``walletsync_``; the wallet's own tables stay as they are.

- ``walletsync_log`` notes the set and the key columns of every changed row, as they are (building JSON inside a
  trigger could fail, and with it the wallet's own statement). Its numbers may begin anew once it is empty: an
  AUTOINCREMENT would leave SQLite's own table of sequences behind for ever.
- SQLite does not fire delete triggers for a row that REPLACE removes (unless recursive triggers are on). So where a
  table has unique constraints besides its key, a trigger before each insert and update notes the rows in its way.
- ``walletsync_marker`` holds one row: which state database this wallet database belongs to, the token and number of
  our last write, and what the replica had seen then.
- ``walletsync_holder`` says which process works with the database (daemon.wallet.holder).
- ``walletsync_written`` holds what our last write made of each row, until the state database has noted it.
"""

import json
import sqlite3

from daemon.wallet import holder
from daemon.wallet.tables import Layout, SetTable, names, quoted

KEY_COLUMNS = ("k0", "k1", "k2", "k3", "k4", "k5")
"""As many key columns as a set may have."""

TABLES = {
    "walletsync_log": (f"CREATE TABLE walletsync_log (seq INTEGER PRIMARY KEY, set_name, {', '.join(KEY_COLUMNS)})"),
    "walletsync_marker": (
        "CREATE TABLE walletsync_marker (id INTEGER PRIMARY KEY CHECK (id = 1),"
        " home TEXT NOT NULL, token TEXT NOT NULL, number INTEGER NOT NULL, seen TEXT NOT NULL)"
    ),
    "walletsync_written": (
        "CREATE TABLE walletsync_written (set_name TEXT NOT NULL, key TEXT NOT NULL, digest BLOB,"
        " PRIMARY KEY (set_name, key)) WITHOUT ROWID"
    ),
    "walletsync_holder": holder.TABLE,
}


def wanted(layout: Layout, *, triggers: bool) -> dict[str, str]:
    """Return all that belongs into the database, the SQL by name."""
    return TABLES | (_all_triggers(layout, "CREATE TRIGGER") if triggers else {})


def watch_own_writes(connection: sqlite3.Connection, layout: Layout) -> None:
    """Note what this connection alone changes, in a database where triggers are unwelcome: it leaves no trace there.

    Without them, rows that our writes change without being asked to (a foreign key that cascades) would go unnoticed,
    and the next scan would take them for the wallet's own changes.
    """
    for (name,) in connection.execute("SELECT name FROM sqlite_temp_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER temp.{quoted(name)}")
    for sql in _all_triggers(layout, "CREATE TEMP TRIGGER").values():
        connection.execute(sql)


def installed(connection: sqlite3.Connection) -> dict[str, str]:
    """Return all that we ever added to this database, the SQL by name. A namesake of the wallet's is none of it."""
    return dict(
        connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE (type = 'table' AND name IN (SELECT value FROM json_each(?)))"
            " OR (type = 'trigger' AND name LIKE 'walletsync\\_%' ESCAPE '\\' AND instr(sql, ' walletsync_log '))",
            (json.dumps(list(TABLES)),),
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


def _all_triggers(layout: Layout, create: str) -> dict[str, str]:
    return {name: sql for table in layout.table_by_set.values() for name, sql in _triggers(table, create).items()}


def _triggers(table: SetTable, create: str) -> dict[str, str]:
    on = quoted(table.profile.table)
    named = f"walletsync_{table.name}"
    bodies = {
        "AFTER INSERT": _note(table, "NEW"),
        "AFTER UPDATE": _note(table, "NEW") + _note(table, "OLD", " WHERE " + _key_differs(table)),
        "AFTER DELETE": _note(table, "OLD"),
    }
    if table.rivals:
        in_the_way = "".join(_note_rivals(table, columns) for columns in table.rivals)
        bodies |= {"BEFORE INSERT": in_the_way, "BEFORE UPDATE": in_the_way}
    sql_by_name = {}
    for when, body in bodies.items():
        name = f"{named}_{when.lower().removeprefix('after ').replace(' ', '_')}"
        sql_by_name[name] = f"{create} {quoted(name)} {when} ON {on} BEGIN{body} END"
    return sql_by_name


def _note(table: SetTable, row: str, condition: str = "") -> str:
    key = table.profile.key
    values = ", ".join(f"{row}.{quoted(column)}" for column in key)
    return (
        f" INSERT INTO walletsync_log (set_name, {names(KEY_COLUMNS[: len(key)])})"
        f" SELECT '{table.name}', {values}{condition};"
    )


def _note_rivals(table: SetTable, columns: tuple[str, ...]) -> str:
    """Note the row that has another key and the same values in the columns of a unique constraint."""
    same = " AND ".join(f"rival.{quoted(column)} = NEW.{quoted(column)}" for column in columns)
    other = " OR ".join(f"rival.{quoted(column)} IS NOT NEW.{quoted(column)}" for column in table.profile.key)
    return _note(table, "rival", f" FROM {quoted(table.profile.table)} AS rival WHERE {same} AND ({other})")


def _key_differs(table: SetTable) -> str:
    """Return the condition that an update changed the key: by one bit is enough, whatever the columns' collations."""
    return " OR ".join(
        f"OLD.{column} COLLATE BINARY IS NOT NEW.{column} OR typeof(OLD.{column}) <> typeof(NEW.{column})"
        for column in map(quoted, table.profile.key)
    )
