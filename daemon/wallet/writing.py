"""Writing into the wallet: what a merge changed, in one transaction that is the caller's.

Each step names a key, the base that its row must still have, and the value wanted (``None``: no row). What comes of a
step is one of:

- *written*: the row is as wanted. It is read back in the same transaction, and what is read is its new base, since
  the wallet's own triggers and type affinities may change values.
- *changed*: the row is not what it was when the key was listed: the wallet changed it meanwhile. Nothing is written;
  the next capture judges the change.
- *refused*: the wallet's constraints do not take it, or writing it would change rows that nobody asked for (a foreign
  key that cascades, a trigger). It is rolled back to its savepoint and stays listed.

Refused rows are tried once more, all together, each deleted and then inserted with its local columns kept and foreign
keys checked at the end: so two rows that exchange a unique value come through.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from daemon.wallet.guest import Excluded, Guest, Row
from daemon.wallet.rows import InvalidValue, SqlValue, decode_key, decode_value, digest, encode_key
from daemon.wallet.tables import SetTable, names, quoted
from daemon.wallet.triggers import KEY_COLUMNS

Place = tuple[str, str]


class Step(NamedTuple):
    """One key to bring to a value, if its row still has this base."""

    table: SetTable
    key: str
    base: bytes | None
    wanted: bytes | None

    @property
    def place(self) -> Place:
        """Set and key."""
        return self.table.name, self.key


class Written(NamedTuple):
    """The row is as wanted; this is its base now (``None``: no row)."""

    base: bytes | None


class Changed(NamedTuple):
    """The wallet changed the row meanwhile."""


class Refused(NamedTuple):
    """The wallet does not take the row, and why."""

    reason: str


Outcome = Written | Changed | Refused


class _Refusal(Exception):  # noqa: N818 - never leaves this module
    pass


def write(guest: Guest, steps: Sequence[Step]) -> dict[Place, Outcome]:
    """Carry out the steps: deletes first, children before parents, then inserts, parents before children."""
    rank = {table.name: position for position, table in enumerate(guest.layout.parents_first)}
    deletes = sorted((step for step in steps if step.wanted is None), key=lambda step: -rank[step.table.name])
    inserts = sorted((step for step in steps if step.wanted is not None), key=lambda step: rank[step.table.name])
    session = _Session(guest, {step.place for step in steps})
    outcomes = {step.place: session.attempt(step) for step in (*deletes, *inserts)}
    refused = [step for step in (*deletes, *inserts) if isinstance(outcomes[step.place], Refused)]
    if len(refused) > 1 and session.together(refused):
        outcomes |= {step.place: session.read_back(step) for step in refused}
    session.forget_own_log()
    return outcomes


class _Session:
    """One write transaction: what may be touched in it, and where the log stood when it began."""

    def __init__(self, guest: Guest, allowed: set[Place]) -> None:
        self._guest = guest
        self._connection = guest.connection
        self._allowed = allowed
        self._log_start = self._log_end()
        self._checked = self._log_start

    def attempt(self, step: Step) -> Outcome:
        """Carry out one step, or leave the database as if it had not been tried."""
        try:
            key = _key_columns(step)
            found = self._guest.read(step.table, key)
            if _base(found, step.base) != step.base:
                return Changed()
            if _is_as_wanted(found, step):
                return Written(step.base)
            self._in_savepoint(lambda: self._write(step, key, found))
        except InvalidValue as error:
            return Refused(f"this version cannot read it: {error}")
        except _Refusal as refusal:
            return Refused(str(refusal))
        return self.read_back(step)

    def together(self, steps: Sequence[Step]) -> bool:
        """Try refused steps as one: all deleted, then inserted with their local columns, foreign keys checked last."""
        self._connection.execute("PRAGMA defer_foreign_keys = ON")
        try:
            self._in_savepoint(lambda: self._exchange(steps))
        except _Refusal:
            return False
        finally:
            self._connection.execute("PRAGMA defer_foreign_keys = OFF")
        return True

    def read_back(self, step: Step) -> Written:
        """Read what the row is like now: its new base."""
        found = self._guest.read(step.table, decode_key(step.key))
        return Written(found.digest if isinstance(found, Row) else None)

    def forget_own_log(self) -> None:
        """Take what this transaction itself has logged off the log: its rows are their own bases."""
        self._connection.execute("DELETE FROM walletsync_log WHERE seq > ?", (self._log_start,))

    def _in_savepoint(self, body: Callable[[], None]) -> None:
        self._connection.execute("SAVEPOINT walletsync")
        try:
            body()
            self._check_log()
        except (sqlite3.IntegrityError, sqlite3.DataError, _Refusal) as error:
            self._connection.execute("ROLLBACK TO walletsync")
            raise _Refusal(str(error)) from error
        finally:
            self._connection.execute("RELEASE walletsync")
        self._checked = self._log_end()

    def _write(self, step: Step, key: Sequence[SqlValue], found: Row | Excluded | None) -> None:
        if step.wanted is None:
            self._delete(step.table, key)
            return
        columns = _columns(step.table, step.wanted)
        if found is None:
            _insert(self._connection, step.table.profile.table, _with_key(step.table, key, columns))
        elif columns:
            assignments = ", ".join(f"{quoted(name)} = ?" for name in columns)
            self._connection.execute(
                f"UPDATE {quoted(step.table.profile.table)} SET {assignments} WHERE {step.table.key_matches}",
                (*columns.values(), *key),
            )
        self._lay_ghosts(step.table, _with_key(step.table, key, columns))

    def _exchange(self, steps: Sequence[Step]) -> None:
        kept = [self._local_columns(step) for step in steps]
        dangling = self._dangling(steps)
        for step in steps:
            self._delete(step.table, decode_key(step.key))
        for step, local in zip(steps, kept, strict=True):
            if step.wanted is not None:
                columns = _with_key(step.table, decode_key(step.key), _columns(step.table, step.wanted)) | local
                _insert(self._connection, step.table.profile.table, columns)
                self._lay_ghosts(step.table, columns)
        if self._dangling(steps) - dangling:
            raise _Refusal("a row refers to one that is not there")

    def _dangling(self, steps: Sequence[Step]) -> set[tuple[SqlValue, ...]]:
        """Return the rows that refer to nothing, of all tables that the steps could leave so."""
        touched = {step.table.profile.table for step in steps}
        children = {
            table.profile.table
            for table in self._guest.layout.table_by_set.values()
            for (parent,) in self._connection.execute(
                'SELECT "table" FROM pragma_foreign_key_list(?)', (table.profile.table,)
            )
            if parent in touched
        }
        return {
            row
            for table in touched | children
            for row in self._connection.execute(f"PRAGMA foreign_key_check({quoted(table)})")
        }

    def _local_columns(self, step: Step) -> dict[str, SqlValue]:
        local = step.table.profile.local
        if not local:
            return {}
        row = self._connection.execute(
            f"SELECT {names(local)} FROM {quoted(step.table.profile.table)} WHERE {step.table.key_matches}",
            decode_key(step.key),
        ).fetchone()
        return dict(zip(local, row, strict=True)) if row else {}

    def _delete(self, table: SetTable, key: Sequence[SqlValue]) -> None:
        self._connection.execute(f"DELETE FROM {quoted(table.profile.table)} WHERE {table.key_matches}", key)

    def _lay_ghosts(self, table: SetTable, columns: Mapping[str, SqlValue]) -> None:
        """Delete the ghosts that this row replaces."""
        for ghost in table.ghosts:
            if ghost.replaced_by == table.name:
                matches = " AND ".join(f"{quoted(column)} IS ?" for column in ghost.match)
                self._connection.execute(
                    f"DELETE FROM {quoted(ghost.table)} WHERE ({ghost.where}) AND {matches}",
                    [columns.get(column) for column in ghost.match.values()],
                )

    def _check_log(self) -> None:
        """Refuse what changed rows that are not on the list."""
        for set_name, *values in self._connection.execute(
            f"SELECT set_name, {', '.join(KEY_COLUMNS)} FROM walletsync_log WHERE seq > ?", (self._checked,)
        ):
            table = self._guest.layout.table_by_set.get(set_name)
            if table and (set_name, encode_key(values[: len(table.profile.key)])) not in self._allowed:
                raise _Refusal(f"writing it would also change a row of {table.profile.table} that nobody asked for")

    def _log_end(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(seq), 0) FROM walletsync_log").fetchone()[0])


def _base(found: Row | Excluded | None, expected: bytes | None) -> bytes | None:
    """Return the base of what was found. A row that does not take part (any more) says nothing of its own."""
    match found:
        case Row():
            return found.digest
        case Excluded():
            return expected
        case None:
            return None


def _is_as_wanted(found: Row | Excluded | None, step: Step) -> bool:
    match found:
        case Row():
            return step.wanted is not None and found.digest == digest(step.wanted)
        case Excluded():  # a row that never took part is none of ours to delete
            return step.wanted is None and step.base is None
        case None:
            return step.wanted is None


def _key_columns(step: Step) -> list[SqlValue]:
    columns = decode_key(step.key)
    if len(columns) != len(step.table.profile.key):
        raise InvalidValue(f"the key {step.key} does not have the columns {', '.join(step.table.profile.key)}")
    return columns


def _columns(table: SetTable, value: bytes) -> dict[str, SqlValue]:
    """Return those members of a value that are columns here."""
    return {name: member for name, member in decode_value(value).items() if name in table.shared_set}


def _with_key(table: SetTable, key: Sequence[SqlValue], columns: Mapping[str, SqlValue]) -> dict[str, SqlValue]:
    return dict(zip(table.profile.key, key, strict=True)) | dict(columns)


def _insert(connection: sqlite3.Connection, table: str, columns: Mapping[str, SqlValue]) -> None:
    marks = ", ".join("?" for _ in columns)
    connection.execute(
        f"INSERT INTO {quoted(table)} ({names(list(columns))}) VALUES ({marks})", tuple(columns.values())
    )
