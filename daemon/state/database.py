"""The state database: one SQLite file of ours, state.db, and its transactions.

Everything that must change together lies in this one file: the replica, what it has seen, each server's revision,
and the list of keys still to be applied. WAL mode, and every commit reaches the disk before it counts
(synchronous=FULL): a blob must never be uploaded from a state that a power cut takes back.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from daemon.errors import StateUnusable

SCHEMA_VERSION = 1
KEPT_BY_A_WALLET = frozenset({"meta", "history", "departure", "sqlite_sequence"})
"""The tables whose content does not come from the circle."""

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What this replica has seen.
CREATE TABLE seen (writer TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;

-- The replica. A tombstone has no stamp; deletes is canonical JSON, null when there are none. base is the digest of
-- the row that the wallet last showed us or that we last wrote; null: the wallet has no such row.
CREATE TABLE element (
    set_name TEXT NOT NULL, key TEXT NOT NULL,
    time INTEGER, writer TEXT, value BLOB NOT NULL, deletes TEXT, base BLOB,
    PRIMARY KEY (set_name, key)
);
CREATE INDEX element_by_stamp ON element (writer, time) WHERE time IS NOT NULL;
CREATE INDEX element_with_deletes ON element (set_name, key) WHERE deletes IS NOT NULL;

-- A batch: what was seen before the join that listed the keys which refer to it.
CREATE TABLE batch (number INTEGER PRIMARY KEY, seen TEXT NOT NULL);

-- Keys still to be applied to the wallet, with the base that their row had when they were listed.
CREATE TABLE listed (
    set_name TEXT NOT NULL, key TEXT NOT NULL,
    batch INTEGER NOT NULL REFERENCES batch (number), base BLOB, refusal TEXT,
    PRIMARY KEY (set_name, key)
) WITHOUT ROWID;

CREATE TABLE server (
    url TEXT PRIMARY KEY, identity TEXT NOT NULL, revision TEXT, seen TEXT NOT NULL DEFAULT '{}',
    clocks_read INTEGER NOT NULL DEFAULT 0, owes INTEGER NOT NULL DEFAULT 0, extra TEXT NOT NULL DEFAULT '{}',
    last_success REAL, sealed_bytes INTEGER NOT NULL DEFAULT 0, limit_bytes INTEGER, memory TEXT NOT NULL DEFAULT '{}',
    trouble TEXT
) WITHOUT ROWID;

-- The clocks of each server's blob as last read: a wallet's whole seen at its last upload there.
CREATE TABLE clock (
    server TEXT NOT NULL REFERENCES server (url) ON DELETE CASCADE,
    wallet TEXT NOT NULL, seen TEXT NOT NULL, moved_at REAL NOT NULL,
    PRIMARY KEY (server, wallet)
) WITHOUT ROWID;

-- Accounts that were left, and where something is still to be done, with their keys, sealed.
CREATE TABLE departure (
    account TEXT PRIMARY KEY, url TEXT NOT NULL, identity TEXT NOT NULL, erase INTEGER NOT NULL, keys BLOB NOT NULL
) WITHOUT ROWID;

-- Wallets whose row is to be taken out of a server's clocks with the next upload there.
CREATE TABLE forgotten (
    server TEXT NOT NULL REFERENCES server (url) ON DELETE CASCADE, wallet TEXT NOT NULL,
    PRIMARY KEY (server, wallet)
) WITHOUT ROWID;

-- Values that were deleted or overruled here, sealed, for some time.
CREATE TABLE history (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, sync_id TEXT NOT NULL, cause TEXT NOT NULL,
    set_name TEXT NOT NULL, key TEXT NOT NULL, sealed BLOB NOT NULL
);
CREATE INDEX history_by_time ON history (at);
CREATE INDEX history_by_key ON history (set_name, key);

-- Mass deletes that wait for a person.
CREATE TABLE held (number INTEGER PRIMARY KEY AUTOINCREMENT, direction TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE held_key (
    held INTEGER NOT NULL REFERENCES held (number) ON DELETE CASCADE, set_name TEXT NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (set_name, key)
) WITHOUT ROWID;

-- Roll-overs that this wallet made or followed: the circle left, the note, both root secrets, sealed.
CREATE TABLE rotation (
    number INTEGER PRIMARY KEY AUTOINCREMENT, circle TEXT NOT NULL, note BLOB NOT NULL,
    old_root BLOB NOT NULL, new_root BLOB NOT NULL, at REAL NOT NULL, finished INTEGER NOT NULL DEFAULT 0
);

-- Accounts that were left, each with its root secret, sealed, and the roll-over whose note belongs there.
CREATE TABLE old_account (
    circle TEXT NOT NULL, identity TEXT NOT NULL, url TEXT NOT NULL, root BLOB NOT NULL,
    rotation INTEGER NOT NULL REFERENCES rotation (number), phase TEXT NOT NULL, memory TEXT NOT NULL,
    PRIMARY KEY (circle, identity)
) WITHOUT ROWID;

-- Notes that an account has moved, as they were met, and where.
CREATE TABLE met_note (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, note BLOB NOT NULL,
    since REAL NOT NULL, verdict TEXT NOT NULL
);
CREATE TABLE met_at (
    number INTEGER NOT NULL REFERENCES met_note (number) ON DELETE CASCADE,
    server TEXT NOT NULL, stops INTEGER NOT NULL,
    PRIMARY KEY (number, server)
) WITHOUT ROWID;

-- Times too far ahead to be taken before a person approves, and those approved, by the server that showed them.
CREATE TABLE far_time (
    number INTEGER PRIMARY KEY AUTOINCREMENT, server TEXT NOT NULL, writer TEXT NOT NULL, time INTEGER NOT NULL,
    since REAL NOT NULL, approved INTEGER NOT NULL DEFAULT 0, UNIQUE (server, writer)
);

-- Sets that were captured before: the first capture of a set infers no deletes.
CREATE TABLE captured_set (name TEXT PRIMARY KEY, is_on INTEGER NOT NULL) WITHOUT ROWID;
"""


