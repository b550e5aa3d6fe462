"""What the daemon remembers of each enrolled server: revision, what its blob has seen, clocks, last success."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from daemon.server.base import FailureKind
from daemon.sets.collect import Clocks
from daemon.sets.element import Seen
from daemon.state.replica import decode_times, encode_times


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last sync with a server failed, so that back-off and status outlive a restart.

    ``since`` is when the failures began, ``retry_at`` when the next try was due, both in seconds since 1970; ``named``
    says that the server itself named that time. ``payment_uri`` and ``payment_amount`` are what it wants to be paid.
    """

    kind: FailureKind
    message: str
    since: float
    failures: int
    retry_at: float
    named: bool
    payment_uri: str | None = None
    payment_amount: str | None = None


class ServerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolled server.

    ``revision`` and ``seen`` are those of its blob as last read or stored (``None``, empty: no blob, or never read).
    ``owes`` says that its blob holds something live that is gone here. ``clocks_read`` says whether its clocks are
    known at all. ``extra`` holds the blob's members of newer minor versions, ``memory`` what this kind of server
    wants to remember. ``last_success`` is in seconds since 1970. ``trouble`` is that of the last sync, if it failed.
    """

    url: str
    identity: str
    revision: str | None
    seen: dict[str, int]
    clocks_read: bool
    owes: bool
    extra: dict[str, bytes]
    last_success: float | None
    sealed_bytes: int
    limit_bytes: int | None
    memory: dict[str, str]
    trouble: Trouble | None


_COLUMNS = (
    "url, identity, revision, seen, clocks_read, owes, extra, last_success, sealed_bytes, limit_bytes, memory, trouble"
)


class LeftAccount(NamedTuple):
    """An account that was left and where something is still to be done; ``keys`` are sealed by the vault."""

    account: str
    url: str
    identity: str
    erase: bool
    keys: bytes


class Servers:
    """The enrolled servers behind one SQLite connection. Transactions are the caller's.

    ``passing_changes`` counts those made here to what is said of a server alone: how the last syncs with it went.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.passing_changes = 0
        self._connection = connection

    def all(self) -> list[ServerRecord]:
        """Return the enrolled servers, in the order of their URLs."""
        return [_record(row) for row in self._connection.execute(f"SELECT {_COLUMNS} FROM server ORDER BY url")]

    def get(self, url: str) -> ServerRecord | None:
        """Return one server, if it is enrolled."""
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM server WHERE url = ?", (url,)).fetchone()
        return _record(row) if row else None

    def enroll(self, url: str, identity: str, limit_bytes: int | None) -> None:
        """Take up a server whose blob was not read yet."""
        self._connection.execute(
            "INSERT INTO server (url, identity, limit_bytes) VALUES (?, ?, ?)", (url, identity, limit_bytes)
        )

    def readdress(self, former: str, url: str, limit_bytes: int | None) -> None:
        """Note that an account is reached under another address. What was learnt of the way there is forgotten.

        Part of the caller's transaction.
        """
        self._connection.execute("PRAGMA defer_foreign_keys = ON")
        self._connection.execute(
            "UPDATE server SET url = ?, limit_bytes = ?, memory = '{}', trouble = NULL WHERE url = ?",
            (url, limit_bytes, former),
        )
        for table in ("clock", "forgotten"):
            self._connection.execute(f"UPDATE {table} SET server = ? WHERE server = ?", (url, former))

    def leave(self, left: LeftAccount) -> None:
        """Forget a server, with its clocks, and note that something is still to be done there."""
        self._connection.execute("INSERT OR REPLACE INTO departure VALUES (?, ?, ?, ?, ?)", left)
        self._connection.execute("DELETE FROM server WHERE url = ?", (left.url,))

    def take_up_anew(self, members: Iterable[str]) -> None:
        """Take up all servers under other accounts, which nothing is known of.

        Of the clocks, the rows of these wallets stay: they are expected there, and have seen what they had seen.
        """
        self._connection.execute(
            "UPDATE server SET revision = NULL, seen = '{}', owes = 0, extra = '{}', sealed_bytes = 0, memory = '{}',"
            " trouble = NULL"
        )
        kept = set(members)
        known = {wallet for (wallet,) in self._connection.execute("SELECT DISTINCT wallet FROM clock")}
        self._connection.executemany("DELETE FROM clock WHERE wallet = ?", ((wallet,) for wallet in known - kept))
        self._connection.execute("DELETE FROM forgotten")

    def expect(self, url: str, wallet: str, seen: Seen, at: float) -> bool:
        """Add a wallet's row to a server's clocks, unless it has one or the server is not enrolled. Tell if it was."""
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO clock SELECT url, ?, ?, ? FROM server WHERE url = ?",
            (wallet, encode_times(seen), at, url),
        )
        return cursor.rowcount > 0

    def departures(self) -> list[LeftAccount]:
        """Return the accounts left where something is still to be done."""
        rows = self._connection.execute("SELECT account, url, identity, erase, keys FROM departure ORDER BY url")
        return [LeftAccount(account, url, identity, bool(erase), keys) for account, url, identity, erase, keys in rows]

    def note_departed(self, account: str) -> None:
        """Note that nothing is left to be done at an account that was left, or that it is taken up again."""
        self._connection.execute("DELETE FROM departure WHERE account = ?", (account,))

    def note_blob(self, url: str, revision: str | None, seen: Seen, extra: Mapping[str, bytes]) -> None:
        """Note what the server's blob is: just read, or just stored."""
        self._connection.execute(
            "UPDATE server SET revision = ?, seen = ?, extra = ?, clocks_read = 1 WHERE url = ?",
            (revision, encode_times(seen), msgspec.json.encode(dict(extra)).decode(), url),
        )

    def note_owes(self, url: str, owes: bool) -> None:
        """Note whether the server's blob holds something live that is gone here."""
        self._connection.execute("UPDATE server SET owes = ? WHERE url = ?", (owes, url))

    def note_success(self, url: str, at: float) -> None:
        """Note that a sync with this server really succeeded."""
        self._note_passing("UPDATE server SET last_success = ? WHERE url = ?", (at, url))

    def note_size(self, url: str, sealed_bytes: int) -> None:
        """Note the size of the sealed blob there."""
        self._connection.execute("UPDATE server SET sealed_bytes = ? WHERE url = ?", (sealed_bytes, url))

    def note_limit(self, url: str, limit_bytes: int) -> None:
        """Note the size of the largest sealed blob that the server takes, in bytes."""
        self._connection.execute("UPDATE server SET limit_bytes = ? WHERE url = ?", (limit_bytes, url))

    def note_memory(self, url: str, memory: Mapping[str, str]) -> None:
        """Keep what this kind of server wants to remember."""
        text = msgspec.json.encode(dict(memory), order="sorted").decode()
        self._connection.execute("UPDATE server SET memory = ? WHERE url = ?", (text, url))

    def note_trouble(self, url: str, trouble: Trouble | None) -> None:
        """Note why the last sync with this server failed, or that it did not."""
        text = msgspec.json.encode(trouble).decode() if trouble else None
        self._note_passing("UPDATE server SET trouble = ? WHERE url = ?", (text, url))

    def _note_passing(self, statement: str, parameters: tuple[object, ...]) -> None:
        cursor = self._connection.execute(statement, parameters)
        self.passing_changes += cursor.rowcount

    def clocks(self, url: str) -> Clocks | None:
        """Return the clocks of a server as last read, or ``None`` if they never were."""
        read = self._connection.execute("SELECT clocks_read FROM server WHERE url = ?", (url,)).fetchone()
        if read is None or not read[0]:
            return None
        rows = self._connection.execute("SELECT wallet, seen FROM clock WHERE server = ?", (url,))
        return {wallet: decode_times(seen) for wallet, seen in rows}

    def row(self, url: str, wallet: str) -> Seen | None:
        """Return one wallet's row of a server's clocks as last read, if there is one."""
        sql = "SELECT seen FROM clock WHERE server = ? AND wallet = ?"
        row = self._connection.execute(sql, (url, wallet)).fetchone()
        return decode_times(row[0]) if row else None

    def note_clocks(self, url: str, clocks: Clocks, at: float) -> None:
        """Replace a server's clocks by those just read or stored. A row that did not move keeps its time."""
        before = dict(self._connection.execute("SELECT wallet, seen FROM clock WHERE server = ?", (url,)))
        for wallet in before.keys() - clocks.keys():
            self._connection.execute("DELETE FROM clock WHERE server = ? AND wallet = ?", (url, wallet))
        for wallet, seen in clocks.items():
            text = encode_times(seen)
            if before.get(wallet) != text:
                self._connection.execute("INSERT OR REPLACE INTO clock VALUES (?, ?, ?, ?)", (url, wallet, text, at))

    def forget_wallet(self, url: str, wallet: str) -> None:
        """Note that a wallet's row is to go from this server's clocks."""
        self._connection.execute("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", (url, wallet))

    def forgotten(self, url: str) -> set[str]:
        """Return the wallets whose rows are to go from this server's clocks."""
        return {
            wallet for (wallet,) in self._connection.execute("SELECT wallet FROM forgotten WHERE server = ?", (url,))
        }

    def note_forgotten(self, url: str, wallets: Iterable[str]) -> None:
        """Note that these wallets' rows went from this server's clocks."""
        self._connection.executemany(
            "DELETE FROM forgotten WHERE server = ? AND wallet = ?", ((url, wallet) for wallet in wallets)
        )

    def moved_at(self, url: str) -> dict[str, float]:
        """Return, by wallet id, when its row of this server's clocks was last seen to move."""
        return dict(self._connection.execute("SELECT wallet, moved_at FROM clock WHERE server = ?", (url,)))


def _record(row: tuple[Any, ...]) -> ServerRecord:
    fields = dict(zip(ServerRecord.__struct_fields__, row, strict=True))
    fields |= {
        "seen": decode_times(fields["seen"]),
        "clocks_read": bool(fields["clocks_read"]),
        "owes": bool(fields["owes"]),
        "extra": msgspec.json.decode(fields["extra"], type=dict[str, bytes]),
        "memory": msgspec.json.decode(fields["memory"], type=dict[str, str]),
        "trouble": msgspec.json.decode(fields["trouble"], type=Trouble) if fields["trouble"] else None,
    }
    return ServerRecord(**fields)
