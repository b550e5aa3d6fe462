"""How the sets of a profile lie in a real database: the columns of each set's table, and the SQL that follows.

A set shares all columns of its table but its key (which is the element's key), those that the profile calls local,
and generated ones. A column that only some wallets' tables have is carried for them by the others.

A key is one row, exactly. So a key has to be unique by the table's own constraints, and rows are found by the very
value of the key: SQLite's comparison takes 1 and 1.0 for equal, and "a" and "A" in a column that ignores case, while
their keys differ. Where a constraint lets two rows have one key all the same (null is unlike null), neither takes part.
"""

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from config.profile import GhostRule, Profile, SetProfile
from daemon.wallet.defaults import defaults_of
from daemon.wallet.rows import BrokenText, SqlValue, placeholder

CIRCLE_SET = "circle"
"""The set of the circle's wallets: ours, in no wallet database."""


def quoted(identifier: str) -> str:
    """Quote an SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def names(columns: Sequence[str]) -> str:
    """List SQL identifiers."""
    return ", ".join(quoted(column) for column in columns)


_SQL_TYPES: dict[type, str] = {int: "integer", float: "real", bytes: "blob"}  # any other is text


@dataclass(frozen=True)
class SetTable:
    """One set's table: which columns are its key, which are shared, and the SQL made from them.

    ``default_by_column`` has the shared columns' defaults, as JSON.
    ``rivals`` are the columns of unique constraints other than the key's: what REPLACE may remove another row for.
    ``quietly`` says that a constraint of the table settles conflicts in a way of its own, such as REPLACE.
    ``is_utf8`` says that the database keeps text as UTF-8, and so any bytes that a wallet calls text.
    """

    profile: SetProfile
    ghosts: tuple[GhostRule, ...]
    shared: tuple[str, ...]
    default_by_column: Mapping[str, object]
    rivals: tuple[tuple[str, ...], ...] = ()
    quietly: bool = False
    is_utf8: bool = True

    @property
    def name(self) -> str:
        """The set's name."""
        return self.profile.name

    @cached_property
    def condition(self) -> str:
        """What a row must meet to take part: the profile's condition, and not being a ghost."""
        parts = [f"({self.profile.where})"] if self.profile.where else []
        parts += [f"NOT ({ghost.where})" for ghost in self.ghosts if ghost.table == self.profile.table]
        return " AND ".join(parts) or "1"

    @property
    def or_abort(self) -> str:
        """The conflict clause for our own writes: where the table would settle conflicts quietly, we fail instead."""
        return " OR ABORT" if self.quietly else ""

    def key_matches(self, key: Sequence[SqlValue]) -> str:
        """Return the condition that selects the row of a key, whose columns are the parameters from ?1 on."""
        return " AND ".join(
            _is_exactly(quoted(column), value, f"?{number}")
            for number, (column, value) in enumerate(zip(self.profile.key, key, strict=True), start=1)
        )

    def select_row(self, key: Sequence[SqlValue]) -> str:
        """Return the SQL that selects whether a key's row takes part, and its shared columns."""
        return self._made_once(("select", *map(type, key)), lambda: self._select_row(key))

    def insert_row(self, columns: tuple[str, ...], values: Sequence[SqlValue]) -> str:
        """Return the SQL that inserts a row of these columns, whose values are the parameters."""
        return self._made_once(("insert", columns, _broken(values)), lambda: self._insert_row(columns, values))

    def update_row(self, key: Sequence[SqlValue], columns: tuple[str, ...], values: Sequence[SqlValue]) -> str:
        """Return the SQL that sets these columns in the row of a key. The parameters are key and values."""
        kind = ("update", columns, _broken(values), *map(type, key))
        return self._made_once(kind, lambda: self._update_row(key, columns, values))

    def _select_row(self, key: Sequence[SqlValue]) -> str:
        columns = "".join(f", {quoted(column)}" for column in self.shared)
        matches = self.key_matches(key)
        return f"SELECT ({self.condition}) IS TRUE{columns} FROM {quoted(self.profile.table)} WHERE {matches} LIMIT 2"

    def _insert_row(self, columns: Sequence[str], values: Sequence[SqlValue]) -> str:
        marks = ", ".join(placeholder(value) for value in values)
        return f"INSERT{self.or_abort} INTO {quoted(self.profile.table)} ({names(columns)}) VALUES ({marks})"

    def _update_row(self, key: Sequence[SqlValue], columns: Sequence[str], values: Sequence[SqlValue]) -> str:
        assignments = ", ".join(
            f"{quoted(name)} = {placeholder(value, f'?{number}')}"
            for number, (name, value) in enumerate(zip(columns, values, strict=True), start=len(key) + 1)
        )
        return f"UPDATE{self.or_abort} {quoted(self.profile.table)} SET {assignments} WHERE {self.key_matches(key)}"

    def _made_once(self, kind: tuple[object, ...], make: Callable[[], str]) -> str:
        """Keep SQL, since making it takes longer than running it. It depends on columns and types, not on values."""
        sql = self._sql_by_kind.get(kind)
        if sql is None:
            sql = self._sql_by_kind[kind] = make()
        return sql

    @cached_property
    def _sql_by_kind(self) -> dict[tuple[object, ...], str]:
        return {}

    @cached_property
    def select_all(self) -> str:
        """Select key and shared columns of all rows that take part, by key: what comes in order is kept in order."""
        return self._select_where(self.condition)

    def select_all_up_to(self, most_bytes: int) -> str:
        """Select the same of those rows alone of which that takes no more bytes. It takes longer."""
        columns = (*self.profile.key, *self.shared)
        size = " + ".join(f"coalesce(length(CAST({quoted(column)} AS BLOB)), 0)" for column in columns)
        return self._select_where(f"({size}) <= {most_bytes} AND {self.condition}")

    def _select_where(self, condition: str) -> str:
        columns = names((*self.profile.key, *self.shared))
        rows = f"{quoted(self.profile.table)} WHERE {condition}"
        return f"SELECT {columns} FROM {rows} ORDER BY {names(self.profile.key)}"


