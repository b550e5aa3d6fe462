"""A daemon without processes, threads and sockets, for months of simulated time: real keeper, syncers and plans.

All blocking work runs inline, the wall clock follows trio's, and the servers are in memory and count what is asked of
them. Missing is what lives in threads of its own: the watch of the wallet's folder.
"""

import hashlib
import random
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio
from support import usual_timing
from support.devices import ROOT, Device

from daemon import pulse
from daemon.circle import Circle
from daemon.control.pausing import PauseDesk
from daemon.keys import Secrets
from daemon.lookout import Lookout
from daemon.reporting import Reporter
from daemon.secret import Secret
from daemon.server.base import (
    Account,
    Conflict,
    DescribeOutcome,
    Description,
    Failure,
    Fetched,
    FetchOutcome,
    NoBlob,
    Stored,
    StoreOutcome,
    Unchanged,
)
from daemon.server.urls import ServerUrl
from daemon.surroundings import Surroundings
from daemon.waking import Waking
from daemon.worker import inline

TIMING = replace(usual_timing.TIMING, stale_after=4 * 86400)
EPOCH = 1_800_000_000.0
WATCHDOG = 60.0


@dataclass
class MemoryServer:
    """One blob in memory. ``failure``, if set, is all the answer that it gives."""

    identity: str
    failure: Failure | None = None
    blob: bytes | None = None
    asked_at: list[float] = field(default_factory=list)
    stores: int = 0

    async def describe(self) -> DescribeOutcome:
        return self.failure or Description(self.identity)

    async def fetch(self, account: Account, known: str | None, spool: Path) -> FetchOutcome:
        self.asked_at.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            return self.failure
        if self.blob is None:
            return NoBlob()
        if known == self.revision:
            return Unchanged()
        spool.write_bytes(self.blob)  # noqa: ASYNC240 - the simulation does everything inline
        return Fetched(self.revision, len(self.blob))

    async def store(self, account: Account, sealed: Path, expected: str | None) -> StoreOutcome:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            return self.failure
        if expected != (self.revision if self.blob is not None else None):
            return Conflict()
        self.blob = sealed.read_bytes()  # noqa: ASYNC240
        self.stores += 1
        return Stored(self.revision)

    @property
    def revision(self) -> str:
        return hashlib.sha512(self.blob or b"").hexdigest()


@dataclass
class MemoryKinds:
    """Opens servers of memory by their URL."""

    server_by_url: dict[str, MemoryServer]

    @asynccontextmanager
    async def opened(
        self, address: ServerUrl, identity: str | None, memory: MutableMapping[str, str]
    ) -> AsyncIterator[MemoryServer]:
        yield self.server_by_url[address.url]


@dataclass
class QuietDaemon:
    """A running daemon of memory, and what was counted."""

    circle: Circle
    pausing: PauseDesk
    waking: Waking
    events: list[tuple[str, object]]
    watchdog_fed: list[float]
    addresses: set[str]
    slept: list[float]


@asynccontextmanager
async def quiet_daemon(folder: Path, servers: dict[str, MemoryServer]) -> AsyncIterator[QuietDaemon]:
    """Run a daemon on a small wallet with these servers, until the body ends."""
    device = Device("phone", folder)
    chance = random.Random(4)
    surroundings = Surroundings(
        worker=inline, wall=lambda: EPOCH + trio.current_time(), chance=chance, ids=chance.randbytes
    )
    keeper = device.keeper
    keeper.store.surroundings = surroundings
    keeper.store.state.connection.execute("PRAGMA synchronous = OFF")  # years of commits that need outlive nothing
    for url, server in servers.items():
        if keeper.store.servers.get(url) is None:
            keeper.store.servers.enroll(url, server.identity, None)
    events: list[tuple[str, object]] = []
    reporter = Reporter(keeper, inline, surroundings, keeper.overview(), "small")
    reporter.publish = lambda event, data, at: events.append((event, data))
    try:
        async with trio.open_nursery() as nursery:
            circle = Circle(
                secrets=Secrets(Secret(bytes(32)), Secret(ROOT), None),
                secrets_path=folder / "secrets.json",
                keeper=keeper,
                exclusively=inline,
                surroundings=surroundings,
                kinds=MemoryKinds(servers),  # type: ignore[arg-type]
                timing=TIMING,
                reporter=reporter,
                spool_folder=folder,
                nursery=nursery,
            )
            pausing, fed, addresses, slept = PauseDesk(circle), [], {"192.0.2.7"}, [0.0]
            waking = Waking(circle, pausing.look_again, lambda: slept[0], lambda: frozenset(addresses))
            reporter.on_sync_ended = waking.sync_ended
            await pausing.recall()
            await circle.start_enrolled()
            nursery.start_soon(pausing.run)
            nursery.start_soon(waking.watch_network)
            lookout = Lookout(circle)
            feed = lambda: fed.append(trio.current_time())  # noqa: E731
            nursery.start_soon(pulse.feed, feed, WATCHDOG, lambda: pulse.stalled(circle, lookout, 300.0))
            yield QuietDaemon(circle, pausing, waking, events, fed, addresses, slept)
            nursery.cancel_scope.cancel()
    finally:
        device.stop()
