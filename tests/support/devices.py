"""Devices for tests: a wallet database, a keeper beside it, and shelves where sealed blobs lie.

Everything is real but the way to the server: a shelf takes and gives files.
"""

import hashlib
import io
import itertools
import random
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from config.profile import GhostRule, Profile, SetProfile
from daemon.blob.keys import server_keys, wallet_keys
from daemon.blob.limits import Limits
from daemon.keeper.answer import NoBlobThere, SameBlob, Spooled
from daemon.keeper.intake import TakenIn
from daemon.keeper.keeper import Keeper
from daemon.keeper.stamping import Identity
from daemon.keeper.store import Rules, Store
from daemon.keeper.vault import Vault
from daemon.secret import Secret
from daemon.sets.element import Element
from daemon.state.database import StateDatabase
from daemon.surroundings import Surroundings
from daemon.wallet.guest import Guest
from daemon.wallet.rows import encode_key
from daemon.worker import inline
from ipc.base32 import encode

ROOT = bytes(range(32))
LIMITS = Limits(sealed_bytes=2**30, plain_bytes=2**33, elements=10**6, key_bytes=4096, nesting=64)

SCHEMA = """
CREATE TABLE coins (coin_pub TEXT PRIMARY KEY, value TEXT NOT NULL, note TEXT, checked INTEGER DEFAULT 7);
CREATE TABLE spends (coin_pub TEXT, purchase TEXT, amount TEXT, PRIMARY KEY (coin_pub, purchase));
CREATE TABLE purchases (id TEXT PRIMARY KEY, status INTEGER NOT NULL, contract TEXT);
CREATE TABLE handles (id INTEGER PRIMARY KEY, handle TEXT UNIQUE);
CREATE TABLE ghosts (contract TEXT PRIMARY KEY, amount TEXT);
CREATE TABLE plans (id TEXT PRIMARY KEY, text TEXT);
"""

PROFILE = Profile(
    name="small",
    version=1,
    required_columns={"coins": ("coin_pub", "value")},
    sets=(
        SetProfile(name="coins", table="coins", key=("coin_pub",), local=("checked",), guard=True),
        SetProfile(name="spends", table="spends", key=("coin_pub", "purchase"), order=2),
        SetProfile(name="purchases", table="purchases", key=("id",), where="status > 10", order=1),
        SetProfile(name="handles", table="handles", key=("id",)),
        SetProfile(name="plans", table="plans", key=("id",), optional=True),
    ),
    ghosts=(GhostRule(table="ghosts", where="1", replaced_by="purchases", match={"contract": "contract"}),),
)


@dataclass
class Clock:
    """Wall time that stands still until a test moves it."""

    now: float = 1_800_000_000.0


@dataclass
class Shelf:
    """What a server is to a test: one sealed blob and its revision."""

    url: str = "file:///shelf/"
    identity: str = "shelf"
    blob: bytes | None = None
    uploads: int = 0

    @property
    def revision(self) -> str | None:
        """The revision of what lies here."""
        return None if self.blob is None else hashlib.sha512(self.blob).hexdigest()


