"""Daemons that roll their circle over: real keepers, syncers and secrets files, on servers of memory.

All blocking work runs inline, so that trio's autojump clock makes hours pass at once. Each effect (a piece of blocking
work, a request to a server) can be the one before which the daemon is killed.
"""

import hashlib
import io
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import trio
from support.devices import ROOT, Clock, Device
from support.usual_timing import TIMING

from config.model import Settings, WalletSettings
from daemon import keys
from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import ServerKeys, server_keys
from daemon.circle import Circle
from daemon.control import StatusDesk
from daemon.membership import Membership
from daemon.reporting import Reporter
from daemon.rotation.note import Note, open_note, seal_note
from daemon.secret import Secret
from daemon.server.base import (
    Account,
    Conflict,
    DescribeOutcome,
    Description,
    Failure,
    FailureKind,
    Fetched,
    FetchOutcome,
    NoBlob,
    Stored,
    StoreOutcome,
    Unchanged,
)
from daemon.server.urls import ServerUrl
from daemon.state.rotations import MetNote
from daemon.surroundings import Surroundings
from ipc.state import Status

T = TypeVar("T")

HOUR = 3600.0
EPOCH = 1_800_000_000.0
_runs: Counter[Path] = Counter()
"""How often each daemon was started: no two runs draw the same."""


class Killed(BaseException):
    """The process is gone, as by kill -9."""


@dataclass
class Effects:
    """Counts what a daemon does to the world; from effect number ``kill_at`` on, counted from 1, it does no more."""

    kill_at: int | None = None
    count: int = 0

    def before(self) -> None:
        self.count += 1
        if self.kill_at is not None and self.count >= self.kill_at:
            raise Killed

    async def worker(self, work: Callable[[], T], /) -> T:
        self.before()
        return work()


@dataclass
class Shelves:
    """A server: one blob for each account. While it is down it answers nothing. Watched, it tells of each change.

    ``slow`` is how many seconds an answer takes.
    """

    identity: str
    blob_by_account: dict[bytes, bytes] = field(default_factory=dict)
    down: bool = False
    watched: bool = False
    slow: float = 0.0
    stored: int = 0
    changed: trio.Event = field(default_factory=trio.Event)

    def blob(self, root: Secret[bytes]) -> bytes | None:
        """Return what the account of this root secret holds."""
        return self.blob_by_account.get(self._keys(root).account.public_key)

    def put(self, root: Secret[bytes], blob: bytes) -> None:
        """Be someone who has this root secret, and overwrite what is there."""
        self.blob_by_account[self._keys(root).account.public_key] = blob

    def note(self, root: Secret[bytes]) -> Note | None:
        """Return the note that the account of this root secret holds, if it holds one."""
        blob = self.blob(root)
        if blob is None:
            return None
        try:
            return open_note(io.BytesIO(blob), self._keys(root), self.identity)
        except BlobUnreadable:
            return None

    def put_note(self, root: Secret[bytes], note: Note) -> None:
        """Be someone who has this root secret, and leave a note."""
        sink = io.BytesIO()
        seal_note(note, self._keys(root), self.identity, sink)
        self.put(root, sink.getvalue())

    def _keys(self, root: Secret[bytes]) -> ServerKeys:
        return server_keys(root.reveal(), self.identity)


@dataclass
class Reached:
    """A server as one daemon reaches it."""

    shelves: Shelves
    effects: Effects

    async def describe(self) -> DescribeOutcome:
        return _no_answer() if self.shelves.down else Description(self.shelves.identity)

    async def fetch(self, account: Account, known: str | None, spool: Path) -> FetchOutcome:
        await trio.sleep(self.shelves.slow)
        self.effects.before()
        if self.shelves.down:
            return _no_answer()
        blob = self.shelves.blob_by_account.get(account.public_key)
        if blob is None:
            return NoBlob()
        if known == _revision(blob):
            return Unchanged()
        spool.write_bytes(blob)  # noqa: ASYNC240 - all is done inline
        return Fetched(_revision(blob), len(blob))

    async def store(self, account: Account, sealed: Path, expected: str | None) -> StoreOutcome:
        await trio.sleep(self.shelves.slow)
        self.effects.before()
        if self.shelves.down:
            return _no_answer()
        blob = self.shelves.blob_by_account.get(account.public_key)
        if expected != (None if blob is None else _revision(blob)):
            return Conflict()
        self.shelves.blob_by_account[account.public_key] = sealed.read_bytes()  # noqa: ASYNC240
        self.shelves.stored += 1
        changed, self.shelves.changed = self.shelves.changed, trio.Event()
        changed.set()
        return Stored(_revision(self.shelves.blob_by_account[account.public_key]))


@dataclass
class Watched(Reached):
    """A server that tells of changes."""

    async def watch(self) -> AsyncGenerator[None, None]:
        while True:
            await self.shelves.changed.wait()
            yield


@dataclass
class Kinds:
    """Opens servers of memory by their URL."""

    server_by_url: dict[str, Shelves]
    effects: Effects

    @asynccontextmanager
    async def opened(
        self, address: ServerUrl, identity: str | None, memory: MutableMapping[str, str]
    ) -> AsyncIterator[Reached]:
        shelves = self.server_by_url[address.url]
        yield (Watched if shelves.watched else Reached)(shelves, self.effects)


