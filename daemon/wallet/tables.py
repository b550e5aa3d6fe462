"""How the sets of a profile lie in a real database: the columns of each set's table, and the SQL that follows.

A set shares all columns of its table but its key (which is the element's key), those that the profile calls local,
and generated ones. A column that only some wallets' tables have is carried for them by the others.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from config.profile import GhostRule, Profile, SetProfile

CIRCLE_SET = "circle"
"""The set of the circle's wallets: ours, in no wallet database."""


def quoted(identifier: str) -> str:
    """Quote an SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def names(columns: Sequence[str]) -> str:
    """List SQL identifiers."""
    return ", ".join(quoted(column) for column in columns)


@dataclass(frozen=True)
class SetTable:
    """One set's table: which columns are its key, which are shared, and the SQL made from them."""

    profile: SetProfile
    ghosts: tuple[GhostRule, ...]
    shared: tuple[str, ...]

    @property
    def name(self) -> str:
        """The set's name."""
        return self.profile.name

    @cached_property
    def shared_set(self) -> frozenset[str]:
        """The shared columns, to look names up in."""
        return frozenset(self.shared)

    @cached_property
    def condition(self) -> str:
        """What a row must meet to take part: the profile's condition, and not being a ghost."""
        parts = [f"({self.profile.where})"] if self.profile.where else []
        parts += [f"NOT ({ghost.where})" for ghost in self.ghosts if ghost.table == self.profile.table]
        return " AND ".join(parts) or "1"

    @cached_property
    def key_matches(self) -> str:
        """The condition that selects the row of a key."""
        return " AND ".join(f"{quoted(column)} IS ?" for column in self.profile.key)

    @cached_property
    def select_row(self) -> str:
        """Select whether a key's row takes part, and its shared columns."""
        columns = "".join(f", {quoted(column)}" for column in self.shared)
        return f"SELECT ({self.condition}) IS TRUE{columns} FROM {quoted(self.profile.table)} WHERE {self.key_matches}"

    @cached_property
    def select_all(self) -> str:
        """Select key and shared columns of all rows that take part."""
        columns = names((*self.profile.key, *self.shared))
        return f"SELECT {columns} FROM {quoted(self.profile.table)} WHERE {self.condition}"


@dataclass(frozen=True)
class Layout:
    """All sets that take part, by name, as they lie in one real database."""

    table_by_set: dict[str, SetTable]

    @property
    def parents_first(self) -> list[SetTable]:
        """The tables in the order in which rows are inserted."""
        return sorted(self.table_by_set.values(), key=lambda table: (table.profile.order, table.name))


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
    tables = {each.name: _table(each, profile, columns_by_table[each.table]) for each in active}
    problems = [problem for table in tables.values() for problem in _condition_problem(connection, table)]
    return Layout(tables), problems


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, bool]:
    """Return a table's columns, and for each whether it can be written (generated ones cannot)."""
    rows = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (table,))
    return {name: hidden == 0 for name, hidden in rows}


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


def _table(each: SetProfile, profile: Profile, columns: dict[str, bool]) -> SetTable:
    kept_back = {*each.key, *each.local}
    shared = tuple(sorted(name for name, writable in columns.items() if writable and name not in kept_back))
    return SetTable(each, tuple(ghost for ghost in profile.ghosts), shared)


def _condition_problem(connection: sqlite3.Connection, table: SetTable) -> list[str]:
    try:
        connection.execute(f"{table.select_all} LIMIT 0")
    except sqlite3.OperationalError as error:
        return [f"the condition of the set {table.name} does not fit the table {table.profile.table}: {error}"]
    return []
