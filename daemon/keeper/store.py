"""What the parts of the keeper share: the two databases, and who this wallet is."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from daemon.keeper.stamping import Identity, Stamper
from daemon.keeper.vault import Vault
from daemon.sets.element import Stamp
from daemon.state.blobs import Blobs
from daemon.state.database import StateDatabase
from daemon.state.far_times import FarTimes
from daemon.state.held import HeldDeletes
from daemon.state.history import Cause, History
from daemon.state.listed import ToApply
from daemon.state.replica import Replica
from daemon.state.rotations import Rotations
from daemon.state.servers import Servers
from daemon.surroundings import Surroundings
from daemon.wallet.guest import Guest, Marker

HOME_BYTES = 16
TOKEN_BYTES = 16
GAPS = 1024
"""As many gaps there are for the first stamp of a transaction."""
SCAN_EVERY = 24 * 3600.0
"""Seconds after which a full scan checks the change log."""


@dataclass(frozen=True)
class Rules:
    """What a person decides here: how long deleted values are kept, in seconds, and when a mass delete is held.

    Held is what deletes more than ``guard_count`` elements of a guarded set and more than ``guard_share`` of it. Of
    whole states one is kept for each of ``blob_days``, in ``blob_bytes`` at most.
    """

    undo_seconds: float = 30 * 24 * 3600.0
    guard_count: int = 20
    guard_share: float = 0.1
    blob_days: int = 14
    blob_bytes: int = 2**29


@dataclass
class Store:
    """The state database and the wallet database, and what this run knows.

    ``writer`` is this run's, once it has made a stamp, and ``sealed`` the last stamps of it that its own blobs have
    seen. ``sync_id`` names the sync under way. ``unjoined`` is set while the wallet database waits to be healed: the
    servers that have to be asked before. ``scanned_at`` is when all rows were last compared with their bases.
    ``foreign_rows`` counts, by server, how often another had put this wallet's row of clocks there
    (daemon.keeper.clone).
    """

    state: StateDatabase
    guest: Guest
    surroundings: Surroundings
    identity: Identity
    vault: Vault
    rules: Rules = Rules()
    sync_id: str = ""
    writer: str | None = None
    sealed: set[Stamp] = field(default_factory=set)
    unjoined: set[str] | None = None
    scanned_at: float | None = None
    foreign_rows: Counter[str] = field(default_factory=Counter)
    replica: Replica = field(init=False)
    to_apply: ToApply = field(init=False)
    servers: Servers = field(init=False)
    history: History = field(init=False)
    held: HeldDeletes = field(init=False)
    far_times: FarTimes = field(init=False)
    blobs: Blobs = field(init=False)
    rotations: Rotations = field(init=False)

    def __post_init__(self) -> None:
        connection = self.state.connection
        self.replica, self.to_apply, self.servers = Replica(connection), ToApply(connection), Servers(connection)
        self.history, self.held = History(connection), HeldDeletes(connection)
        self.far_times = FarTimes(connection)
        folder = self.state.path.parent / "blobs"
        self.blobs = Blobs(folder, self.vault.seal, self.vault.open, self.surroundings.ids)
        self.rotations = Rotations(connection)
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

    def keep(self, cause: Cause, set_name: str, key: str, value: bytes) -> None:
        """Keep a value that goes, so that it can be had back. Part of the caller's transaction."""
        sealed = self.vault.seal(value)
        self.history.keep(self.surroundings.wall(), self.sync_id, cause, set_name, key, sealed)

    def lives(self, place: tuple[str, str]) -> bool:
        """Tell whether an element is live."""
        element = self.replica.known(*place).element
        return element is not None and element.live

    def stamper(self, identity: Identity | None = None) -> Stamper:
        """Return a maker of stamps for the transaction that has just begun, by which this wallet is what it says."""
        gap = self.surroundings.chance.randrange(GAPS)
        return Stamper(self.replica, self.writer, self.surroundings.new_writer, gap, identity or self.identity)

    def captured_sets(self) -> set[str]:
        """Return the sets that were captured since they were switched on."""
        return {name for (name,) in self.state.connection.execute("SELECT name FROM captured_set WHERE is_on")}

    def was_captured(self, name: str) -> bool:
        """Tell whether a set was ever captured, whatever happened to it since."""
        return (
            self.state.connection.execute("SELECT 1 FROM captured_set WHERE name = ?", (name,)).fetchone() is not None
        )

    def note_captured_sets(self, names: Iterable[str]) -> None:
        """Note that these sets, and no others, are captured now. Part of the caller's transaction."""
        self.state.connection.execute("UPDATE captured_set SET is_on = 0")
        self.state.connection.executemany(
            "INSERT OR REPLACE INTO captured_set VALUES (?, 1)", ((name,) for name in names)
        )

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
