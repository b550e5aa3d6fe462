"""Wallet database files for tests: a guest in them, a capture of what lies there, and a wallet program of its own."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from config.profile import GhostRule, Profile, SetProfile
from daemon.wallet.guest import Guest
from daemon.wallet.reading import Excluded, Row
from daemon.wallet.rows import decode_key
from daemon.wallet.tables import SetTable
from daemon.wallet.writing import Outcome, Step, write


def profile_of(*sets: SetProfile, ghosts: Iterable[GhostRule] = ()) -> Profile:
    """Return a profile of these sets."""
    return Profile(name="test", version=1, required_columns={}, sets=sets, ghosts=tuple(ghosts))


def make(path: Path, script: str, journal_mode: str = "WAL") -> None:
    """Make a wallet database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as wallet:
        wallet.execute(f"PRAGMA journal_mode = {journal_mode}")
        wallet.executescript(script)


def be_the_wallet(path: Path, *statements: str, foreign_keys: bool = True) -> list[tuple[object, ...]]:
    """Run statements as a wallet program would, in one connection; return what the last one gave."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as wallet:
        wallet.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        wallet.execute(f"PRAGMA foreign_keys = {foreign_keys:d}")
        rows: list[tuple[object, ...]] = []
        for statement in statements:
            rows = wallet.execute(statement).fetchall()
        return rows


def schema(path: Path) -> list[tuple[object, ...]]:
    """Return all that a database's schema says, but for where the pages lie."""
    return be_the_wallet(path, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")


def guest_in(path: Path, profile: Profile, *, use_triggers: bool = True, lock_wait: float = 5.0) -> Guest:
    """Return a guest that has its tables and triggers in place."""
    guest = Guest(path, profile, (), use_triggers=use_triggers, lock_wait=lock_wait)
    if not guest.refresh():
        guest.install()
        guest.refresh()
    return guest


def found(guest: Guest, set_name: str) -> dict[str, bytes]:
    """Return the values of all rows of a set that take part, by key."""
    table = guest.layout.table_by_set[set_name]
    with guest.reading():
        return {key: row.value for key, row in guest.reader.scan(table)}


def logged(guest: Guest) -> set[tuple[str, str]]:
    """Return what the change log names."""
    with guest.reading():
        return set(guest.read_log().keys)


def forget_log(guest: Guest) -> None:
    """Take all off the change log, as a write does that has read it."""
    with guest.writing() as connection:
        connection.execute("DELETE FROM walletsync_log")


def bring(guest: Guest, set_name: str, wanted: Mapping[str, bytes | None]) -> dict[tuple[str, str], Outcome]:
    """Bring keys of one set to their values, whatever their rows are now."""
    return bring_all(guest, {(set_name, key): value for key, value in wanted.items()})


def bring_all(guest: Guest, wanted: Mapping[tuple[str, str], bytes | None]) -> dict[tuple[str, str], Outcome]:
    """Bring places to their values, whatever their rows are now, in one transaction."""
    with guest.writing():
        return dict(write(guest, StepList([_step(guest, *place, value) for place, value in wanted.items()])))


class StepList:
    """Steps to write, held in a list."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._places = {step.place for step in steps}

    def of(self, table: SetTable, *, deletes: bool) -> Iterator[Step]:
        return (step for step in self._steps if step.table is table and (step.wanted is None) == deletes)

    def includes(self, place: tuple[str, str]) -> bool:
        return place in self._places


def _step(guest: Guest, set_name: str, key: str, value: bytes | None) -> Step:
    table = guest.layout.table_by_set[set_name]
    row: Row | Excluded | None = guest.reader.read(table, decode_key(key))
    return Step(table, key, row.digest if isinstance(row, Row) else None, value)
