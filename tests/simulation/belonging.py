"""Where a device belongs: the servers that it syncs with are taken up, left, reached otherwise, or left all at once.

What the daemon's circle does besides changing its keeper (stopping a server's syncer, say) the schedule does.
"""

import random
from collections.abc import Iterator

from simulation.device import Device
from simulation.shelf import Shelf
from simulation.world import World, circles

from daemon.leaving import account_name, left_account

MOST_KEPT = 6
"""A person has one of so many values back."""


def enroll(world: World, device: Device, shelf: Shelf) -> None:
    """Take up a server. What is left to be done there, since it was left before, is called off."""
    assert device.keeper is not None
    if shelf.url in device.overrated or not world.is_in_clocks(device, shelf):
        device.unregistered.add(shelf.url)
        world.excuse()
    device.keeper.store.servers.note_departed(account_name(world.keys(shelf.identity)))
    device.keeper.enroll(shelf.url, shelf.identity, None)
    device.look_at_servers()


def leave(world: World, device: Device, shelves: list[Shelf], *, erase: bool = False) -> None:
    """Sync with these servers no longer; what is to be done there is done later."""
    assert device.keeper is not None
    left = []
    for shelf in shelves:
        keys, address = world.keys(shelf.identity), device.address_by_identity[shelf.identity]
        left.append(left_account(address, shelf.identity, keys, device.keeper.store.vault, erase=erase))
    device.keeper.leave(left)
    device.look_at_servers()


def readdress(device: Device, shelf: Shelf, draw: int) -> None:
    """Reach a server under another address."""
    assert device.keeper is not None
    address = f"{shelf.url}{draw % 1000}/"
    former = device.address_by_identity[shelf.identity]
    if former != address:
        device.keeper.readdress(former, address, None)
        device.look_at_servers()
        device.memory_of(shelf.url).clear()


def spared_shelves(world: World, device: Device, first: Shelf) -> Iterator[Shelf]:
    """Yield the servers, this one first, that others use too and without which all devices stay connected."""
    before = len(list(circles(world.devices, world.shelves)))
    for shelf in (first, *world.shelves):
        if shelf.url in device.urls and any(shelf.url in each.urls for each in world.devices if each is not device):
            device.urls.remove(shelf.url)
            after = len(list(circles(world.devices, world.shelves)))
            device.urls.add(shelf.url)
            if after == before:
                yield shelf


def have_back(world: World, device: Device, draw: int) -> None:
    """Have a deleted value back, or all that were deleted since some time."""
    assert device.keeper is not None
    history = device.keeper.store.history
    if draw % 3 == 0:
        kept = history.first_since(world.wall - draw % (7 * 24 * 3600))
    elif kept := history.last(MOST_KEPT):
        kept = [random.Random(draw).choice(kept)]
    device.keeper.restore(kept)
