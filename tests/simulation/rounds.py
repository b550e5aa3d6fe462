"""One sync in steps, as daemon.exchange does it: a generator that yields between any two effects.

What a server does to it is decided by whoever advances it, by sending a fault: ``None``, or one of simulation.shelf's.
Where no server is asked, a fault means that the sync is given up.
"""

from collections.abc import Generator
from pathlib import Path

from simulation.device import LIMITS, Device
from simulation.shelf import Fault, Shelf
from simulation.world import World

from daemon.blob.errors import BlobUnreadable
from daemon.keeper.answer import Answer, NoBlobThere, SameBlob, Spooled
from daemon.leaving import Departure, keys_of, rewrite
from daemon.server.base import Conflict, Failure, Fetched, FetchOutcome, NoBlob, Stored, StoreOutcome, Unchanged

Sync = Generator[str, Fault, None]

ATTEMPTS = 4


def next_round(world: World, device: Device, shelf: Shelf, *, acknowledge: bool, always: bool = False) -> Sync:
    """Do what there is to be done with a server: sync, or depart from it."""
    if shelf.url in device.urls:
        yield from sync(world, device, shelf, acknowledge=acknowledge, always=always)
    elif shelf.identity in device.departures:
        yield from depart(world, device, shelf)


def sync(world: World, device: Device, shelf: Shelf, *, acknowledge: bool, always: bool = False) -> Sync:
    """Sync once. Ends early where the server fails."""
    assert device.keeper is not None
    keeper, url, memory = device.keeper, device.address_by_identity[shelf.identity], device.memory_of(shelf.url)
    for _ in range(ATTEMPTS):
        answer = _fetch(world, device, shelf, url, (yield "fetches"))
        if isinstance(answer, Failure) or (yield "has an answer") is not None:
            break
        try:
            keeper.take_in(url, answer)
        except BlobUnreadable:
            world.counts["blob unreadable"] += 1
            break
        yield "took it in"
        if not keeper.has_to_say(url, acknowledge=acknowledge) and not always:
            keeper.note_success(url)
            return
        expected = keeper.record(url).revision
        yield "seals"
        spool = device.folder / f"{shelf.identity}.up"
        with spool.open("wb") as sink:
            sealed = keeper.seal_blob(url, world.keys(shelf.identity), sink)
        match _store(world, device, shelf, spool, expected, (yield "stores"), memory):
            case Stored(revision):
                if (yield "stored") is not None:
                    break
                keeper.note_stored(url, sealed, revision)
                keeper.note_success(url)
                return
            case Conflict():
                world.counts["conflict"] += 1
                if (yield "has a conflict") is not None:
                    break
            case Failure():
                break
    keeper.give_up_on(url)


def depart(world: World, device: Device, shelf: Shelf) -> Sync:
    """Try once what is left to be done at a server that was left, as daemon.leaving does it."""
    assert device.keeper is not None
    store, left = device.keeper.store, device.departures[shelf.identity]
    keys, departure = keys_of(left, store.vault), Departure(shelf.identity, store.identity.wallet_id, left.erase)
    fault = yield "fetches, to leave"
    _count(world, fault, "fetch")
    down, up = device.folder / f"{shelf.identity}.left", device.folder / f"{shelf.identity}.leaving"
    match shelf.fetch(None, down, fault, {}):
        case Failure():
            return
        case Fetched(revision):
            if (yield "has an answer, to leave") is not None:
                return
            try:
                if rewrite(down, up, keys, departure, LIMITS):
                    world.note_left(device, shelf, down.read_bytes(), up.read_bytes(), emptied=left.erase)
                    fault = yield "stores, to leave"
                    outcome = _store(world, device, shelf, up, revision, fault, {})
                    if not isinstance(outcome, Stored) or (yield "stored, to leave") is not None:
                        return
            except BlobUnreadable:
                world.counts["blob unreadable"] += 1
                return
    store.servers.note_departed(left.account)
    device.look_at_servers()
    world.counts["departed"] += 1


def _fetch(world: World, device: Device, shelf: Shelf, url: str, fault: Fault) -> Answer | Failure:
    assert device.keeper is not None
    _count(world, fault, "fetch")
    spool = device.folder / f"{shelf.identity}.down"
    known = device.keeper.record(url).revision
    outcome: FetchOutcome = shelf.fetch(known, spool, fault, device.memory_of(shelf.url))
    match outcome:
        case Unchanged():
            return SameBlob()
        case NoBlob():
            return NoBlobThere()
        case Fetched(revision, sealed_bytes):
            return Spooled(spool, revision, sealed_bytes, world.keys(shelf.identity))
        case Failure():
            return outcome


def _store(
    world: World,
    device: Device,
    shelf: Shelf,
    sealed: Path,
    expected: str | None,
    fault: Fault,
    memory: dict[str, str],
) -> StoreOutcome:
    _count(world, fault, "store")
    before = shelf.uploads
    outcome = shelf.store(sealed, expected, fault, memory)
    if shelf.uploads != before:
        world.note_stored(device, shelf)
    return outcome


def _count(world: World, fault: Fault, what: str) -> None:
    if fault is not None:
        world.counts[f"{what} {fault}"] += 1