class StateDatabase:
    """The open state database. Used by one thread at a time; whoever changes it holds the replica's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _make_private(path)
        self.connection = _connect(path)
        self._create_or_check()

    def close(self) -> None:
        """Close the file. What was committed stays."""
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what the body changes, or nothing of it if the body raises."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # a full disk may have ended it already
                self.connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Open a second connection that sees what is committed now, whatever is committed meanwhile."""
        reader = _open(self.path)
        try:
            reader.execute("BEGIN")
            reader.execute("SELECT 1 FROM meta").fetchone()
            yield reader
        finally:
            reader.close()

    def meta(self, name: str) -> str | None:
        """Read one of the single values kept here."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Keep a single value. Part of the caller's transaction, if there is one."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def begin_anew(self) -> None:
        """Forget all but what belongs to this wallet whatever its circle is. Part of the caller's transaction."""
        self.connection.execute("PRAGMA defer_foreign_keys = ON")
        tables = {name for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in sorted(tables - KEPT_BY_A_WALLET):
            self.connection.execute(f'DELETE FROM "{table}"')
        self.connection.execute("DELETE FROM meta WHERE name IN ('marker', 'next_marker')")

    def nickname(self, configured: str) -> str:
        """Return the nickname that was chosen by renaming, unless the configuration has been changed since."""
        chosen, instead_of = self.meta("nickname"), self.meta("nickname_instead_of")
        self.set_meta("nickname_configured", configured)
        return chosen if chosen is not None and instead_of == configured else configured

    def _create_or_check(self) -> None:
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            with self.transaction() as connection:
                for statement in _statements(_SCHEMA):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise StateUnusable(
                f"{self.path} has the format {version}, this walletsync knows {SCHEMA_VERSION}:"
                " start the version that made it, or a newer one"
            )


def _make_private(path: Path) -> None:
    """Make the file, if it is not there, for its owner alone, whatever the umask: it holds all that the wallet does."""
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return
    except OSError as error:
        raise StateUnusable(f"{path} cannot be used as the state database: {error.strerror}") from error


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = _open(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.OperationalError as error:
        raise StateUnusable(f"{path} cannot be used as the state database: {error}") from error
    except sqlite3.DatabaseError as error:  # it is damaged, or something else altogether
        raise StateUnusable(
            f"{path} cannot be used as the state database: {error}; keep a copy of it and move it away: the keys are"
            " not in it, and `walletsync enroll URL` takes up again what lies at a server"
        ) from error
    return connection


def _statements(script: str) -> Iterator[str]:
    """Split a script, since executescript would commit the transaction that it runs in."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
