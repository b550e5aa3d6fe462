"""Many wallets on one account of one server, in one trio run under a jumping clock: real keepers, syncers and server.

All blocking work runs inline and takes no time; what takes time is the way to the server, for every call.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio
from support.devices import Device
from support.lone_syncer import lone_syncer

from daemon.plan import Timing
from daemon.server.base import Account, Conflict, DescribeOutcome, FetchOutcome, Server, Stored, StoreOutcome
from daemon.surroundings import Surroundings
from daemon.syncer import Syncer
from daemon.worker import inline

URL = "https://sync.example.org/"
TIMING = Timing(
    interval=86400,
    active_interval=86400,
    active_for=0,
    change_delay_min=1,
    change_delay_max=5,
    jitter=0.1,
    retry_max=3600,
    acknowledge_after=86400,
)


@dataclass
class Distant:
    """A server at a distance of ``seconds`` per call, with the outcomes of all uploads counted."""

    server: Server
    seconds: float
    outcomes: Counter[str]

    async def describe(self) -> DescribeOutcome:
        return await self.server.describe()

    async def fetch(self, account: Account, known: str | None, spool: Path) -> FetchOutcome:
        await trio.sleep(self.seconds / 2)
        outcome = await self.server.fetch(account, known, spool)
        await trio.sleep(self.seconds / 2)
        return outcome

    async def store(self, account: Account, sealed: Path, expected: str | None) -> StoreOutcome:
        await trio.sleep(self.seconds / 2)
        outcome = await self.server.store(account, sealed, expected)
        self.outcomes[type(outcome).__name__] += 1
        await trio.sleep(self.seconds / 2)
        return outcome


@dataclass
class Crowd:
    """The wallets and their syncers, and what came of their uploads."""

    devices: list[Device]
    syncers: list[Syncer]
    outcomes: Counter[str]

    @property
    def stored(self) -> int:
        return self.outcomes[Stored.__name__]

    @property
    def conflicts(self) -> int:
        return self.outcomes[Conflict.__name__]

    def succeeded(self) -> bool:
        """Tell whether all have had a sync that succeeded."""
        return all(device.keeper.record(URL).last_success is not None for device in self.devices)

    def request(self) -> None:
        """Have all sync."""
        for syncer in self.syncers:
            syncer.request("schedule", "once")


@asynccontextmanager
async def crowd(folder: Path, server: Server, size: int, identity: str, seconds: float) -> AsyncIterator[Crowd]:
    """Make so many wallets with one coin each, and have all of them begin to sync at the same moment."""
    outcomes: Counter[str] = Counter()
    distant = Distant(server, seconds, outcomes)
    with ExitStack() as stack:
        made = Crowd([_device(number, folder, identity) for number in range(size)], [], outcomes)
        for device in made.devices:
            stack.callback(device.stop)
        async with trio.open_nursery() as nursery:
            for device in made.devices:
                made.syncers.append(lone_syncer(device, distant, URL, identity, TIMING))
                await made.syncers[-1].recall()
            for syncer in made.syncers:
                nursery.start_soon(syncer.run)
            yield made
            nursery.cancel_scope.cancel()


def _device(number: int, folder: Path, identity: str) -> Device:
    device = Device(f"wallet{number:03}", folder / f"wallet{number:03}")
    chance = random.Random(number)
    device.keeper.store.surroundings = Surroundings(
        inline, lambda: 1.8e9 + trio.current_time(), chance, chance.randbytes
    )
    device.keeper.store.state.connection.execute("PRAGMA synchronous = OFF")
    device.keeper.store.servers.enroll(URL, identity, None)
    device.coin(f"OF {device.name}", "1")
    return device