@dataclass(frozen=True)
class Layout:
    """All sets that take part, by name, as they lie in one real database."""

    table_by_set: dict[str, SetTable]

    @property
    def parents_first(self) -> list[SetTable]:
        """The tables in the order in which rows are inserted."""
        return sorted(self.table_by_set.values(), key=lambda table: (table.profile.order, table.name))


_SETTLES_CONFLICTS = re.compile(r"\bON\s+CONFLICT\s+(REPLACE|IGNORE|FAIL|ROLLBACK)\b", re.IGNORECASE)


def lay_out(connection: sqlite3.Connection, profile: Profile, optional: Sequence[str]) -> tuple[Layout, list[str]]:
    """Compare a profile with a real database: return the layout, and one sentence for each thing that is amiss."""
    columns_by_table = {
        table: _columns(connection, table)
        for table in {
            *profile.required_columns,
            *(each.table for each in profile.sets),
            *(ghost.table for ghost in profile.ghosts),
        }
    }
    active = [each for each in profile.sets if not each.optional or each.name in optional]
    problems = _missing(columns_by_table, profile, active)
    if problems:
        return Layout({}), problems
    tables = {each.name: _table(connection, each, profile, columns_by_table[each.table]) for each in active}
    problems = [
        problem
        for table in tables.values()
        for problem in (*_unfit(connection, table, columns_by_table), *_condition_problem(connection, table))
    ]
    return Layout(tables), problems


def _broken(values: Sequence[SqlValue]) -> tuple[int, ...]:
    """Return which of the values are text that is not UTF-8: these SQL takes in another way."""
    if BrokenText not in map(type, values):
        return ()
    return tuple(number for number, value in enumerate(values) if isinstance(value, BrokenText))


def _is_exactly(column: str, value: SqlValue, mark: str) -> str:
    """Return the condition that a column holds this very value. The plain comparison is there for the index."""
    if value is None:
        return f"{column} IS {mark}"
    kind = next((name for kind, name in _SQL_TYPES.items() if type(value) is kind), "text")
    same = placeholder(value, mark)
    exactly = f" AND {column} COLLATE BINARY IS {same}" if kind == "text" else ""
    return f"{column} IS {same} AND typeof({column}) = '{kind}'{exactly}"


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, bool]:
    """Return a table's columns, and for each whether it can be written (generated ones cannot)."""
    rows = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (table,))
    return {name: hidden == 0 for name, hidden in rows}


