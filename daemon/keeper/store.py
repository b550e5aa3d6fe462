"""What the parts of the keeper share: the two databases, and who this wallet is."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from daemon.keeper.stamping import Identity, Stamper
from daemon.state.database import StateDatabase
from daemon.state.listed import ToApply
from daemon.state.replica import Replica
from daemon.state.servers import Servers
from daemon.surroundings import Surroundings
from daemon.wallet.guest import Guest, Marker

HOME_BYTES = 16
TOKEN_BYTES = 16
SCAN_EVERY = 24 * 3600.0
"""Seconds after which a full scan checks the change log."""


@dataclass
class Store:
    """The state database and the wallet database, and what this run knows.

    ``writer`` is this run's, once it has made a stamp. ``unjoined`` is set while the wallet database waits to be
    healed: the servers that have to be asked before. ``scanned_at`` is when all rows were last compared with their
    bases.
    """

    state: StateDatabase
    guest: Guest
    surroundings: Surroundings
    identity: Identity
    writer: str | None = None
    unjoined: set[str] | None = None
    scanned_at: float | None = None
    replica: Replica = field(init=False)
    to_apply: ToApply = field(init=False)
    servers: Servers = field(init=False)

    def __post_init__(self) -> None:
        connection = self.state.connection
        self.replica, self.to_apply, self.servers = Replica(connection), ToApply(connection), Servers(connection)
        if self.state.meta("home") is None:
            self.state.set_meta("home", self.surroundings.ids(HOME_BYTES).hex())

    @property
    def home(self) -> str:
        """The id of this state database."""
        home = self.state.meta("home")
        assert home is not None
        return home

    @property
    def scan_due(self) -> bool:
        """Whether all rows are to be compared with their bases: at the start, daily, or where nothing is logged."""
        now = self.surroundings.wall()
        return not self.guest.use_triggers or self.scanned_at is None or not 0 <= now - self.scanned_at < SCAN_EVERY

    def stamper(self) -> Stamper:
        """Return a maker of stamps for the transaction that has just begun."""
        return Stamper(self.replica, self.writer, self.surroundings.new_writer, self.identity)

    def captured_sets(self) -> set[str]:
        """Return the sets that were captured since they were switched on."""
        return {name for (name,) in self.state.connection.execute("SELECT name FROM captured_set")}

    def note_captured_sets(self, names: Iterable[str]) -> None:
        """Note that these sets, and no others, have been captured. Part of the caller's transaction."""
        self.state.connection.execute("DELETE FROM captured_set")
        self.state.connection.executemany("INSERT INTO captured_set VALUES (?)", ((name,) for name in names))

    def marker(self, which: str) -> Marker | None:
        """Return the marker of our last write (``marker``) or of the one just begun (``next_marker``)."""
        text = self.state.meta(which)
        return msgspec.json.decode(text, type=Marker) if text else None

    def set_marker(self, which: str, marker: Marker) -> None:
        """Keep a marker. Part of the caller's transaction."""
        self.state.set_meta(which, msgspec.json.encode(marker).decode())

    def forget_markers(self) -> None:
        """Forget which write was the last: the next one begins anew. Part of the caller's transaction."""
        self.state.connection.execute("DELETE FROM meta WHERE name IN ('marker', 'next_marker')")
