"""Months of several wallets with the daemon's real syncers and plans, under trio's jumping clock.

Each wallet's person inserts, changes and deletes coins of his own, and all change some coins that they share. Servers
fail now and then in all the ways of simulation.shops; daemons are cancelled at any await and start anew; people have
them rest for a while, or leave one of several servers and enrol it again. Of the coins that one wallet alone touches
the outcome is known exactly; of the shared ones, that all wallets agree.

``python -m simulation.years`` plays one year of three wallets and two servers, and says how long that took.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import Literal

import click
import trio
import trio.testing
from simulation.running import working_folder
from simulation.shops import MemoryShop, Mood, Shop, TalerShop
from support.devices import ROOT, Device
from support.lone_syncer import lone_syncer

from daemon import logs, plan
from daemon.blob.keys import server_keys
from daemon.leaving import Departure, account_name, depart, keys_of, left_account
from daemon.plan import Timing
from daemon.state.pause import note_pause, paused_until
from daemon.surroundings import Surroundings
from daemon.syncer import Syncer
from daemon.worker import inline

DAY = 24 * 3600.0
START = 1_800_000_000.0
ACCIDENTS: tuple[Mood | Literal["killed", "paused", "moved"], ...] = (
    "away", "busy", "deaf", "flaky", "well", "well", "well", "killed", "killed", "paused", "moved",
)  # fmt: skip
ERASED_SHARE = 0.3
TIMING = Timing(
    interval=2 * 3600,
    active_interval=600,
    active_for=1200,
    change_delay_min=1,
    change_delay_max=5,
    jitter=0.1,
    retry_max=6 * 3600,
    acknowledge_after=DAY,
    stale_after=90 * DAY,
)


@dataclass
class Years:
    """One play: who takes part, what each person's own coins must be in the end, and what happened."""

    seed: int
    devices: list[Device]
    servers: list[Shop]
    own: dict[str, dict[str, str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    scopes: dict[str, trio.CancelScope] = field(default_factory=dict)
    syncers: dict[str, list[Syncer]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    async def play(self, days: float) -> None:
        """Live for so many days, then come to rest."""
        async with trio.open_nursery() as nursery:
            for device in self.devices:
                self.own[device.name] = {}
                nursery.start_soon(self._daemon, device)
            with trio.move_on_after(days * DAY):
                async with trio.open_nursery() as people:
                    for device in self.devices:
                        people.start_soon(self._person, device)
                    people.start_soon(self._accidents, people)
            for server in self.servers:
                server.mood = "well"
            for device in self.devices:
                self._come_to_rest(device)
            await trio.sleep(4 * DAY)
            nursery.cancel_scope.cancel()

    async def _daemon(self, device: Device) -> None:
        """Run a device's daemon; whenever it is cancelled, start it anew."""
        while True:
            with trio.CancelScope() as scope:
                self.scopes[device.name] = scope
                async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
                    self.syncers[device.name] = []
                    for server in self._left_by(device):
                        nursery.start_soon(self._depart, device, server)
                    for server in self._used_by(device):
                        opened = await stack.enter_async_context(server.opened(memory := {}))
                        syncer = lone_syncer(device, opened, server.url, server.identity, TIMING, memory)
                        await syncer.recall()
                        self.syncers[device.name].append(syncer)
                        nursery.start_soon(syncer.run)
            if not scope.cancelled_caught:
                return
            device.restart()
            self._surround(device)

    def _used_by(self, device: Device) -> list[Shop]:
        urls = {record.url for record in device.keeper.store.servers.all()}
        return [server for server in self.servers if server.url in urls]

    def _left_by(self, device: Device) -> list[Shop]:
        urls = {left.url for left in device.keeper.store.servers.departures()}
        return [server for server in self.servers if server.url in urls]

    async def _depart(self, device: Device, server: Shop) -> None:
        """Do what is left to be done at a server that was left."""
        store = device.keeper.store
        (left,) = (left for left in store.servers.departures() if left.url == server.url)
        keys, departure = keys_of(left, store.vault), Departure(left.identity, store.identity.wallet_id, left.erase)
        async with server.opened({}) as opened:
            await depart(opened, keys, departure, store.surroundings, device.keeper.limits, device.folder)
        store.servers.note_departed(left.account)
        self.counts["departed"] += 1

    async def _for_a_while(self, switch: Callable[..., None], *what: object) -> None:
        """Switch something, and some hours later back."""
        switch(*what)
        await trio.sleep(self.chance.expovariate(4 / DAY))
        switch(*what)

    def _move(self, device: Device, server: Shop) -> None:
        """Leave a server, if it is not the last one, or enrol it again. The daemon starts anew."""
        store, keys, used = device.keeper.store, server_keys(ROOT, server.identity), self._used_by(device)
        if server not in used:
            store.servers.note_departed(account_name(keys))
            device.keeper.enroll(server.url, server.identity, None)
        elif len(used) > 1:
            erase = self.chance.random() < ERASED_SHARE
            device.keeper.leave([left_account(server.url, server.identity, keys, store.vault, erase=erase)])
        self.scopes[device.name].cancel()

    def _rest_or_go_on(self, device: Device) -> None:
        """Have a device's syncing rest until somebody has it go on, or do that."""
        state = device.keeper.store.state
        rests = paused_until(state, START + trio.current_time()) is not None
        note_pause(state, None if rests else math.inf)
        for syncer in self.syncers[device.name]:
            syncer.tell(plan.Paused(paused=not rests))
            if rests:
                syncer.tell(plan.Requested("resume"))

    def _come_to_rest(self, device: Device) -> None:
        """Have a device sync with all servers again."""
        if paused_until(device.keeper.store.state, START + trio.current_time()) is not None:
            self._rest_or_go_on(device)
        for server in self.servers:
            if server not in self._used_by(device):
                self._move(device, server)

    def _surround(self, device: Device) -> None:
        chance = random.Random(self.chance.random())
        wall = lambda: START + trio.current_time()  # noqa: E731
        device.keeper.store.surroundings = Surroundings(inline, wall, chance, chance.randbytes)
        device.keeper.store.state.connection.execute("PRAGMA synchronous = OFF")

    async def _person(self, device: Device) -> None:
        while True:
            await trio.sleep(self.chance.expovariate(1 / DAY))
            self._do_something(device)
            for syncer in self.syncers[device.name]:
                syncer.changed()

    def _do_something(self, device: Device) -> None:
        own, draw = self.own[device.name], self.chance.random()
        value = str(self.chance.getrandbits(30))
        if draw < 0.2:
            device.coin(f"shared{self.chance.randrange(5)}", value)
        elif draw < 0.3:
            device.sql("DELETE FROM coins WHERE coin_pub = ?", f"shared{self.chance.randrange(5)}")
        elif draw < 0.6 and own:
            key = self.chance.choice(sorted(own))
            del own[key]
            device.sql("DELETE FROM coins WHERE coin_pub = ?", key)
        else:
            key = f"{device.name}{self.chance.randrange(20)}"
            own[key] = value
            device.coin(key, value)
        self.counts["edits"] += 1

    async def _accidents(self, people: trio.Nursery) -> None:
        while True:
            await trio.sleep(self.chance.expovariate(3 / DAY))
            server, device = self.chance.choice(self.servers), self.chance.choice(self.devices)
            what = self.chance.choice(ACCIDENTS)
            self.counts[what] += 1
            match what:
                case "killed":
                    self.scopes[device.name].cancel()
                case "paused":
                    people.start_soon(self._for_a_while, self._rest_or_go_on, device)
                case "moved":
                    people.start_soon(self._for_a_while, self._move, device, server)
                case mood:
                    server.mood = mood

    def problems(self) -> list[str]:
        """Compare what the wallets show with what they must."""
        shown = [device.coins() for device in self.devices]
        problems = [
            f"{device.name} differs" for device, coins in zip(self.devices, shown, strict=True) if coins != shown[0]
        ]
        for name, own in self.own.items():
            found = {key: value for key, value in shown[0].items() if str(key).startswith(name)}
            if found != own:
                problems.append(f"of {name}'s own coins {sorted(set(found.items()) ^ set(own.items()))} are wrong")
        problems += [f"{device.name} has tombstones left" for device in self.devices if device.tombstones()]
        return problems


def play(
    seed: int, *, days: float, wallets: int, servers: int, taler_servers: int = 0
) -> tuple[list[str], Counter[str]]:
    """Play; return what is wrong in the end, and what happened. ``taler_servers`` of the servers are such."""
    with working_folder() as folder, ExitStack() as stack:
        kinds = [TalerShop if number < taler_servers else MemoryShop for number in range(servers)]
        shops: list[Shop] = [kind(number, random.Random(seed + number)) for number, kind in enumerate(kinds)]
        devices = [Device(f"wallet{number}", folder / f"wallet{number}", seed=seed) for number in range(wallets)]
        years = Years(seed, devices, shops)
        for device in devices:
            stack.callback(device.stop)
            years._surround(device)
            for shop in shops:
                device.keeper.store.servers.enroll(shop.url, shop.identity, None)
        _make_deterministic(seed)
        trio.run(years.play, days, clock=trio.testing.MockClock(autojump_threshold=0))
        years.counts["syncs"] = sum(shop.asked for shop in shops)
        years.counts["uploads"] = sum(shop.stored for shop in shops)
        return years.problems(), years.counts


def _make_deterministic(seed: int) -> None:
    """Have trio wake tasks in an order that the seed decides."""
    trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[attr-defined]
    trio._core._run._r.seed(seed)  # type: ignore[attr-defined]


@click.command()
@click.option("--days", default=365.0, show_default=True)
@click.option("--wallets", default=3, show_default=True)
@click.option("--servers", default=2, show_default=True)
@click.option("--taler-servers", default=0, show_default=True, help="How many of the servers are such.")
@click.option("--seed", default=1, show_default=True)
def main(days: float, wallets: int, servers: int, taler_servers: int, seed: int) -> None:
    """Play months of several wallets and servers, and say how long it took."""
    logs.configure("error")
    began = time.monotonic()
    problems, counts = play(seed, days=days, wallets=wallets, servers=servers, taler_servers=taler_servers)
    happened = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
    click.echo(
        f"{days:.0f} days of {wallets} wallets and {servers} servers in {time.monotonic() - began:.1f} s: {happened}"
    )
    click.echo("; ".join(problems) or "all wallets are what they should be, and no tombstone is left")
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main()
