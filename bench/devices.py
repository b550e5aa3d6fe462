"""Wallets of plausible Taler data, with a keeper each, on one folder server: real but for the daemon's loop."""

import itertools
import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from config.profile import load_profile, reference_schema
from daemon.blob.keys import ServerKeys, server_keys
from daemon.blob.limits import Limits
from daemon.keeper.answer import NoBlobThere, SameBlob, Spooled
from daemon.keeper.intake import TakenIn
from daemon.keeper.keeper import Keeper
from daemon.keeper.stamping import Identity
from daemon.keeper.store import Rules, Store
from daemon.keeper.vault import Vault
from daemon.secret import Secret
from daemon.server.base import Fetched, Stored, Unchanged
from daemon.server.folder import FolderServer
from daemon.state.database import StateDatabase
from daemon.surroundings import Surroundings
from daemon.wallet.guest import Guest
from daemon.worker import inline
from ipc.cli.demo.plausible.wallet import counts_of, write_wallet
from ipc.cli.demo.plausible.world import World

NOW = 1_800_000_000
DAY = 24 * 3600
ROOT = bytes(range(32))
URL = "file:///bench/"
LIMITS = Limits(sealed_bytes=2**33, plain_bytes=2**36, elements=2**26, key_bytes=4096, nesting=64)
_ids = itertools.count(1)


def make_wallet(path: Path, entities: int) -> None:
    """Make a wallet database with so many entities, or an empty one."""
    schema = reference_schema("taler")
    assert schema is not None
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(schema)
    if entities:
        write_wallet(connection, World("bench", counts_of(entities), NOW))
    connection.close()


def change_coins(connection: sqlite3.Connection, rows: int, seed: int) -> None:
    """Change so many coins in one transaction, others for each seed."""
    count = connection.execute("SELECT count(*) FROM coins").fetchone()[0]
    step = max(1, count // rows)
    connection.execute(
        "UPDATE coins SET max_age = 8 + (coalesce(max_age, 0) + ?) % 13 WHERE rowid % ? = ? AND rowid / ? < ?",
        (seed, step, seed % step, step, rows),
    )
    connection.commit()


@dataclass
class Device:
    """A wallet database with its keeper."""

    name: str
    folder: Path
    server: FolderServer
    day: int = 0

    def __post_init__(self) -> None:
        chance = random.Random(self.name)  # noqa: S311 - the same in every run
        surroundings = Surroundings(inline, self._wall, chance, lambda size: next(_ids).to_bytes(size))
        guest = Guest(self.wallet, load_profile("taler"), (), use_triggers=True)
        identity = Identity(self.name, "-", self.name)
        vault = Vault(Secret(ROOT), surroundings.ids)
        rules = Rules(guard_count=10**9)
        self.keeper = Keeper(
            Store(StateDatabase(self.folder / "state.db"), guest, surroundings, identity, vault, rules), LIMITS
        )

    def _wall(self) -> float:
        return NOW + self.day * DAY

    @property
    def wallet(self) -> Path:
        """The wallet database."""
        return self.folder / "wallet.db"

    @property
    def keys(self) -> ServerKeys:
        """The keys of the account."""
        return server_keys(ROOT, self.keeper.record(URL).identity)

    async def enroll(self) -> None:
        """Take up the folder."""
        description = await self.server.describe()
        self.keeper.store.servers.enroll(URL, description.identity, None)  # type: ignore[union-attr]

    async def take_in(self) -> TakenIn:
        """Ask the server, capture, join and apply."""
        spool = self.folder / "down"
        record = self.keeper.record(URL)
        outcome = await self.server.fetch(self.keys.account, record.revision, spool)
        match outcome:
            case Unchanged():
                return self.keeper.take_in(URL, SameBlob())
            case Fetched(revision, size):
                return self.keeper.take_in(URL, Spooled(spool, revision, size, self.keys))
            case _:
                return self.keeper.take_in(URL, NoBlobThere())

    async def store(self, *, acknowledge: bool) -> int:
        """Seal and store, if there is something to say. Return the size of what was stored, or 0."""
        if not self.keeper.has_to_say(URL, acknowledge=acknowledge):
            return 0
        spool = self.folder / "up"
        record = self.keeper.record(URL)
        with spool.open("wb") as sink:
            sealed = self.keeper.seal_blob(URL, self.keys, sink)
        outcome = await self.server.store(self.keys.account, spool, record.revision)
        assert isinstance(outcome, Stored), outcome
        self.keeper.note_stored(URL, sealed, outcome.revision)
        return sealed.sealed_bytes

    async def cycle(self, *, acknowledge: bool = False) -> int:
        """Sync once. Return the size of what was stored, or 0."""
        await self.take_in()
        stored = await self.store(acknowledge=acknowledge)
        self.keeper.note_success(URL)
        return stored

    def change(self, rows: int, seed: int) -> None:
        """Be the wallet program: change so many coins in one transaction."""
        connection = sqlite3.connect(self.wallet)
        change_coins(connection, rows, seed)
        connection.close()

    def restart(self, day: int) -> None:
        """Start anew on another day, as a new writer."""
        self.close()
        self.day = day
        self.__post_init__()

    def close(self) -> None:
        """Close both databases."""
        self.keeper.close()
