"""The wallet's database, in which the daemon is a guest.

One connection, kept open: SQLite's locks belong to the process, so a second handle that is closed would drop them
under the first. The file itself is never opened otherwise, only stat'ed. It may be absent, replaced, migrated or
locked at any time; every call here either works on the file that lies at the path now, or raises WalletTrouble.

An open connection keeps SQLite from bringing the write-ahead log into the main file when the wallet closes: whoever
then copied the file would miss the latest commits, and a copy put back in place would be read through the old log. So
the guest tidies up after itself, and opens the file anew where it has changed without any commit.
"""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from config.profile import Profile
from daemon.blob.limits import KEY_BYTES, VALUE_BYTES
from daemon.wallet import triggers
from daemon.wallet.rows import SqlValue, digest, encode_key, encode_value, text_from_sqlite
from daemon.wallet.tables import Layout, SetTable, lay_out

LOCK_WAIT = 10.0
"""How long a statement waits for the wallet's own transactions, in seconds, if not told otherwise."""

WalletState = Literal["ok", "absent", "locked", "unfit", "readonly"]


class WalletTrouble(Exception):  # noqa: N818 - named after what is the matter, as sqlite3's own are not
    """The wallet database cannot be used now: its state, and one sentence of why."""

    def __init__(self, state: WalletState, reason: str) -> None:
        super().__init__(reason)
        self.state: WalletState = state
        self.reason = reason


class Row(NamedTuple):
    """What the wallet has of a key: the value of a row that takes part, with its digest."""

    value: bytes
    digest: bytes


class Excluded(NamedTuple):
    """The wallet has a row of this key that does not take part, or that no blob could hold."""


class Marker(NamedTuple):
    """What our last write left in the wallet database.

    ``home`` names the state database it belongs to, ``token`` the write, ``number`` counts the writes, and ``seen`` is
    what the replica had seen at that write.
    """

    home: str
    token: str
    number: int
    seen: str


class LogPage(NamedTuple):
    """What the change log held: the keys named, and the last sequence number that was read."""

    last_seq: int
    keys: list[tuple[str, str]]


@dataclass
class _Open:
    connection: sqlite3.Connection
    file: tuple[int, int]
    log_path: Path
    schema_version: int = -1
    data_version: int = -1
    looked_at: tuple[int, tuple[int, int]] | None = None
    layout: Layout | None = None
    is_complete: bool = False


