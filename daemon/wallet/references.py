"""Foreign keys that are checked last: which rows refer to nothing, and which steps made them so.

SQLite checks a deferred foreign key when the transaction commits, which then fails as a whole. So where a schema has
such keys, and where rows are exchanged, the check is ours: a step that leaves a row dangling is refused alone.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daemon.wallet.guest import Guest
from daemon.wallet.rows import SqlValue, encode_key
from daemon.wallet.session import Place, Step
from daemon.wallet.tables import names, quoted


class Dangling(NamedTuple):
    """One row that refers to nothing: its table, its rowid if it has one, the table that it refers to, and by which."""

    table: str
    rowid: int | None
    parent: str
    number: int


def has_deferred(guest: Guest) -> bool:
    """Tell whether the schema has foreign keys that are checked no sooner than at the commit."""
    found = guest.connection.execute("SELECT 1 FROM sqlite_master WHERE sql LIKE '%INITIALLY%DEFERRED%' LIMIT 1")
    return found.fetchone() is not None


def dangling(guest: Guest, steps: Sequence[Step]) -> set[Dangling]:
    """Return the rows that refer to nothing, of all tables that the steps could leave so."""
    touched = {step.table.profile.table.lower() for step in steps}
    children = guest.connection.execute(
        "SELECT DISTINCT child.name FROM sqlite_master AS child, pragma_foreign_key_list(child.name) AS reference"
        " WHERE child.type = 'table' AND lower(reference.\"table\") IN (SELECT value FROM json_each(?))",
        (encode_key(sorted(touched)),),
    )
    tables = touched | {name.lower() for (name,) in children}
    return {
        Dangling(*row)
        for table in tables
        for row in guest.connection.execute(f"PRAGMA foreign_key_check({quoted(table)})")
    }


def to_blame(guest: Guest, broken: set[Dangling], steps: Sequence[Step]) -> set[Place]:
    """Return whose steps left these rows dangling: the rows' own, or else those of what they refer to."""
    blamed = set[Place]()
    for each in broken:
        own = [step for step in steps if _is(step, each.table) and _has_rowid(guest, step, each.rowid)]
        parents = [step for step in steps if _is(step, each.parent)]
        missing = _referred_to(guest, each)
        exact = [step for step in parents if _key_of(step, missing) == step.key]
        blamed.update(step.place for step in own or exact or parents or steps)
    return blamed


def _referred_to(guest: Guest, broken: Dangling) -> dict[str, SqlValue]:
    """Return what the row refers to, by column of the other table. A row without a rowid cannot be asked."""
    reference = guest.connection.execute(
        'SELECT "from", coalesce("to", own.name) FROM pragma_foreign_key_list(?) AS reference'
        " LEFT JOIN pragma_table_info(?) AS own ON own.pk = reference.seq + 1 WHERE id = ?",
        (broken.table, broken.parent, broken.number),
    ).fetchall()
    if broken.rowid is None:
        return {}
    columns = [column for column, _ in reference]
    row = guest.connection.execute(
        f"SELECT {names(columns)} FROM {quoted(broken.table)} WHERE rowid = ?", (broken.rowid,)
    ).fetchone()
    return dict(zip((target for _, target in reference), row, strict=True)) if row else {}


def _key_of(step: Step, value_by_column: Mapping[str, SqlValue]) -> str | None:
    key = step.table.profile.key
    return encode_key([value_by_column[column] for column in key]) if value_by_column.keys() >= set(key) else None


def _is(step: Step, table: str) -> bool:
    return step.table.profile.table.lower() == table.lower()


def _has_rowid(guest: Guest, step: Step, rowid: int | None) -> bool:
    """Tell whether the row of a step is the one with this rowid. A table without rowids has no way to tell."""
    if rowid is None:
        return True
    table = step.table.profile
    row = guest.connection.execute(
        f"SELECT {names(table.key)} FROM {quoted(table.table)} WHERE rowid = ?", (rowid,)
    ).fetchone()
    return row is not None and encode_key(row) == step.key
