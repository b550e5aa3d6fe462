"""What is remembered of roll-overs: those that this wallet made or followed, the accounts left, and the notes met.

Root secrets lie here sealed, like deleted values.
"""

import sqlite3
from typing import Any, NamedTuple

import msgspec

from daemon.rotation.judging import Verdict
from daemon.rotation.note import Note, read_note
from daemon.rotation.steps import Phase

_ACCOUNT_COLUMNS = "circle, identity, url, root, rotation, phase, memory"


class Rotation(NamedTuple):
    """A roll-over that this wallet made or followed.

    ``circle`` is the one that it left; where another wallet's roll-over superseded its own, the note names an earlier
    one. ``at`` is in seconds since 1970. ``finished``: nothing is left to be done for it.
    """

    number: int
    circle: str
    note: Note
    old_root: bytes
    new_root: bytes
    at: float
    finished: bool


class OldAccount(NamedTuple):
    """An account that was left, with the sealed root secret that it belongs to, and what its kind of server knows."""

    circle: str
    identity: str
    url: str
    root: bytes
    rotation: int
    phase: Phase
    memory: dict[str, str]


class MetNote(NamedTuple):
    """A note that was found on these servers, and what it was worth when it was last looked at.

    ``stopped`` are those of them that are not synced with because of it: there it lies in an account of the present
    circle, on the others in one that was left.
    """

    number: int
    note: Note
    since: float
    verdict: Verdict
    servers: tuple[str, ...]
    stopped: tuple[str, ...]


class Rotations:
    """What is remembered of roll-overs behind one SQLite connection. Transactions are the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> list[Rotation]:
        """Return the roll-overs that this wallet made or followed, oldest first."""
        rows = self._connection.execute(
            "SELECT number, circle, note, old_root, new_root, at, finished FROM rotation ORDER BY number"
        )
        return [Rotation(row[0], row[1], read_note(row[2]), row[3], row[4], row[5], bool(row[6])) for row in rows]

    def any(self) -> bool:
        """Tell whether this wallet ever made or followed one."""
        return self._connection.execute("SELECT 1 FROM rotation").fetchone() is not None

    def add(self, circle: str, note: Note, old_root: bytes, new_root: bytes, at: float) -> int:
        """Keep a roll-over, with both root secrets sealed. Return its number."""
        cursor = self._connection.execute(
            "INSERT INTO rotation (circle, note, old_root, new_root, at) VALUES (?, ?, ?, ?, ?)",
            (circle, note.text, old_root, new_root, at),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def finish(self, number: int) -> None:
        """Note that nothing is left to be done for a roll-over."""
        self._connection.execute("UPDATE rotation SET finished = 1 WHERE number = ?", (number,))

    def leave_accounts(self, circle: str, root: bytes, rotation: int) -> None:
        """Note that all accounts of this circle are left."""
        self._connection.execute(
            f"INSERT OR IGNORE INTO old_account ({_ACCOUNT_COLUMNS})"
            " SELECT ?, identity, url, ?, ?, ?, memory FROM server",
            (circle, root, rotation, Phase.OPEN),
        )

    def take_over_accounts(self, since: int, rotation: int) -> None:
        """Have all accounts left by this roll-over or a later one hold the note of another."""
        self._connection.execute(
            "UPDATE old_account SET rotation = ? WHERE rotation >= ? AND rotation != ?", (rotation, since, rotation)
        )
        self._connection.execute(
            "UPDATE rotation SET finished = 1 WHERE number >= ? AND number != ?", (since, rotation)
        )

    def accounts(self) -> list[OldAccount]:
        """Return the accounts that were left and are still looked after."""
        rows = self._connection.execute(
            f"SELECT {_ACCOUNT_COLUMNS} FROM old_account"
            " WHERE rotation IN (SELECT number FROM rotation WHERE NOT finished) ORDER BY circle, url"
        )
        return [_account(row) for row in rows]

    def note_phase(self, circle: str, identity: str, phase: Phase) -> None:
        """Note how far an account has come."""
        self._connection.execute(
            "UPDATE old_account SET phase = ? WHERE circle = ? AND identity = ?", (phase, circle, identity)
        )

    def meet(self, note: Note, url: str, verdict: Verdict, at: float, *, stops: bool) -> bool:
        """Keep a note that was found on a server. Tell whether that is news."""
        before = self._connection.execute("SELECT verdict FROM met_note WHERE id = ?", (note.id,)).fetchone()
        self._connection.execute(
            "INSERT INTO met_note (id, note, since, verdict) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET verdict = excluded.verdict, note = excluded.note",
            (note.id, note.text, at, verdict),
        )
        self._connection.execute(
            "INSERT INTO met_at SELECT number, ?, ? FROM met_note WHERE id = ?"
            " ON CONFLICT DO UPDATE SET stops = max(stops, excluded.stops)",
            (url, stops, note.id),
        )
        return before is None or before[0] != verdict

    def met(self) -> list[MetNote]:
        """Return the notes that were met, oldest first."""
        rows = self._connection.execute("SELECT number, note, since, verdict FROM met_note ORDER BY number").fetchall()
        return [MetNote(row[0], read_note(row[1]), row[2], Verdict(row[3]), *self._met_at(row[0])) for row in rows]

    def judge(self, number: int, verdict: Verdict) -> None:
        """Note what a note that was met is worth now."""
        self._connection.execute("UPDATE met_note SET verdict = ? WHERE number = ?", (verdict, number))

    def gone_from(self, url: str, number: int) -> None:
        """Note that a note is on this server no more. One that a person said no to is remembered all the same."""
        self._connection.execute("DELETE FROM met_at WHERE server = ? AND number = ?", (url, number))
        self._forget_unmet()

    def readdress(self, identity: str, url: str) -> None:
        """Note that the server of this identity is reached at this URL: so are the accounts that were left there."""
        self._connection.execute("UPDATE old_account SET url = ? WHERE identity = ?", (url, identity))

    def met_elsewhere(self, former: str, url: str) -> None:
        """Note that the server of the former URL, and so what was met on it, is reached at another one."""
        self._connection.execute("UPDATE OR IGNORE met_at SET server = ? WHERE server = ?", (url, former))

    def leave(self, url: str) -> None:
        """Forget the notes that were met on a server which is left, but for those that a person said no to."""
        self._connection.execute("DELETE FROM met_at WHERE server = ?", (url,))
        self._forget_unmet()

    def forget_met(self) -> None:
        """Forget the notes that were met, but for those that a person said no to."""
        self._connection.execute("DELETE FROM met_at")
        self._forget_unmet()

    def forget(self) -> None:
        """Forget all that has to do with roll-overs: this wallet has left its circle for good."""
        for table in ("met_at", "met_note", "old_account", "rotation"):
            self._connection.execute(f"DELETE FROM {table}")

    def _forget_unmet(self) -> None:
        self._connection.execute(
            "DELETE FROM met_note WHERE verdict != ? AND number NOT IN (SELECT number FROM met_at)", (Verdict.REJECTED,)
        )

    def _met_at(self, number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return on which servers a note was met, and which of them it stops."""
        rows = self._connection.execute(
            "SELECT server, stops FROM met_at WHERE number = ? ORDER BY server", (number,)
        ).fetchall()
        return tuple(url for url, _ in rows), tuple(url for url, stops in rows if stops)


def _account(row: tuple[Any, ...]) -> OldAccount:
    memory = msgspec.json.decode(row[6], type=dict[str, str])
    circle, identity, url, root, rotation, phase, _ = row
    return OldAccount(circle, identity, url, root, rotation, Phase(phase), memory)