def _unique_constraints(connection: sqlite3.Connection, table: str, origins: str) -> list[tuple[str, ...]]:
    """Return the columns of each of a table's unique constraints of these origins (see pragma index_list)."""
    rows = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,))
    primary_key = tuple(name for (name,) in rows)
    indexes = connection.execute(
        'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial AND instr(?, origin)', (table, origins)
    ).fetchall()
    by_index = [
        tuple(name for (name,) in connection.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", index))
        for index in indexes
    ]
    return [columns for columns in (primary_key, *by_index) if columns and None not in columns]


def _missing(columns_by_table: dict[str, dict[str, bool]], profile: Profile, active: Sequence[SetProfile]) -> list[str]:
    needed: dict[str, set[str]] = {table: set(columns) for table, columns in profile.required_columns.items()}
    for each in active:
        needed.setdefault(each.table, set()).update(each.key, each.local)
    for ghost in profile.ghosts:
        needed.setdefault(ghost.table, set()).update(ghost.match)
    problems = []
    for table, columns in sorted(needed.items()):
        existing = columns_by_table[table]
        if not existing:
            problems.append(f"the table {table} is missing")
        elif absent := sorted(columns - existing.keys()):
            problems.append(f"the table {table} lacks {', '.join(absent)}")
    return problems


def _table(connection: sqlite3.Connection, each: SetProfile, profile: Profile, columns: dict[str, bool]) -> SetTable:
    kept_back = {*each.key, *each.local}
    shared = tuple(sorted(name for name, writable in columns.items() if writable and name not in kept_back))
    # Not those of indexes: a wallet may drop an index and then its column, which a trigger that names it would prevent.
    constraints = _unique_constraints(connection, each.table, origins="u")
    rivals = tuple(unique for unique in constraints if set(unique) != set(each.key))
    (sql,) = connection.execute(
        "SELECT max(sql) FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE AND type IN ('table', 'view')",
        (each.table,),
    ).fetchone()
    defaults = defaults_of(connection, each.table, shared)
    quietly = _SETTLES_CONFLICTS.search(sql or "") is not None
    (encoding,) = connection.execute("PRAGMA encoding").fetchone()
    return SetTable(each, profile.ghosts, shared, defaults, rivals, quietly, encoding == "UTF-8")


def _unfit(connection: sqlite3.Connection, table: SetTable, columns_by_table: dict[str, dict[str, bool]]) -> list[str]:
    """Say what makes a table unfit for a set: it cannot be written, or its key does not name one row."""
    name, key, local = table.profile.table, table.profile.key, table.profile.local
    kind = connection.execute(
        "SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE", (name,)
    ).fetchone()
    if kind != ("table",):
        return [f"{name} of the set {table.name} is no ordinary table"]
    problems = []
    if generated := [column for column in key if not columns_by_table[name][column]]:
        problems.append(f"the key column {', '.join(generated)} of the table {name} is a generated one")
    if not any(set(unique) <= set(key) for unique in _unique_constraints(connection, name, origins="uc")):
        problems.append(f"no unique constraint of the table {name} makes {', '.join(key)} name one row")
    needy = connection.execute(
        'SELECT name FROM pragma_table_info(?) WHERE "notnull" AND pk = 0 AND dflt_value IS NULL', (name,)
    ).fetchall()
    if stuck := [column for (column,) in needy if column in local]:
        problems.append(f"the local column {', '.join(stuck)} of the table {name} must have a default or allow NULL")
    return problems


def _condition_problem(connection: sqlite3.Connection, table: SetTable) -> list[str]:
    try:
        connection.execute(f"{table.select_all} LIMIT 0")
    except sqlite3.OperationalError as error:
        return [f"the condition of the set {table.name} does not fit the table {table.profile.table}: {error}"]
    return []
