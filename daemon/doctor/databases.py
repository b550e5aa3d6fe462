"""Looks into SQLite files without changing anything: neither in them nor beside them.

A reader of a database in WAL mode makes -wal and -shm files where there are none. Where there are none, everything is
in the file itself, and it is opened as one that nobody changes (``immutable``), which makes nothing.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from config.profile import Profile
from daemon.doctor.finding import Finding
from daemon.state.database import SCHEMA_VERSION
from daemon.state.servers import ServerRecord, Servers
from daemon.wallet.claim import FileId
from daemon.wallet.holder import other_user, this_process
from daemon.wallet.rows import text_from_sqlite
from daemon.wallet.tables import lay_out

LOCK_WAIT = 5.0  # seconds


@contextmanager
def opened_for_reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database. Raises sqlite3.Error."""
    has_wal = path.with_name(path.name + "-wal").exists()
    uri = f"{path.absolute().as_uri()}?{'mode=ro' if has_wal else 'immutable=1'}"
    connection = sqlite3.connect(uri, uri=True, timeout=LOCK_WAIT, isolation_level=None)
    try:
        connection.text_factory = text_from_sqlite
        connection.execute("PRAGMA query_only = ON")
        yield connection
    finally:
        connection.close()


def wallet_finding(path: Path, profile: Profile, optional: tuple[str, ...]) -> Finding:
    """Tell whether a wallet database is there, whole, and fits the profile."""
    looked = problems_by_profile(path, [profile], optional)
    if isinstance(looked, Finding):
        return looked
    if problems := looked[profile.name]:
        message = f"{path} does not fit the profile {profile.name}: {'; '.join(problems)}"
        return Finding("wallet", "bad", message, "Choose the profile that fits, or update walletsync or the wallet.")
    return Finding("wallet", "ok", f"{path} fits the profile {profile.name}")


def problems_by_profile(
    path: Path, profiles: Sequence[Profile], optional: tuple[str, ...] = ()
) -> dict[str, list[str]] | Finding:
    """Return what keeps a wallet database from fitting each profile, or what is the matter with it whatever it is."""
    if not path.exists():
        return Finding("wallet", "warning", f"there is no wallet database at {path}", _SET_PATH)
    if not path.is_file():
        return Finding("wallet", "bad", f"{path} is not a file", _SET_PATH)
    try:
        with opened_for_reading(path) as connection:
            damage = _damage(connection)
            problems = {} if damage else {each.name: lay_out(connection, each, optional)[1] for each in profiles}
    except sqlite3.Error as error:
        return Finding("wallet", "bad", f"{path} cannot be read as a wallet database: {error}", _SET_PATH)
    if damage:
        return Finding("wallet", "bad", f"{path} is damaged: {damage}", "Restore it from a backup, or from the circle.")
    return problems


def other_users_daemon(path: Path, file: FileId) -> str | None:
    """Return which process of another user works with a wallet database, if one does and this can be told."""
    own = this_process()
    if own is None:
        return None
    try:
        with opened_for_reading(path) as connection:
            other = other_user(connection, file, own)
    except sqlite3.Error:
        return None  # another look tells what is the matter with it
    return None if other is None else str(other)


def state_finding(path: Path) -> tuple[Finding, list[ServerRecord]]:
    """Tell whether our own database is whole, and which servers it knows."""
    if not path.exists():
        return Finding("state", "warning", f"there is no {path} yet", "The daemon's first start makes it."), []
    try:
        with opened_for_reading(path) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                message = f"{path} has the format {version}, this walletsync knows {SCHEMA_VERSION}"
                return Finding("state", "bad", message, "Use the version that made it, or a newer one."), []
            if damage := _damage(connection):
                return Finding("state", "bad", f"{path} is damaged: {damage}", _JOIN_AGAIN), []
            return Finding("state", "ok", f"{path} is whole"), Servers(connection).all()
    except sqlite3.Error as error:
        return Finding("state", "bad", f"{path} cannot be read: {error}", _JOIN_AGAIN), []


_SET_PATH = "Set [wallet] path in the configuration to the wallet's SQLite file."
_JOIN_AGAIN = "Keep a copy of it, move it away, and join the circle again from another wallet."


def _damage(connection: sqlite3.Connection) -> str | None:
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if said == "ok" else str(said)
