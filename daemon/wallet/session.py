"""One write transaction in the wallet: single rows, each in a savepoint, and what may be touched with them.

A write that the wallet refuses, or that changes rows nobody asked for (a foreign key that cascades, a trigger), leaves
the database as if it had not been tried. What our triggers log of our own writes tells of such rows; the log is
cleared of it in the end. Rows of tables that belong to no set are the wallet's own affair.

What constraints would settle quietly is refused: a table that says ON CONFLICT REPLACE would remove another row, and
IGNORE (a constraint's or a trigger's) would leave ours out without a word.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from daemon.wallet.guest import Guest
from daemon.wallet.reading import Excluded, Row
from daemon.wallet.rows import BrokenText, SqlValue, decode_key, decode_value, encode_key, placeholder
from daemon.wallet.tables import SetTable, names, quoted
from daemon.wallet.triggers import KEY_COLUMNS
from daemon.wallet.trouble import WalletTrouble

Place = tuple[str, str]
T = TypeVar("T")

_EXCHANGEABLE = ("UNIQUE", "PRIMARYKEY", "ROWID", "FOREIGNKEY")


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


class Refusal(Exception):  # noqa: N818 - what the wallet did, and never leaves the write
    """The wallet does not take a row, and why. ``exchangeable``: it may yet, once other rows have changed."""

    def __init__(self, reason: str, *, exchangeable: bool = False) -> None:
        super().__init__(reason)
        self.exchangeable = exchangeable


class Session:
    """One write transaction: what may be touched in it, and where the log stood when it began."""

    def __init__(self, guest: Guest, includes: Callable[[Place], bool]) -> None:
        self.guest = guest
        self.connection = guest.connection
        self._includes = includes
        self._ghosts = set[tuple[str, tuple[str, ...], str]]()
        self._log_start = self._log_end()
        self._checked = self._log_start

    def write(self, step: Step, key: Sequence[SqlValue], found: Row | Excluded | None) -> Row | Excluded | None:
        """Bring the row that was found to what is wanted. Return what it is like now. Raises Refusal."""
        return self.in_savepoint(step.table, lambda: self._write(step, key, found))

    def delete(self, step: Step) -> dict[str, SqlValue]:
        """Delete a row that is going to be inserted anew, and return its local columns. Raises Refusal."""
        key = decode_key(step.key)
        local = self._local_columns(step.table, key)
        self.in_savepoint(step.table, lambda: self._delete(step.table, key, expected=None))
        return local

    def insert(self, step: Step, local: Mapping[str, SqlValue]) -> None:
        """Insert a row that was deleted before, with its local columns. Raises Refusal."""
        self.in_savepoint(step.table, lambda: self._insert(step, decode_key(step.key), local))

    def read(self, step: Step) -> Row | Excluded | None:
        """Read what the row is like now."""
        return self.guest.reader.read(step.table, decode_key(step.key))

    def forget_own_log(self) -> None:
        """Take what this transaction itself has logged off the log: its rows are their own bases."""
        self.connection.execute("DELETE FROM walletsync_log WHERE seq > ?", (self._log_start,))

    def in_savepoint(self, table: SetTable, body: Callable[[], T]) -> T:
        """Do all of the body, or nothing if the wallet refuses any of it. Raises Refusal."""
        self.connection.execute("SAVEPOINT walletsync")
        try:
            result = body()
            checked = self._check_log()
        except (sqlite3.DatabaseError, Refusal) as error:
            refusal = _refusal(error)
            if not self.connection.in_transaction:
                raise WalletTrouble(
                    "unfit", f"the wallet rolled back all that was written with a row of {table.profile.table}: {error}"
                ) from error
            if refusal is None:
                raise
            self.connection.execute("ROLLBACK TO walletsync")
            self.connection.execute("RELEASE walletsync")
            raise refusal from error
        self.connection.execute("RELEASE walletsync")
        self._checked = checked
        return result

    def _write(self, step: Step, key: Sequence[SqlValue], found: Row | Excluded | None) -> Row | Excluded | None:
        if step.wanted is None:
            self._delete(step.table, key, expected=1)
            return None
        if found is None:
            return self._insert(step, key, {})
        return self._update(step, key, step.wanted)

    def _delete(self, table: SetTable, key: Sequence[SqlValue], *, expected: int | None) -> None:
        sql = f"DELETE FROM {quoted(table.profile.table)} WHERE {table.key_matches(key)}"
        deleted = self.connection.execute(sql, key).rowcount
        if expected not in (None, deleted) or self.guest.reader.read(table, key) is not None:
            raise Refusal("the wallet kept the row")

    def _insert(self, step: Step, key: Sequence[SqlValue], local: Mapping[str, SqlValue]) -> Row | Excluded | None:
        table = step.table
        assert step.wanted is not None
        columns = dict(zip(table.profile.key, key, strict=True)) | columns_of(table, step.wanted) | dict(local)
        values = tuple(columns.values())
        _expect_text(table, values)
        self._expect_one(self.connection.execute(table.insert_row(tuple(columns), values), values))
        return self._with_ghosts_laid(table, key, columns)

    def _update(self, step: Step, key: Sequence[SqlValue], wanted: bytes) -> Row | Excluded | None:
        table, columns = step.table, columns_of(step.table, wanted)
        if columns:
            values = tuple(columns.values())
            _expect_text(table, values)
            sql = table.update_row(key, tuple(columns), values)
            self._expect_one(self.connection.execute(sql, (*key, *values)))
        return self._with_ghosts_laid(table, key, dict(zip(table.profile.key, key, strict=True)) | columns)

    def _expect_one(self, cursor: sqlite3.Cursor) -> None:
        if cursor.rowcount != 1:
            raise Refusal("the wallet ignored the row")

    def _with_ghosts_laid(
        self, table: SetTable, key: Sequence[SqlValue], columns: Mapping[str, SqlValue]
    ) -> Row | Excluded | None:
        """Return what a row is like that was written, and delete the ghosts that it replaces."""
        found = self.guest.reader.read(table, key)
        if found is None:
            raise Refusal("the wallet did not keep the row under its key")
        if not any(ghost.replaced_by == table.name for ghost in table.ghosts):
            return found
        self._lay_ghosts(table, columns)
        return self.guest.reader.read(table, key)

    def _local_columns(self, table: SetTable, key: Sequence[SqlValue]) -> dict[str, SqlValue]:
        local = table.profile.local
        if not local:
            return {}
        sql = f"SELECT {names(local)} FROM {quoted(table.profile.table)} WHERE {table.key_matches(key)}"
        row = self.connection.execute(sql, key).fetchone()
        return dict(zip(local, row, strict=True)) if row else {}

    def _lay_ghosts(self, table: SetTable, columns: Mapping[str, SqlValue]) -> None:
        """Delete the ghosts that this row replaces, which may lie in a set's own table. Null replaces nothing."""
        for ghost in table.ghosts:
            if ghost.replaced_by != table.name:
                continue
            values = [columns.get(column) for column in ghost.match.values()]
            matches = " AND ".join(
                f"{quoted(column)} = {placeholder(value)}" for column, value in zip(ghost.match, values, strict=True)
            )
            condition = f"FROM {quoted(ghost.table)} WHERE ({ghost.where}) AND {matches}"
            for haunted in self.guest.layout.table_by_set.values():
                if haunted.profile.table == ghost.table:
                    rows = self.connection.execute(f"SELECT {names(haunted.profile.key)} {condition}", values)
                    self._ghosts |= {(ghost.table, haunted.profile.key, encode_key(row)) for row in rows}
            self.connection.execute(f"DELETE {condition}", values)

    def _check_log(self) -> int:
        """Refuse what changed rows that are not on the list. Return how far the log was read."""
        checked = self._checked
        for seq, set_name, *values in self.connection.execute(
            f"SELECT seq, set_name, {', '.join(KEY_COLUMNS)} FROM walletsync_log WHERE seq > ? ORDER BY seq", (checked,)
        ):
            checked = seq
            table = self.guest.layout.table_by_set.get(set_name)
            if table is not None and not self._may_change(table, encode_key(values[: len(table.profile.key)])):
                raise Refusal(f"writing it would also change a row of {table.profile.table} that nobody asked for")
        return checked

    def _may_change(self, table: SetTable, key: str) -> bool:
        """Tell whether a row is on the list, or a ghost. Sets of one table with one key share its rows."""
        if self._includes((table.name, key)):
            return True
        row = table.profile.table, table.profile.key
        sharing = (other for other in self.guest.layout.table_by_set.values() if other is not table)
        return (*row, key) in self._ghosts or any(
            (other.profile.table, other.profile.key) == row and self._includes((other.name, key)) for other in sharing
        )

    def _log_end(self) -> int:
        return int(self.connection.execute("SELECT coalesce(max(seq), 0) FROM walletsync_log").fetchone()[0])


def _expect_text(table: SetTable, values: Sequence[SqlValue]) -> None:
    """Refuse text of bytes that are not UTF-8 where SQLite would take them for text of another encoding."""
    if not table.is_utf8 and BrokenText in map(type, values):
        raise Refusal("it has text that is not UTF-8, which this database, of another encoding, cannot hold")


def columns_of(table: SetTable, value: bytes) -> dict[str, SqlValue]:
    """Return those members of a value that are columns here. Raises InvalidValue."""
    return {name: member for name, member in decode_value(value).items() if name in table.default_by_column}


def _refusal(error: sqlite3.DatabaseError | Refusal) -> Refusal | None:
    """Tell what SQLite says of a row, or of its table (such as a trigger that needs a function of the wallet's)."""
    if isinstance(error, Refusal):
        return error
    name = getattr(error, "sqlite_errorname", "")
    if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError) or name == "SQLITE_ERROR":
        return Refusal(str(error), exchangeable=name.endswith(_EXCHANGEABLE))
    return None