@dataclass
class Device:
    """One wallet with its keeper, in a folder."""

    name: str
    folder: Path
    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    profile: Profile = PROFILE
    optional_sets: tuple[str, ...] = ()
    triggers: bool = True
    rules: Rules = field(default_factory=Rules)
    wallet_seed: bytes | None = None  # without one, the wallet's id is its name, and no key

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.wallet_path.exists():
            with sqlite3.connect(self.wallet_path) as made:
                made.executescript("PRAGMA journal_mode = WAL;" + SCHEMA)
            made.close()
        self.runs = itertools.count()
        self.start()

    @property
    def wallet_path(self) -> Path:
        return self.folder / "wallet.db"

    @property
    def state_path(self) -> Path:
        return self.folder / "state.db"

    def start(self) -> None:
        """Start the daemon's core: a new run, and so a new writer."""
        chance = random.Random(f"{self.name} {self.seed} {next(self.runs)}")
        surroundings = Surroundings(inline, lambda: self.clock.now, chance, chance.randbytes)
        guest = Guest(self.wallet_path, self.profile, self.optional_sets, use_triggers=self.triggers)
        identity = Identity(self.name.upper(), "SEALING", self.name)
        if self.wallet_seed is not None:
            own = wallet_keys(self.wallet_seed)
            identity = Identity(own.id, encode(own.sealing_key), self.name)
        vault = Vault(Secret(self.wallet_seed or b"a seed for tests, of 32 bytes ..."[:32]), chance.randbytes)
        state = StateDatabase(self.state_path)
        self.keeper = Keeper(Store(state, guest, surroundings, identity, vault, self.rules), LIMITS)

    def stop(self) -> None:
        """End the run."""
        self.keeper.close()

    def restart(self) -> None:
        """End the run, and start anew."""
        self.stop()
        self.start()

    def sql(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Be the wallet program: run one statement in a connection of its own."""
        wallet = sqlite3.connect(self.wallet_path, timeout=5, isolation_level=None)
        try:
            wallet.execute("PRAGMA foreign_keys = ON")
            return wallet.execute(statement, parameters).fetchall()
        finally:
            wallet.close()

    def coin(self, key: str, value: str) -> None:
        """Insert or change a coin, as the wallet program would."""
        self.sql(
            "INSERT INTO coins (coin_pub, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            key,
            value,
        )

    def coins(self) -> dict[object, object]:
        """Return the values of all coins by key."""
        return {row[0]: row[1] for row in self.sql("SELECT coin_pub, value FROM coins")}

    def element(self, set_name: str, *key: str | int) -> Element | None:
        """Return the element of a key."""
        return self.keeper.store.replica.known(set_name, encode_key(key)).element

    def tombstones(self) -> int:
        """Count the tombstones in the replica."""
        return sum(count.tombstones for count in self.keeper.store.replica.counts().values())

    def enroll(self, *shelves: Shelf) -> None:
        """Enrol with these servers."""
        for shelf in shelves:
            self.keeper.store.servers.enroll(shelf.url, shelf.identity, None)

    def fetch(self, shelf: Shelf) -> TakenIn:
        """Take in what a shelf holds."""
        record = self.keeper.record(shelf.url)
        if shelf.blob is None:
            return self.keeper.take_in(shelf.url, NoBlobThere())
        if record.revision == shelf.revision:
            return self.keeper.take_in(shelf.url, SameBlob())
        spool = self.folder / "spool"
        spool.write_bytes(shelf.blob)
        keys = server_keys(ROOT, shelf.identity)
        return self.keeper.take_in(shelf.url, Spooled(spool, shelf.revision or "", len(shelf.blob), keys))

    def store(self, shelf: Shelf, *, acknowledge: bool) -> bool:
        """Store the present state on a shelf, if there is something to say."""
        if not self.keeper.has_to_say(shelf.url, acknowledge=acknowledge):
            return False
        sink = io.BytesIO()
        sealed = self.keeper.seal_blob(shelf.url, server_keys(ROOT, shelf.identity), sink)
        shelf.blob = sink.getvalue()
        shelf.uploads += 1
        self.keeper.note_stored(shelf.url, sealed, shelf.revision or "")
        return True

    def sync(self, *shelves: Shelf, acknowledge: bool = True) -> TakenIn:
        """Sync with these servers, one after the other; return what the last one brought."""
        taken = TakenIn()
        for shelf in shelves:
            taken = self.fetch(shelf)
            self.store(shelf, acknowledge=acknowledge)
            self.keeper.note_success(shelf.url)
        return taken


def in_step(shelf: Shelf, *devices: Device) -> None:
    """Sync all devices twice, so that each has seen what the others have."""
    for _ in range(2):
        for device in devices:
            device.sync(shelf)
