"""Whatever persons do about roll-overs in whatever order, wherever daemons are killed: it ends in one circle."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from support.rolling_daemons import Shelves, in_step, until
from support.rolling_host import Host

from ipc.errors import Refusal

HOUR, DAY = 3600.0, 86400.0
KEEPING_ALL = (
    "rotate",
    "approve",
    "approve",
    "insert",
    "delete",
    "kill",
    "stop",
    "start",
    "down",
    "up",
    "wait",
    "invite",
)
ANYTHING = (*KEEPING_ALL, "leave_out", "reject", "forget", "leave_circle", "rename")


class World:
    """Some machines, and what their wallets were told to hold and to hold no more."""

    def __init__(self, hosts: list[Host], servers: dict[str, Shelves], chance: random.Random) -> None:
        self.hosts = hosts
        self._servers = servers
        self._chance = chance
        self.inserted: set[object] = set()
        self.deleted: set[object] = set()

    def insert(self, host: Host) -> None:
        key = f"{len(self.inserted)} OF {host.name}"
        self.inserted.add(key)
        host.running.coin(key, "1")

    async def step(self, what: str, host: Host) -> None:
        """Have one thing happen at one machine."""
        match what:
            case "start":
                await host.start()
            case "up" | "down":
                for server in self._servers.values():
                    server.down = what == "down" and self._chance.random() < 0.7
            case "wait":
                await trio.sleep(self._chance.choice((1.0, 30.0, 600.0, 2 * HOUR)))
            case _ if host.daemon is not None:
                await self._act(what, host)

    async def _act(self, what: str, host: Host) -> None:
        """Have something happen at a machine whose daemon runs."""
        match what:
            case "stop":
                await host.stop()
            case "kill":
                host.kill_after(self._chance.randrange(1, 25))
            case "insert":
                self.insert(host)
            case "delete" if coins := sorted(map(str, host.running.device.coins())):
                self.deleted.add(key := self._chance.choice(coins))
                host.running.device.sql("DELETE FROM coins WHERE coin_pub = ?", key)
                host.running.circle.changed()
            case "invite":
                await self._invite(host, self._chance.choice(self.hosts))
            case _:
                await self._decide(what, host)

    async def _decide(self, what: str, host: Host) -> None:
        """Have the person at a machine do something about the circle."""
        rolling, membership, chance = host.running.circle.rolling, host.running.membership, self._chance
        others = [wallet.id for wallet in host.running.status.wallets if not wallet.me]
        waiting = host.running.waiting
        match what:
            case "rotate":
                await host.does(rolling.rotate(others))
            case "leave_out":
                await host.does(rolling.rotate([each for each in others if chance.random() < 0.7]))
            case "approve" if waiting:
                met = chance.choice(waiting)
                await host.does(rolling.follow(met.number, met.note.code))
            case "reject" if waiting:
                await host.does(rolling.reject(chance.choice(waiting).number))
            case "forget" if others:
                await host.does(membership.forget(chance.choice(others)))
            case "rename":
                await host.does(membership.rename(f"{host.name} {chance.randrange(100)}"))
            case "leave_circle":
                await host.does(membership.leave_all())

    async def _invite(self, host: Host, guest: Host) -> object:
        invited = await host.does(host.running.membership.invite(None))
        if guest is host or guest.daemon is None or not isinstance(invited, tuple):
            return invited
        return await guest.does(guest.running.membership.join(invited[0], None))

    async def heal(self) -> None:
        """Have everything run, and the persons approve all that waits; who is not of the circle then is invited."""
        for server in self._servers.values():
            server.down = False
        for host in self.hosts:
            await host.stop()
            await host.start()
        for _ in range(6):
            for host in self.hosts:
                host.running.nudge()
            await trio.sleep(2 * HOUR)
            for host in self.hosts:
                for met in host.running.waiting[:1]:
                    await host.does(host.running.circle.rolling.follow(met.number, met.note.code))
        first = await self._one_that_is_well()
        for host in self.hosts:
            if host.running.circle.secrets.root != first.running.root:
                await self._bring_to(first, host)

    async def _one_that_is_well(self) -> Host:
        for host in self.hosts:
            servers = host.running.status.servers
            if servers and all(server.state == "idle" for server in servers):
                return host
        host = self.hosts[0]  # each was left out by another one, or has left
        if host.running.status.servers:
            await host.running.circle.rolling.rotate([])
        else:
            for url in self._servers:
                await host.running.membership.enroll(url, None)
        await trio.sleep(2 * HOUR)
        return host

    async def _bring_to(self, host: Host, guest: Host) -> None:
        if isinstance(await self._invite(host, guest), Refusal):
            for url in list(guest.running.circle.syncer_by_url):
                await guest.running.membership.leave(url, erase=False)
            await guest.running.membership.leave_all()
            assert not isinstance(await self._invite(host, guest), Refusal), guest.refusals[-1]


@asynccontextmanager
async def world(seed: int, folder) -> AsyncIterator[World]:
    """Make a world whose wallets are in step."""
    chance = random.Random(seed)
    names = ("phone", "desktop", "laptop", "tablet")[: chance.choice((2, 3, 3, 4))]
    servers = {
        f"file:///{name}/": Shelves(name, watched=chance.random() < 0.5)
        for name in ("one", "two")[: chance.choice((1, 2))]
    }
    async with trio.open_nursery() as nursery:
        hosts = [Host(name, folder, servers, nursery, chance.uniform(-30, 30) * DAY) for name in names]
        made = World(hosts, servers, chance)
        for host in hosts:
            await host.start()
            made.insert(host)
        await in_step(*(host.running for host in hosts))
        yield made
        nursery.cancel_scope.cancel()


async def play(seed: int, folder, happenings: tuple[str, ...]) -> tuple[World, list[set[object]]]:
    """Have things happen at random, heal the world, and return it and what its wallets hold."""
    async with world(seed, folder) as played:
        chance = random.Random(f"what happens in {seed}")
        for _ in range(chance.randrange(5, 25)):
            await played.step(chance.choice(happenings), chance.choice(played.hosts))
        await played.heal()
        daemons = [host.running for host in played.hosts]
        await in_step(*daemons)
        assert len({daemon.root.reveal() for daemon in daemons}) == 1
        for daemon in daemons:
            assert {server.state for server in daemon.status.servers} <= {"idle", "syncing"}
            assert [note for note in daemon.status.notes if note.waits] == []
            await until(lambda daemon=daemon: not daemon.status.rotations, "nothing is left to be done")
        return played, [set(daemon.device.coins()) for daemon in daemons]


@pytest.mark.parametrize("seed", range(6))
async def test_where_all_are_kept_nothing_is_lost_and_nothing_deleted_is_back(seed, folder, autojump_clock):
    played, held = await play(seed, folder, KEEPING_ALL)
    assert held == [played.inserted - played.deleted] * len(held)


@pytest.mark.parametrize("seed", range(6))
async def test_where_wallets_are_left_out_and_invited_again_nothing_is_lost(seed, folder, autojump_clock):
    played, held = await play(seed, folder, ANYTHING)
    for coins in held:
        assert played.inserted - played.deleted <= coins
