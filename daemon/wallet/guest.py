"""The wallet's database, in which the daemon is a guest.

The file may be absent, replaced, migrated or locked at any time (``daemon.wallet.file``); every call here either works
on the database that lies at the path now, or raises WalletTrouble.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from config.profile import Profile
from daemon.wallet import triggers
from daemon.wallet.claim import Claim
from daemon.wallet.file import WalletFile
from daemon.wallet.holder import Holder, other_user, put
from daemon.wallet.reading import Reader
from daemon.wallet.rows import encode_key
from daemon.wallet.tables import Layout, SetTable, lay_out
from daemon.wallet.trouble import WalletTaken, WalletTrouble

LOCK_WAIT = 10.0
"""How long a statement waits for the wallet's own transactions, in seconds, if not told otherwise."""


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


class Guest:
    """The wallet database at a path, through one profile. Used by one thread at a time.

    Where there is a ``claim``, no other home of this user works with the database at the same time, and where there is
    a ``holder``, what this process is, no other user's.
    """

    def __init__(
        self,
        path: Path,
        profile: Profile,
        optional: Sequence[str],
        *,
        use_triggers: bool,
        lock_wait: float = LOCK_WAIT,
        claim: Claim | None = None,
        holder: Holder | None = None,
    ) -> None:
        self.path = path
        self._profile = profile
        self._optional = optional
        self.set_by_name = {each.name: each for each in profile.sets}
        self.active_sets = frozenset(each.name for each in profile.sets if not each.optional or each.name in optional)
        self.use_triggers = use_triggers
        self._file = WalletFile(path, lock_wait, claim)
        self.reader = Reader(self._file)
        self._layout: Layout | None = None
        self._schema_version = self._data_version = -1
        self._is_complete = self._detached = False
        self._holder = holder
        self._holds = holder is None

    @property
    def guarded_tables(self) -> dict[str, SetTable]:
        """The tables of the sets that the brake on mass deletes guards, as far as the database was ever opened."""
        tables = self._layout.table_by_set if self._layout else {}
        return {name: table for name, table in tables.items() if table.profile.guard}

    @property
    def layout(self) -> Layout:
        """The sets as they lie in this database. Only after ``refresh``."""
        assert self._layout is not None
        return self._layout

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection. Only after ``refresh``."""
        return self._file.connection

    def close(self) -> None:
        """Close the connection, if there is one."""
        self._file.close()

    def claim(self) -> None:
        """Say that this home works with the database, without opening it. Raises WalletTrouble."""
        self._file.claim()

    def refresh(self) -> bool:
        """Make sure that we work on the file at the path, and that it fits. Tell whether our tables are all there.

        Raises WalletTrouble.
        """
        if self._detached:
            raise WalletTrouble("readonly", f"walletsync was taken out of {self.path} and is back with its next start")
        if self._file.open():
            self._schema_version = self._data_version = -1
            self._holds = self._holder is None
        try:
            with self._file.translated():
                version = self.connection.execute("PRAGMA schema_version").fetchone()[0]
                if version != self._schema_version:
                    self._layout, self._schema_version = self._lay_out(), version
                    self._is_complete = triggers.installed(self.connection) == self._wanted()
                self._file.look()
            self._hold_soon()
        except WalletTrouble as trouble:
            if trouble.state == "unfit":
                self.close()  # it is of no use, and would only be in the wallet's way
            raise
        return self._is_complete

    def _hold_soon(self) -> None:
        """Say in the database that we work with it, if that holds nobody up. Raises WalletTaken where another does."""
        if self._holds:
            return
        self._refuse_what_is_taken()
        if self._is_complete:
            with contextlib.suppress(WalletTrouble), self._file.impatient(), self.writing():
                pass  # whoever writes holds it

    def _hold(self) -> None:
        """Hold the database, in a transaction of ours, as soon as there is a table to say it in."""
        if not self._holds and self._holder is not None:
            self._refuse_what_is_taken()
            self._holds = put(self.connection, self._file.id, self._holder)

    def _refuse_what_is_taken(self) -> None:
        if self._holder is None:
            return
        with self._file.translated():
            other = other_user(self.connection, self._file.id, self._holder)
        if other is not None:
            raise WalletTaken(self.path, str(other))

    def check_schema(self) -> None:
        """Make sure, within a transaction, that the wallet has not migrated since ``refresh``. Raises WalletTrouble.

        What we would write by what we knew of its tables could be watched by no trigger of ours.
        """
        if self.connection.execute("PRAGMA schema_version").fetchone()[0] != self._schema_version:
            raise WalletTrouble("locked", f"the wallet has just changed the tables of {self.path}; it is tried again")

    def install(self) -> None:
        """Add our tables and triggers, or mend them. Changes from now on are noted. Raises WalletTrouble."""
        with self.writing() as connection:
            triggers.install(connection, self._wanted())
            self._hold()

    def detach(self) -> None:
        """Remove all that we ever added, in one transaction: the schema is the wallet's alone again.

        The database is worked on whether or not it fits the profile. From then on this guest refuses all else, so that
        nothing is added again by a sync that is under way: another guest begins anew.
        Raises WalletTrouble, and then nothing was removed.
        """
        self.remove_ours()
        self._detached = True

    def remove_ours(self) -> None:
        """Remove all that we ever added, in one transaction. The next use of the database adds it anew.

        Raises WalletTrouble, and then nothing was removed.
        """
        self.close()
        self._file.open()
        try:
            with self.writing() as connection:
                triggers.remove_all(connection)
        finally:
            self.close()

    def committed_since(self) -> bool:
        """Tell whether anyone else committed to the file since this was last asked, or the file is another one.

        Raises WalletTrouble.
        """
        self.refresh()
        with self._file.translated():
            version = self._file.data_version()
        changed = version != self._data_version
        self._data_version = version
        return changed

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read one consistent state of the database in the body. Keep it short: it holds up the WAL."""
        with self._file.translated():
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Commit what the body writes, or nothing of it if the body raises. Holds the write lock from the start."""
        with self._file.translated():
            self.connection.execute("BEGIN IMMEDIATE")
            held = self._holds
            try:
                self._hold()
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                self._holds = held
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            self._file.look()

    def tidy_up(self) -> None:
        """Bring the write-ahead log into the main file and empty it, unless that would hold anyone up."""
        self._file.tidy_up()

    def marker(self) -> Marker | None:
        """Return what our last write left here, or ``None`` if there is nothing of ours."""
        with self._file.translated():
            try:
                row = self.connection.execute("SELECT home, token, number, seen FROM walletsync_marker").fetchone()
            except sqlite3.OperationalError:
                if "walletsync_marker" in triggers.installed(self.connection):
                    raise
                return None
        return Marker(*row) if row else None

    def has_logged(self) -> bool:
        """Tell whether the change log names anything. Raises WalletTrouble."""
        with self._file.translated():
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

    def _lay_out(self) -> Layout:
        """See how the sets lie in the database. Raises WalletTrouble where they do not."""
        layout, problems = lay_out(self.connection, self._profile, self._optional)
        if problems:
            reason = f"{self.path} does not fit the profile {self._profile.name}: {'; '.join(problems)}"
            raise WalletTrouble("unfit", reason)
        if not self.use_triggers:
            triggers.watch_own_writes(self.connection, layout)
        return layout

    def _wanted(self) -> dict[str, str]:
        return triggers.wanted(self.layout, triggers=self.use_triggers)