class Guest:
    """The wallet database at a path, through one profile. Used by one thread at a time."""

    def __init__(
        self,
        path: Path,
        profile: Profile,
        optional: Sequence[str],
        *,
        use_triggers: bool,
        lock_wait: float = LOCK_WAIT,
    ) -> None:
        self.path = path
        self._profile = profile
        self._optional = optional
        self.known_sets = frozenset(each.name for each in profile.sets)
        self.active_sets = frozenset(each.name for each in profile.sets if not each.optional or each.name in optional)
        self.use_triggers = use_triggers
        self._lock_wait = lock_wait
        self._opened: _Open | None = None
        self._detached = False
        self._left_out: dict[str, str] = {}

    @property
    def guarded_tables(self) -> dict[str, SetTable]:
        """The tables of the sets that the brake on mass deletes guards, as far as the database was ever opened."""
        tables = self._opened.layout.table_by_set if self._opened and self._opened.layout else {}
        return {name: table for name, table in tables.items() if table.profile.guard}

    @property
    def layout(self) -> Layout:
        """The sets as they lie in this database. Only after ``refresh``."""
        assert self._opened is not None
        assert self._opened.layout is not None
        return self._opened.layout

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection. Only after ``refresh``."""
        assert self._opened is not None
        return self._opened.connection

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._opened is not None:
            self._opened.connection.close()
            self._opened = None

    def refresh(self) -> bool:
        """Make sure that we work on the file at the path, and that it fits. Tell whether our tables are all there.

        Raises WalletTrouble.
        """
        if self._detached:
            raise WalletTrouble("readonly", f"walletsync was taken out of {self.path} and is back with its next start")
        file, written = self._file()
        if self._opened is not None and (self._opened.file != file or self._changed_without_commit(written)):
            self.close()
        with self._translated():
            opened = self._opened = self._opened or self._open(file)
            version = opened.connection.execute("PRAGMA schema_version").fetchone()[0]
            if version != opened.schema_version or opened.layout is None:
                layout, problems = lay_out(opened.connection, self._profile, self._optional)
                if problems:
                    self.close()
                    raise WalletTrouble("unfit", _unfit(self.path, self._profile, problems))
                if not self.use_triggers:
                    triggers.watch_own_writes(opened.connection, layout)
                opened.layout, opened.schema_version = layout, version
                opened.is_complete = triggers.installed(opened.connection) == self._wanted()
            if opened.looked_at != (self._data_version(), written):
                self._look()
            return opened.is_complete

    def install(self) -> None:
        """Add our tables and triggers, or mend them. Changes from now on are noted. Raises WalletTrouble."""
        with self.writing() as connection:
            triggers.install(connection, self._wanted())

    def detach(self) -> None:
        """Remove all that we ever added, in one transaction: the schema is the wallet's alone again.

        The database is worked on whether or not it fits the profile. From then on this guest refuses all else, so that
        nothing is added again by a sync that is under way: another guest begins anew.
        Raises WalletTrouble, and then nothing was removed.
        """
        file, _ = self._file()
        self.close()
        with self._translated():
            self._opened = self._open(file)
            try:
                with self.writing() as connection:
                    triggers.remove_all(connection)
                self._detached = True
            finally:
                self.close()

    def committed_since(self) -> bool:
        """Tell whether anyone else committed to the file since this was last asked, or the file is another one.

        Raises WalletTrouble.
        """
        self.refresh()
        assert self._opened is not None
        with self._translated():
            version = self._data_version()
        changed = version != self._opened.data_version
        self._opened.data_version = version
        return bool(changed)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read one consistent state of the database in the body. Keep it short: it holds up the WAL."""
        with self._translated():
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Commit what the body writes, or nothing of it if the body raises. Holds the write lock from the start."""
        with self._translated():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            self._look()

    def tidy_up(self) -> None:
        """Bring the write-ahead log into the main file and empty it, unless that would hold anyone up."""
        with contextlib.suppress(sqlite3.OperationalError, OSError):  # it is all there, and can be tried again
            if self._opened is None or self._opened.log_path.stat().st_size == 0:
                return
            self.connection.execute("PRAGMA busy_timeout = 0")
            try:
                for thoroughly in ("PASSIVE", "TRUNCATE"):  # the first does the work, and locks nobody out
                    self.connection.execute(f"PRAGMA wal_checkpoint({thoroughly})").fetchall()
            finally:
                self.connection.execute(f"PRAGMA busy_timeout = {self._lock_wait * 1000:.0f}")
            self._look()

    def marker(self) -> Marker | None:
        """Return what our last write left here, or ``None`` if there is nothing of ours."""
        with self._translated():
            try:
                row = self.connection.execute("SELECT home, token, number, seen FROM walletsync_marker").fetchone()
            except sqlite3.OperationalError:
                if "walletsync_marker" in triggers.installed(self.connection):
                    raise
                return None
        return Marker(*row) if row else None

    def has_logged(self) -> bool:
        """Tell whether the change log names anything. Raises WalletTrouble."""
        with self._translated():
            return self.connection.execute("SELECT 1 FROM walletsync_log LIMIT 1").fetchone() is not None

    def read_log(self) -> LogPage:
        """Return what the change log names, for sets that take part, each key once."""
        columns = ", ".join(triggers.KEY_COLUMNS)
        last_seq, keys = 0, dict[tuple[str, str], None]()
        for seq, set_name, *values in self.connection.execute(
            f"SELECT seq, set_name, {columns} FROM walletsync_log ORDER BY seq"
        ):
            last_seq = seq
            table = self.layout.table_by_set.get(set_name)
            if table is not None:
                keys[set_name, encode_key(values[: len(table.profile.key)])] = None
        return LogPage(last_seq, list(keys))

    def read(self, table: SetTable, key: Sequence[SqlValue]) -> Row | Excluded | None:
        """Return what the wallet has of one key."""
        rows = self.connection.execute(table.select_row(key), key).fetchall()
        match rows:
            case []:
                return None
            case [(takes_part, *values)] if takes_part:
                row = _row(table, values)
                return row if self._fits(table, encode_key(key), row) else Excluded()
        return Excluded()

    def scan(self, table: SetTable) -> Iterator[tuple[str, Row]]:
        """Walk all rows of a set that take part."""
        width = len(table.profile.key)
        for row in self.connection.execute(table.select_all):
            key = row[:width]
            if None not in key or isinstance(self.read(table, key), Row):  # null is unlike null: there may be two
                text, value = encode_key(key), _row(table, row[width:])
                if self._fits(table, text, value):
                    yield text, value

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

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what SQLite says of the whole database into WalletTrouble. What it says of a row passes."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            raise WalletTrouble(*_trouble(self.path, error, self._lock_wait)) from error

    def _wanted(self) -> dict[str, str]:
        return triggers.wanted(self.layout, triggers=self.use_triggers)

    def _file(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return which file lies at the path, and when it was last written and its size."""
        try:
            status = self.path.stat()
        except OSError as error:
            self.close()
            raise WalletTrouble("absent", f"there is no wallet database at {self.path}: {error.strerror}") from error
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise WalletTrouble("unfit", f"{self.path} is no file: a wallet database should be there, or nothing")
        return (status.st_dev, status.st_ino), (status.st_mtime_ns, status.st_size)

    def _look(self) -> None:
        """Remember what the file is like, as far as our connection knows it."""
        assert self._opened is not None
        self._opened.looked_at = self._data_version(), self._file()[1]

    def _changed_without_commit(self, written: tuple[int, int]) -> bool:
        """Tell whether the file was written over, which our connection and its cached pages cannot see."""
        assert self._opened is not None
        if self._opened.looked_at is None:
            return False
        version, written_before = self._opened.looked_at
        with self._translated():
            return self._data_version() == version and written != written_before

    def _data_version(self) -> int:
        """Return a number that changes with every commit of others."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def _open(self, file: tuple[int, int]) -> _Open:
        path = self.path.resolve()
        return _Open(_connect(self.path, self._lock_wait), file, path.with_name(f"{path.name}-wal"))


def _row(table: SetTable, values: Sequence[SqlValue]) -> Row:
    value = encode_value(dict(zip(table.shared, values, strict=True)))
    return Row(value, digest(value))


def _connect(path: Path, lock_wait: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=lock_wait,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = text_from_sqlite
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _trouble(path: Path, error: sqlite3.DatabaseError, lock_wait: float) -> tuple[WalletState, str]:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "locked", f"{path} stayed locked by the wallet for {lock_wait:g} s; it is tried again"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        writable = os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)
        hint = "" if writable else f": this user must be allowed to write {path} and its folder"
        return "readonly", f"{path} cannot be written ({error}){hint}"
    if name.startswith("SQLITE_FULL"):
        return "readonly", f"{path} cannot be written: the disk is full"
    return "unfit", f"{path} cannot be used as a wallet database: {error}"


def _unfit(path: Path, profile: Profile, problems: Sequence[str]) -> str:
    return f"{path} does not fit the profile {profile.name}: {'; '.join(problems)}"
