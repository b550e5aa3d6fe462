"""Daemons in this trio run: real circle, syncers, servers and SQLite files. Missing are the process and its sockets.

Their wallets are those of ``support.devices``; all of them share a circle. Nothing is synced by the schedule, so that
what happens happens because of a change, a request, or a retry.
"""

import hashlib
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trio
from support.devices import ROOT, Device

from config.model import NetworkSettings, Settings, WalletSettings
from daemon.circle import Circle
from daemon.control import StatusDesk, SyncDesk
from daemon.keys import Secrets
from daemon.membership import Membership
from daemon.plan import Timing
from daemon.reporting import Reporter
from daemon.secret import Secret
from daemon.server.kinds import ServerKinds
from daemon.surroundings import Surroundings
from daemon.times import from_rfc3339
from daemon.worker import exclusive, threads
from ipc.messages import SyncParams
from ipc.state import ServerStatus, Status

PATIENCE = 20.0
LARGEST_BLOB = 4 << 20  # so that a server without an end is given up soon
HASTE = Timing(
    interval=3600,
    active_interval=3600,
    active_for=0,
    change_delay_min=0.0,
    change_delay_max=0.05,
    jitter=0.1,
    retry_max=0.3,
    acknowledge_after=86400,
)
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "a secret for the double"}


async def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE, every: float = 0.01) -> float:
    """Poll until the condition holds, and return after how many seconds it did; fail, saying what was waited for."""
    began = trio.current_time()
    while not condition():
        assert trio.current_time() < began + seconds, f"after {seconds:g} s still not: {what}"
        await trio.sleep(every)
    return trio.current_time() - began


@dataclass
class ServedDaemon:
    """A running daemon, its wallet, and the events that it published."""

    device: Device
    circle: Circle
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.device.name

    @property
    def membership(self) -> Membership:
        return Membership(self.circle)

    def coin(self, key: str, value: str) -> None:
        """Have the wallet change a coin, and the daemon notice."""
        self.device.coin(key, value)
        self.circle.changed()

    def delete(self, key: str) -> None:
        """Have the wallet delete a coin, and the daemon notice."""
        self.device.sql("DELETE FROM coins WHERE coin_pub = ?", key)
        self.circle.changed()

    def status(self) -> Status:
        """Return the whole status."""
        settings = Settings(wallet=WalletSettings(path=self.device.wallet_path))
        return StatusDesk(self.circle, settings).status()

    def status_of(self, url: str) -> ServerStatus:
        """Return what status says of a server."""
        (found,) = (server for server in self.status().servers if server.url == url)
        return found

    def last_success(self, url: str) -> float:
        """Return when status says that a server last succeeded, in seconds since 1970; 0 if it never did."""
        at = self.status_of(url).last_success
        return 0.0 if at is None else from_rfc3339(at)

    async def sync(self, url: str | None = None, *, new_order: bool = False) -> list[str]:
        """Sync as a person asks for it, and return the outcomes, in the order of the servers' URLs."""
        method = SyncDesk(self.circle).methods()["sync"]
        started = await method.handler(SyncParams(server=url, new_order=new_order))

        def ended() -> dict[str, str]:
            found = (data for event, data in self.events if event == "sync.ended")
            return {each["server"]: each["outcome"] for each in found if each["sync_id"] == started.sync_id}

        await until(lambda: len(ended()) == len(started.servers), f"{self.name} has synced with {started.servers}")
        return [outcome for _, outcome in sorted(ended().items())]

    def uploads(self) -> int:
        """Count the uploads told of so far."""
        return sum(event == "sync.ended" and data["stored"] for event, data in self.events)

    def tombstones(self) -> int:
        """Count the tombstones in the replica."""
        return self.device.tombstones()


@asynccontextmanager
async def served_daemon(
    name: str,
    folder: Path,
    *,
    timing: Timing = HASTE,
    environment: Mapping[str, str] = CREDENTIALS,
    has_key: bool = False,
) -> AsyncIterator[ServedDaemon]:
    """Run a daemon until the body ends. With ``has_key`` something can be sealed to its wallet."""
    seed = hashlib.sha256(name.encode()).digest() if has_key else None
    device = Device(name, folder / name, wallet_seed=seed)
    chance = random.Random(name)
    surroundings = Surroundings(worker=threads(), wall=time.time, chance=chance, ids=os.urandom)
    keeper = device.keeper
    keeper.store.surroundings = surroundings
    keeper.store.state.connection.execute("PRAGMA synchronous = OFF")  # no test here cuts the power
    spool_folder = folder / name / "spool"
    spool_folder.mkdir()
    exclusively = exclusive(surroundings.worker)
    reporter = Reporter(keeper, exclusively, surroundings, keeper.overview(), "small")
    try:
        async with trio.open_nursery() as nursery:
            circle = Circle(
                secrets=Secrets(Secret(seed or bytes(32)), Secret(ROOT), None),
                secrets_path=folder / name / "secrets.json",
                keeper=keeper,
                exclusively=exclusively,
                surroundings=surroundings,
                kinds=ServerKinds(surroundings, NetworkSettings(), LARGEST_BLOB, environment),
                timing=timing,
                reporter=reporter,
                spool_folder=spool_folder,
                nursery=nursery,
            )
            daemon = ServedDaemon(device, circle)
            reporter.publish = lambda event, data, at: daemon.events.append((event, data))  # type: ignore[arg-type]
            yield daemon
            nursery.cancel_scope.cancel()
    finally:
        device.stop()


def hasty(**changes: float) -> Timing:
    """Return the timing of these tests, but for these settings."""
    return replace(HASTE, **changes)  # type: ignore[arg-type]


async def in_step(*daemons: ServedDaemon) -> None:
    """Sync all, as persons ask for it, until each has seen and acknowledged what all had to say."""
    for daemon in (*daemons, *daemons, *daemons):
        assert set(await daemon.sync()) == {"ok"}