@dataclass
class RollingDaemon:
    """A running daemon, and the events that it published."""

    device: Device
    circle: Circle
    effects: Effects
    events: list[tuple[str, dict[str, Any]]]

    @property
    def id(self) -> str:
        return self.circle.keeper.store.identity.wallet_id

    @property
    def root(self) -> Secret[bytes]:
        assert self.circle.secrets.root is not None
        return self.circle.secrets.root

    @property
    def status(self) -> Status:
        settings = Settings(wallet=WalletSettings(path=self.device.wallet_path))
        return StatusDesk(self.circle, settings).status()

    def state_of(self, url: str) -> str:
        """Return the state of a server, as status tells it."""
        return next(server.state for server in self.status.servers if server.url == url)

    def message_of(self, url: str) -> str:
        """Return what status says of a server's trouble."""
        (error,) = (server.error for server in self.status.servers if server.url == url)
        return error.message if error else ""

    @property
    def waiting(self) -> list[MetNote]:
        """The notes that wait for a person."""
        return [met for met in self.circle.reporter.overview.met if met.verdict.waits_for_a_person]

    @property
    def membership(self) -> Membership:
        """What changes the circle."""
        return Membership(self.circle)

    def coin(self, key: str, value: str) -> None:
        """Have the wallet change a coin, and the daemon notice."""
        self.device.coin(key, value)
        self.circle.changed()

    def nudge(self) -> None:
        """Ask for a sync with all servers, as a person does."""
        for syncer in self.circle.syncer_by_url.values():
            syncer.request("user", "0" * 16)
        self.circle.rolling.aftercare.look_soon()

    async def follow_the_one(self) -> Note:
        """Follow the only note that waits."""
        (met,) = self.waiting
        return await self.circle.rolling.follow(met.number, met.note.code)

    def told(self, event: str) -> list[dict[str, Any]]:
        """Return the data of all events of this name."""
        return [data for name, data in self.events if name == event]


@asynccontextmanager
async def rolling_daemon(
    name: str, folder: Path, servers: dict[str, Shelves], *, effects: Effects | None = None, skew: float = 0.0
) -> AsyncIterator[RollingDaemon]:
    """Run the daemon of this name, on these servers, until the body ends. A later one of the same name goes on.

    Its clock is wrong by ``skew`` seconds.
    """
    effects = effects or Effects()
    seed = hashlib.sha256(name.encode()).digest()
    device = Device(name, folder / name, clock=Clock(), wallet_seed=seed)
    _runs[folder / name] += 1
    chance = random.Random(f"{name} {effects.kill_at} {_runs[folder / name]}")
    surroundings = Surroundings(
        worker=effects.worker, wall=lambda: EPOCH + trio.current_time() + skew, chance=chance, ids=chance.randbytes
    )
    keeper = device.keeper
    keeper.store.surroundings = surroundings
    keeper.store.state.connection.execute("PRAGMA synchronous = OFF")
    secrets_path = folder / name / "secrets.json"
    if not secrets_path.exists():
        keys.save(secrets_path, keys.Secrets(Secret(seed), Secret(ROOT), None), chance.randbytes)
        for url, server in servers.items():
            keeper.store.servers.enroll(url, server.identity, None)
    secrets, _ = keys.load_or_create(secrets_path, chance.randbytes)
    events: list[tuple[str, dict[str, Any]]] = []
    reporter = Reporter(keeper, effects.worker, surroundings, keeper.overview(), "small")
    reporter.publish = lambda event, data, at: events.append((event, data))  # type: ignore[arg-type]
    try:
        async with trio.open_nursery() as nursery:
            circle = Circle(
                secrets=secrets,
                secrets_path=secrets_path,
                keeper=keeper,
                exclusively=effects.worker,
                surroundings=surroundings,
                kinds=Kinds(servers, effects),  # type: ignore[arg-type]
                timing=TIMING,
                reporter=reporter,
                spool_folder=folder / name,
                nursery=nursery,
            )
            await circle.start_enrolled()
            yield RollingDaemon(device, circle, effects, events)
            nursery.cancel_scope.cancel()
    finally:
        device.stop()


async def until(condition: Callable[[], object], what: str, hours: float = 3.0) -> None:
    """Wait until the condition holds; fail, saying what was waited for, when that takes too many (simulated) hours."""
    deadline = trio.current_time() + hours * HOUR
    while not condition():
        assert trio.current_time() < deadline, f"after {hours:g} hours still not: {what}"
        await trio.sleep(10)


async def in_step(*daemons: RollingDaemon) -> None:
    """Wait until all show the same coins, and know all of the others."""
    ids = {daemon.id for daemon in daemons}

    def same() -> bool:
        coins = [daemon.device.coins() for daemon in daemons]
        known = [{wallet.wallet_id for wallet in d.circle.reporter.overview.wallets} for d in daemons]
        return all(each == coins[0] for each in coins) and all(ids <= each for each in known)

    for daemon in daemons:
        daemon.nudge()
    await until(same, f"{', '.join(daemon.device.name for daemon in daemons)} are in step")


def _no_answer() -> Failure:
    return Failure(FailureKind.UNREACHABLE, "it does not answer")


def _revision(blob: bytes) -> str:
    return hashlib.sha512(blob).hexdigest()
