"""After everything has gone quiet: is each entity what the oracle says, everywhere, and is nothing left over?"""

from collections import defaultdict
from collections.abc import Iterator

from simulation.device import Device, shown_by
from simulation.oracle import Operations, Place
from simulation.rounds import next_round
from simulation.shelf import Shelf
from simulation.world import Violated, World, circles

from daemon.sets.element import Element
from daemon.wallet.tables import CIRCLE_SET

MOST_ROUNDS = 30


def settle_down(world: World, *, quiet_rounds: int = 1) -> None:
    """Let all wallets sync with all their servers until nobody uploads any more. Raises Violated if it never ends."""
    for device in world.devices:
        device.fuse = None
        if device.keeper is None:
            device.start()
    quiet = 0
    for _ in range(MOST_ROUNDS):
        before = [shelf.uploads for shelf in world.shelves]
        sync_all(world)
        quiet = quiet + 1 if before == [shelf.uploads for shelf in world.shelves] else 0
        if quiet == quiet_rounds:
            return
    raise Violated("the wallets never stop uploading")


def sync_all(world: World) -> None:
    """Let every wallet sync once with each of its servers, a person asking for it, and depart from those it left."""
    for device in world.devices:
        for shelf in world.shelves:
            for _ in next_round(world, device, shelf, acknowledge=True):
                pass


def forget_lost(world: World) -> None:
    """Let somebody in each circle forget the wallets that are lost for good, and rows that came back after a leave."""
    for devices, shelves in circles(world.devices, world.shelves):
        for wallet_id in sorted({lost.identity.wallet_id for lost in world.lost}):
            knowing = [each.keeper for each in devices if each.keeper and each.knows(wallet_id)]
            if knowing:
                knowing[0].forget_wallet(wallet_id)
        for shelf in shelves:
            _forget_returned(shelf, [device for device in devices if shelf.url in device.urls])


def _forget_returned(shelf: Shelf, users: list[Device]) -> None:
    """Let those who sync with a server forget the wallets that had left it and are in its clocks all the same."""
    enrolled = {user.identity.wallet_id for user in users}
    for user in users if shelf.keeps_rows else ():
        assert user.keeper is not None
        clocks = user.keeper.store.servers.clocks(user.address_by_identity[shelf.identity]) or {}
        for wallet_id in sorted(clocks.keys() - enrolled):
            user.keeper.forget_wallet(wallet_id)


def check(world: World) -> None:
    """Compare every circle with the oracle. Raises Violated with all that is wrong."""
    problems = list(world.healings.problems)
    for devices, shelves in circles(world.devices, world.shelves):
        problems += _check_circle(world, devices, shelves)
    if problems:
        raise Violated("; ".join(problems))


def _check_circle(world: World, devices: list[Device], shelves: list[Shelf]) -> Iterator[str]:
    if not shelves:
        return
    held: Operations = 0
    for device in devices:
        held |= device.held.operations
    replicas = {device.name: dict(_live(device)) for device in devices}
    yield from _unequal(replicas)
    for place in sorted(world.oracle.operations_by_place):
        yield from _check_place(world, place, held, replicas)
    for device in devices:
        yield from _check_tables(device, replicas[device.name])
        yield from _check_leftovers(device)


def _live(device: Device) -> Iterator[tuple[Place, int]]:
    assert device.keeper is not None
    replica = device.keeper.store.replica
    for set_name in replica.set_names():
        for entry in replica.entries_of(set_name):
            if entry.element.live and set_name != CIRCLE_SET:
                yield entry.place, shown_by(entry.element.value)


def _unequal(replicas: dict[str, dict[Place, int]]) -> Iterator[str]:
    shown = defaultdict[Place, dict[str, int | None]](dict)
    for place in {place for live in replicas.values() for place in live}:
        shown[place] = {name: live.get(place) for name, live in replicas.items()}
    for place, by_name in sorted(shown.items()):
        if len(set(by_name.values())) > 1:
            yield f"{place} is not the same everywhere: {by_name}"


def _check_place(world: World, place: Place, held: Operations, replicas: dict[str, dict[Place, int]]) -> Iterator[str]:
    wanted = world.oracle.last_inserts(place, held)
    allowed = world.oracle.may_show(place, held)
    for name, live in replicas.items():
        found = live.get(place)
        if found in allowed:
            world.counts["agreed"] += 1
        elif found is None:
            yield f"lost: {place} is gone on {name} and should show {sorted(wanted)}"
        elif not wanted:
            yield f"resurrected: {place} shows {found} on {name} and was deleted"
        else:
            yield f"stale for ever: {place} shows {found} on {name} and should show {sorted(wanted)}"


def _check_tables(device: Device, live: dict[Place, int]) -> Iterator[str]:
    assert device.keeper is not None
    store, rows = device.keeper.store, device.rows()
    for place in device.tables.pending:
        yield f"{device.name} never captured what was done to {place}"
    for place in sorted(rows.keys() | live.keys()):
        if place[0] not in store.guest.active_sets or rows.get(place) == live.get(place):
            continue
        entry = store.to_apply.get(*place)
        if entry is None or entry.refusal is None:
            yield (
                f"{device.name}'s table shows {rows.get(place)} for {place}, its replica {live.get(place)}"
                f" ({'not listed' if entry is None else 'listed and not refused'})"
            )


def _check_leftovers(device: Device) -> Iterator[str]:
    assert device.keeper is not None
    store = device.keeper.store
    for entry in store.replica.entries_with_deletes():
        if store.to_apply.get(*entry.place) is None:
            what = "deletes of a live element" if entry.element.live else "a tombstone"
            yield f"{what} left on {device.name} for ever: {entry.place} {dict(entry.element.deletes)}"


def element_text(element: Element | None) -> str:
    """Write an element for a story."""
    return "nothing" if element is None else f"{element.stamp} {element.value.decode()} {dict(element.deletes)}"
