"""The wallet's database file, and the one connection that is kept open to it.

SQLite's locks belong to the process, so a second handle that is closed would drop them under the first. The file
itself is never opened otherwise, only stat'ed. It may be absent, replaced or locked at any time.

An open connection keeps SQLite from bringing the write-ahead log into the main file when the wallet closes: whoever
then copied the file would miss the latest commits, and a copy put back in place would be read through the old log. So
the guest tidies up after itself, and the file is opened anew where it has changed without any commit. So it is where
somebody removed the write-ahead log or its index: they live on in our connection, and nobody else could read the file.
"""

import contextlib
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from daemon.wallet.claim import Claim, FileId
from daemon.wallet.rows import text_from_sqlite
from daemon.wallet.trouble import WalletTaken, WalletTrouble, translated


class WalletFile:
    """The file at a path. ``lock_wait`` is how long a statement waits for the wallet's own transactions, in seconds."""

    def __init__(self, path: Path, lock_wait: float, claim: Claim | None) -> None:
        self.path = path
        self._lock_wait = lock_wait
        self._claim = claim
        self._connection: sqlite3.Connection | None = None
        self._opened_file: FileId | None = None
        self._log_path = path
        self._looked_at: tuple[int, tuple[int, int]] | None = None
        self._beside: dict[Path, FileId] = {}
        self._is_spoilt = False

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection. Only after ``open``."""
        assert self._connection is not None
        return self._connection

    @property
    def id(self) -> FileId:
        """Which file the open connection is to. Only after ``open``."""
        assert self._opened_file is not None
        return self._opened_file

    def open(self) -> bool:
        """Have a connection to what lies at the path now. Tell whether it is another than before.

        Raises WalletTrouble.
        """
        file, written = self._stat()
        changed = self._opened_file != file or self._is_spoilt or self._lost_log()
        changed = changed or self._changed_without_commit(written)
        if self._connection is not None and changed:
            self.close()
        if self._connection is not None:
            return False
        self._hold(file)
        with self.translated():
            self._connection = self._connect()
        real = self.path.resolve()
        self._opened_file, self._log_path = file, real.with_name(f"{real.name}-wal")
        return True

    def close(self) -> None:
        """Close the connection, if there is one, and let another home have the file."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._opened_file = self._looked_at = None
        self._beside = {}
        self._is_spoilt = False
        if self._claim is not None:
            self._claim.release()

    def claim(self) -> None:
        """Say that this home works with the file, without opening it. Raises WalletTrouble."""
        file, _ = self._stat()
        self._hold(file)

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what SQLite says of the whole database into WalletTrouble. What it says of a row passes."""
        try:
            with translated(self.path, self._lock_wait):
                yield
        except WalletTrouble as trouble:
            # SQLite opens what cannot be written for reading alone, and such a connection never writes again; and one
            # that cannot read the file's log keeps that log alive for everyone.
            self._is_spoilt |= trouble.state in {"readonly", "unfit"}
            raise

    def data_version(self) -> int:
        """Return a number that changes with every commit of others."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def look(self) -> None:
        """Remember what the file is like, as far as our connection knows it."""
        self._looked_at = self.data_version(), self._stat()[1]
        self._beside = self._files_beside() | self._beside

    def tidy_up(self) -> None:
        """Bring the write-ahead log into the main file and empty it, unless that would hold anyone up."""
        with contextlib.suppress(sqlite3.OperationalError, OSError):  # it is all there, and can be tried again
            if self._connection is None or self._log_path.stat().st_size == 0:
                return
            with self.impatient():
                for thoroughly in ("PASSIVE", "TRUNCATE"):  # the first does the work, and locks nobody out
                    self.connection.execute(f"PRAGMA wal_checkpoint({thoroughly})").fetchall()
            self.look()

    @contextlib.contextmanager
    def impatient(self) -> Iterator[None]:
        """Wait for no lock in the body."""
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {self._lock_wait * 1000:.0f}")

    def _hold(self, file: FileId) -> None:
        other = self._claim.hold(file) if self._claim is not None else None
        if other is not None:
            raise WalletTaken(self.path, other)

    def _stat(self) -> tuple[FileId, tuple[int, int]]:
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

    def _files_beside(self) -> dict[Path, FileId]:
        """Return the write-ahead log and its index. Nobody removes them while a connection is open, but by hand."""
        found = {}
        for path in (self._log_path, self._log_path.with_name(f"{self._log_path.name.removesuffix('-wal')}-shm")):
            with contextlib.suppress(OSError):
                status = path.stat()
                found[path] = status.st_dev, status.st_ino
        return found

    def _lost_log(self) -> bool:
        """Tell whether a file beside the database that our connection uses is not the one there now."""
        return not self._beside.items() <= self._files_beside().items()

    def _changed_without_commit(self, written: tuple[int, int]) -> bool:
        """Tell whether the file was written over, which our connection and its cached pages cannot see."""
        if self._looked_at is None:
            return False
        version, written_before = self._looked_at
        with self.translated():
            return self.data_version() == version and written != written_before

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._lock_wait,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = text_from_sqlite
        connection.execute("PRAGMA foreign_keys = ON")
        return connection
