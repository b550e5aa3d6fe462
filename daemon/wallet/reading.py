"""Reads the wallet's rows: those that take part, and that a blob can hold.

A row that no blob could hold would cut the other wallets off from all the rest, so it is left out, and said.
"""

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from daemon.blob.limits import KEY_BYTES, VALUE_BYTES
from daemon.wallet.file import WalletFile
from daemon.wallet.rows import SqlValue, digest, encode_key, encode_value
from daemon.wallet.tables import SetTable


class Row(NamedTuple):
    """What the wallet has of a key: the value of a row that takes part, with its digest."""

    value: bytes
    digest: bytes


class Excluded(NamedTuple):
    """The wallet has a row of this key that does not take part, or that no blob could hold."""


class Reader:
    """Reads the rows of an open wallet database."""

    def __init__(self, file: WalletFile) -> None:
        self._file = file
        self._left_out: dict[str, str] = {}

    def read(self, table: SetTable, key: Sequence[SqlValue]) -> Row | Excluded | None:
        """Return what the wallet has of one key."""
        try:
            with self._no_huge_values():
                rows = self._file.connection.execute(table.select_row(key), key).fetchall()
        except sqlite3.DataError as error:
            self._leave_out_huge(table, error)
            return Excluded()
        match rows:
            case []:
                return None
            case [(takes_part, *values)] if takes_part:
                row = _row(table, values)
                return row if self._fits(table, encode_key(key), row) else Excluded()
        return Excluded()

    def scan(self, table: SetTable) -> Iterator[tuple[str, Row]]:
        """Walk all rows of a set that take part, in one state of the database (``reading`` or ``writing``)."""
        last = None
        try:
            with self._no_huge_values():
                for text, row in self._rows(table, table.select_all):
                    last = text
                    yield text, row
        except sqlite3.DataError as error:
            self._leave_out_huge(table, error)
            yield from self._rest_without_huge(table, last)

    def _rest_without_huge(self, table: SetTable, last: str | None) -> Iterator[tuple[str, Row]]:
        """Walk on after this key. They come in the same order."""
        rows = self._rows(table, table.select_all_up_to(VALUE_BYTES))
        if last is not None:
            rows = itertools.dropwhile(lambda each: each[0] != last, rows)
            next(rows)
        yield from rows

    def _rows(self, table: SetTable, select: str) -> Iterator[tuple[str, Row]]:
        width = len(table.profile.key)
        for row in self._file.connection.execute(select):
            key = row[:width]
            if None not in key or isinstance(self.read(table, key), Row):  # null is unlike null: there may be two
                text, value = encode_key(key), _row(table, row[width:])
                if self._fits(table, text, value):
                    yield text, value

    @contextlib.contextmanager
    def _no_huge_values(self) -> Iterator[None]:
        """Have SQLite refuse, in the body, what no blob could hold anyway: a gigabyte would be here several times."""
        most = self._file.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
        try:
            yield
        finally:
            self._file.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)

    def _leave_out_huge(self, table: SetTable, error: sqlite3.DataError) -> None:
        """Note that a row is too large to be read. Raises the error if it says anything else."""
        if error.sqlite_errorname != "SQLITE_TOOBIG":
            raise error
        self._left_out[table.name] = (
            f"the content of a row has more than {VALUE_BYTES} bytes, and a blob takes {VALUE_BYTES} at most"
        )

    def take_left_out(self) -> dict[str, str]:
        """Return why rows of these sets were left out since this was last asked: no blob could hold them."""
        left_out, self._left_out = self._left_out, {}
        return left_out

    def _fits(self, table: SetTable, key: str, row: Row) -> bool:
        """Tell whether a blob can hold a row. One that could not would cut the other wallets off from all the rest."""
        for what, size, most in (("key", len(key.encode()), KEY_BYTES), ("content", len(row.value), VALUE_BYTES)):
            if size > most:
                self._left_out[table.name] = f"the {what} of a row has {size} bytes, and a blob takes {most} at most"
                return False
        return True


def _row(table: SetTable, values: Sequence[SqlValue]) -> Row:
    value = encode_value(dict(zip(table.shared, values, strict=True)))
    return Row(value, digest(value))
