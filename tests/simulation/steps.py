"""The fast layer: a seeded list of steps on real keepers and databases, one effect after the other.

A step is plain data and means something in whatever state the world is, so that a failing list can be made shorter by
leaving steps out.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from simulation import belonging, verdicts
from simulation.device import Crash, Device, Fuse, StateCopy, WalletCopy
from simulation.rounds import Sync, next_round
from simulation.shelf import FAULTS as SERVER_FAULTS
from simulation.shelf import Fault, Shelf
from simulation.world import World

from daemon.keeper.store import Store


class Step(NamedTuple):
    """One step: what, on which device, with which server, and a number that decides all else."""

    what: str
    who: int
    where: int
    draw: int


@dataclass(frozen=True)
class Settings:
    """What a schedule may contain. ``wallets`` and ``servers``: how often there are so many of them."""

    steps: int = 90
    wallets: Mapping[int, int] = field(default_factory=lambda: {2: 30, 3: 30, 4: 20, 5: 12, 6: 8})
    servers: Mapping[int, int] = field(default_factory=lambda: {1: 35, 2: 35, 3: 20, 4: 10})
    always_upload: bool = False
    lasting_share: float = 0.6


MOST_EDITS = 4
"""So many transactions of the wallet at most are made at once."""

FAULTS = (
    ("edit", 36),
    ("advance", 90),
    ("sync", 30),
    ("fault", 8),
    ("crash", 4),
    ("edit soon", 5),
    ("restart", 3),
    ("server back", 1),
    ("server wiped", 1),
    ("toggle set", 1),
    ("refuse", 1),
    ("scan", 1),
    ("clock", 2),
    ("lose for good", 0.3),
    ("leave", 6),
    ("readdress", 1),
    ("have back", 2),
)
"""What happens to wallets that know each other."""

COMINGS_AND_GOINGS = (
    ("copy", 3),
    ("restore wallet", 1),
    ("restore state", 1),
    ("restore both", 1),
    ("lose wallet", 1),
    ("enroll", 6),
    ("leave all but one", 3),
    ("leave circle", 2),
    ("forget", 1),
    ("lose for good", 0.5),
    ("copy device", 0.4),
    ("copy running device", 0.4),
)
"""What makes a wallet that others do not wait for, or that has forgotten what it had seen."""


def draw_steps(seed: int, settings: Settings) -> list[Step]:
    """Draw the schedule of a seed: of a lasting circle, or of one with comings and goings."""
    chance = random.Random(seed)
    wallets, servers = _draw(settings.wallets, chance), _draw(settings.servers, chance)
    steps = [Step("wallet", who, 0, chance.getrandbits(30)) for who in range(wallets)]
    steps += [Step("server", 0, where, chance.getrandbits(30)) for where in range(servers)]
    lasting = chance.random() < settings.lasting_share
    if lasting:
        steps += _connected(wallets, servers, chance)
        choices = FAULTS if chance.random() < 0.8 else FAULTS[:3]
    else:
        steps += [Step("enroll", who, chance.randrange(servers), 0) for who in range(wallets)]
        choices = FAULTS + COMINGS_AND_GOINGS
    names, weights = zip(*choices, strict=True)
    for name in chance.choices(names, weights, k=settings.steps):
        steps.append(Step(name, chance.randrange(wallets), chance.randrange(servers), chance.getrandbits(30)))
    return steps


def _draw(weight_by_number: Mapping[int, int], chance: random.Random) -> int:
    return chance.choices(list(weight_by_number), list(weight_by_number.values()))[0]


def _connected(wallets: int, servers: int, chance: random.Random) -> list[Step]:
    """Enrol wallets so that all are connected, and let them know each other."""
    enrolled = {(0, 0)}
    for who in range(1, wallets):
        enrolled.add((who, chance.choice(sorted({where for _, where in enrolled}))))
        if chance.random() < 0.5:
            enrolled.add((who, chance.randrange(servers)))
        if chance.random() < 0.3:
            enrolled.add((who, chance.choice(sorted({where for _, where in enrolled}))))
    return [Step("enroll", who, where, 0) for who, where in sorted(enrolled)] + [Step("settle", 0, 0, 0)]


class Schedule:
    """Carries out steps in a world."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world = world
        self.settings = settings
        self._syncs: dict[tuple[str, str], Sync] = {}
        self._copies: dict[str, list[tuple[WalletCopy, StateCopy]]] = {}

    def run(self, steps: list[Step]) -> None:
        """Carry out all steps, and then look at what came of it. Raises Violated."""
        for step in steps:
            self.carry_out(step)
        self.end()

    def end(self) -> None:
        for device in self.world.devices:
            device.program.execute("DROP TRIGGER IF EXISTS stubborn")
            if not device.optional_sets:
                self._toggle(device)
        self._syncs.clear()
        for device in self.world.devices:
            device.fuse = None
            self._come_back(device)
        verdicts.settle_down(self.world)
        verdicts.forget_lost(self.world)
        for device in self.world.devices:  # so that refused rows are tried once more
            number = self.world.oracle.reserve()
            device.edit(("INSERT INTO coins (coin_pub, shown) VALUES (?, ?)", (f"last{number}", str(number))))
        verdicts.settle_down(self.world, quiet_rounds=2)
        verdicts.check(self.world)

    def carry_out(self, step: Step) -> None:
        """Carry out one step, if it means anything now."""
        if step.what == "wallet":
            self.world.add_device(f"w{step.who}").triggers = step.draw % 5 != 0
            self.world.devices[-1].start()
            return
        if step.what == "server":
            self.world.add_shelf(step.where, step.draw)
            return
        if not self.world.devices or not self.world.shelves:
            return
        device = self.world.devices[step.who % len(self.world.devices)]
        shelf = self.world.shelves[step.where % len(self.world.shelves)]
        self.world.wall += step.draw % 7200
        self.world.tell(f"{step.what} {device.name} {shelf.identity}")
        self.world.counts[step.what] += 1
        try:
            getattr(self, "_" + step.what.replace(" ", "_"))(device, shelf, step.draw)
        except Crash as crash:
            self._bury(crash.device)

    def _settle(self, _device: Device, _shelf: Shelf, _draw: int) -> None:
        verdicts.settle_down(self.world)

    def _edit(self, device: Device, _shelf: Shelf, draw: int) -> None:
        for number in range(1 + draw % MOST_EDITS):
            self.world.edit(device, draw + number)

    def _sync(self, device: Device, shelf: Shelf, draw: int) -> None:
        """Sync to the end."""
        self._advance(device, shelf, draw)
        while (device.name, shelf.url) in self._syncs:
            self._advance(device, shelf, draw)

    def _advance(self, device: Device, shelf: Shelf, draw: int, fault: Fault = None) -> str | None:
        """Do one more step of a sync, or begin one. Return what comes next, and ``None`` where that was the end."""
        if device.keeper is None:
            return None
        place = device.name, shelf.url
        running = self._syncs.get(place)
        try:
            if running is None:
                acknowledge = draw % 2 == 0
                always = self.settings.always_upload
                running = next_round(self.world, device, shelf, acknowledge=acknowledge, always=always)
                self._syncs[place] = running
                stage = next(running)
            else:
                stage = running.send(fault)
        except StopIteration:
            del self._syncs[place]
            return None
        self.world.tell(f"  {stage}")
        return stage

    def _fault(self, device: Device, shelf: Shelf, draw: int) -> None:
        """Go on with a sync until the server is asked, and let that fail."""
        fault, asks = SERVER_FAULTS[draw % len(SERVER_FAULTS)], ("fetches", "stores")[draw % 7 % 2]
        stage = self._advance(device, shelf, draw)
        while stage not in (None, asks):
            stage = self._advance(device, shelf, draw)
        if stage is not None:
            self.world.tell(f"  {fault}")
            self._advance(device, shelf, draw, fault)

    def _bury(self, device: Device) -> None:
        self._syncs = {place: running for place, running in self._syncs.items() if place[0] != device.name}
        device.bury()
        device.start()

    def _crash(self, device: Device, _shelf: Shelf, draw: int) -> None:
        device.fuse = Fuse(draw % 12, "crash", draw)

    def _edit_soon(self, device: Device, _shelf: Shelf, draw: int) -> None:
        device.fuse = Fuse(draw % 12, "edit", draw)

    def _restart(self, device: Device, _shelf: Shelf, _draw: int) -> None:
        self._stop(device)
        device.start()

    def _stop(self, device: Device) -> None:
        self._syncs = {place: running for place, running in self._syncs.items() if place[0] != device.name}
        device.stop()

    def _copy(self, device: Device, _shelf: Shelf, _draw: int) -> None:
        self._copies.setdefault(device.name, []).append((device.copy_wallet(), device.copy_state()))

    def _some_copy(self, device: Device, draw: int) -> tuple[WalletCopy, StateCopy] | None:
        copies = self._copies.get(device.name)
        return copies[draw % len(copies)] if copies else None

    def _restore_wallet(self, device: Device, _shelf: Shelf, draw: int) -> None:
        if copy := self._some_copy(device, draw):
            device.put_back_wallet(copy[0])

    def _restore_state(self, device: Device, _shelf: Shelf, draw: int) -> None:
        if copy := self._some_copy(device, draw):
            self._put_back(device, copy[1], None)

    def _restore_both(self, device: Device, _shelf: Shelf, draw: int) -> None:
        if copy := self._some_copy(device, draw):
            self._put_back(device, copy[1], copy[0])

    def _put_back(self, device: Device, state: StateCopy, wallet: WalletCopy | None) -> None:
        """Put copies back; the person enrols anew with the servers that are missing there."""
        self._stop(device)
        urls, left = device.urls, device.departures.keys()
        device.put_back_state(state)
        if wallet is not None:
            device.put_back_wallet(wallet)
        device.start()
        device.unregistered |= device.urls
        self.world.excuse()
        for shelf in self.world.shelves:
            shelf.keeps_rows |= shelf.identity in left - device.departures.keys()
            if shelf.url in urls - device.urls:
                belonging.enroll(self.world, device, shelf)

    def _lose_wallet(self, device: Device, _shelf: Shelf, _draw: int) -> None:
        device.lose_wallet()

    def _lose_for_good(self, device: Device, _shelf: Shelf, _draw: int) -> None:
        """Lose a device with all that it has; its wallet is forgotten by another one, sooner or later."""
        others = [each for each in self.world.devices if each is not device]
        if len(others) > 1 and all(each.identity != device.identity for each in others):
            self._stop(device)
            self.world.lose(device)

    def _forget(self, device: Device, _shelf: Shelf, draw: int) -> None:
        everyone = [*self.world.devices, *self.world.lost]
        others = [each for each in everyone if each.identity != device.identity]
        if others and device.keeper is not None:
            device.keeper.forget_wallet(others[draw % len(others)].identity.wallet_id)

    def _copy_device(self, device: Device, _shelf: Shelf, _draw: int, running: Store | None = None) -> None:
        """Copy a device with all that it has; from now on there are two of it."""
        twin = self.world.add_device(f"{device.name}'", device.identity)
        twin.put_back_wallet(device.copy_wallet())
        twin.put_back_state(device.copy_state())
        twin.optional_sets, twin.triggers = device.optional_sets, device.triggers
        for each in (device, twin):
            each.is_copied = True
            each.is_running_copy |= running is not None and running.writer is not None
        self.world.excuse()
        twin.start(running)

    def _copy_running_device(self, device: Device, shelf: Shelf, draw: int) -> None:
        """Copy a machine while the daemon runs: both go on under one writer id."""
        if device.keeper is not None:
            self._copy_device(device, shelf, draw, device.keeper.store)

    def _server_back(self, _device: Device, shelf: Shelf, draw: int) -> None:
        if shelf.history:
            shelf.go_back(draw)

    def _server_wiped(self, _device: Device, shelf: Shelf, _draw: int) -> None:
        shelf.wipe()

    def _enroll(self, device: Device, shelf: Shelf, _draw: int) -> None:
        if shelf.url not in device.urls and device.keeper is not None:
            self._syncs.pop((device.name, shelf.url), None)
            belonging.enroll(self.world, device, shelf)

    def _leave(self, device: Device, shelf: Shelf, draw: int) -> None:
        """Leave a server, if there is one without which all stay connected; sometimes with erasing what it holds."""
        for each in (device, *self.world.devices):
            for spared in belonging.spared_shelves(self.world, each, shelf):
                self._leave_all(each, [spared], erase=draw % 2 == 0)
                return

    def _leave_all_but_one(self, device: Device, shelf: Shelf, draw: int) -> None:
        """Leave all servers but this one, whoever is connected by them."""
        if shelf.url in device.urls:
            self._leave_all(device, self._shelves_of(device, shelf), erase=draw % 3 == 0)

    def _leave_circle(self, device: Device, _shelf: Shelf, draw: int) -> None:
        """Leave all servers; now and then, be in another circle before coming back."""
        self._leave_all(device, self._shelves_of(device), erase=False)
        if draw % 2 and device.keeper is not None:
            device.keeper.begin_anew()

    def _leave_all(self, device: Device, shelves: list[Shelf], *, erase: bool) -> None:
        for shelf in shelves:
            self._syncs.pop((device.name, shelf.url), None)
        if device.keeper is not None:
            belonging.leave(self.world, device, shelves, erase=erase)

    def _shelves_of(self, device: Device, spared: Shelf | None = None) -> list[Shelf]:
        return [shelf for shelf in self.world.shelves if shelf.url in device.urls and shelf is not spared]

    def _come_back(self, device: Device) -> None:
        """Enrol a device that has left all servers with one that another one syncs with."""
        if not device.urls and self.world.shelves and device.keeper is not None:
            used = {url for other in self.world.devices for url in other.urls}
            shelves = [shelf for shelf in self.world.shelves if shelf.url in used] or self.world.shelves
            belonging.enroll(self.world, device, shelves[0])

    def _readdress(self, device: Device, shelf: Shelf, draw: int) -> None:
        if shelf.url in device.urls and device.keeper is not None:
            self._syncs.pop((device.name, shelf.url), None)
            belonging.readdress(device, shelf, draw)

    def _have_back(self, device: Device, _shelf: Shelf, draw: int) -> None:
        if device.keeper is not None:
            belonging.have_back(self.world, device, draw)

    def _toggle_set(self, device: Device, _shelf: Shelf, _draw: int) -> None:
        self._toggle(device)

    def _toggle(self, device: Device) -> None:
        self._stop(device)
        device.optional_sets = () if device.optional_sets else ("plans",)
        device.start()

    def _refuse(self, device: Device, _shelf: Shelf, draw: int) -> None:
        """Let the wallet refuse some rows from now on, or no longer."""
        device.program.execute("DROP TRIGGER IF EXISTS stubborn")
        if draw % 3:
            device.program.execute(
                "CREATE TRIGGER stubborn BEFORE INSERT ON exchanges WHEN NEW.shown % 3 = 0"
                " BEGIN SELECT RAISE(ABORT, 'not now'); END"
            )

    def _scan(self, _device: Device, _shelf: Shelf, _draw: int) -> None:
        self.world.wall += 25 * 3600

    def _clock(self, _device: Device, _shelf: Shelf, draw: int) -> None:
        self.world.wall += (draw % 4_000_000) - 2_000_000


def run_steps(seed: int, steps: list[Step], settings: Settings, folder: Path, *prepare: object) -> World:
    """Carry out steps in a new world, and close it. Raises Violated."""
    world = World(seed, folder)
    try:
        for each in prepare:
            each(world)  # type: ignore[operator]
        Schedule(world, settings).run(steps)
    finally:
        world.close()
    return world
