"""One sync in steps, as daemon.exchange does it: a generator that yields between any two effects.

What a server does to it is decided by whoever advances it, by sending a fault: ``None``, or one of simulation.shelf's.
Where no server is asked, a fault means that the sync is given up.
"""

from collections.abc import Generator
from pathlib import Path

from simulation.device import Device
from simulation.shelf import Fault, Shelf
from simulation.world import World

from daemon.blob.errors import BlobUnreadable
from daemon.keeper.keeper import Answer, NoBlobThere, SameBlob, Spooled
from daemon.server.base import Conflict, Failure, Fetched, FetchOutcome, NoBlob, Stored, StoreOutcome, Unchanged

Sync = Generator[str, Fault, None]

ATTEMPTS = 4


def sync(world: World, device: Device, shelf: Shelf, *, acknowledge: bool, always: bool = False) -> Sync:
    """Sync once. Ends early where the server fails."""
    assert device.keeper is not None
    keeper = device.keeper
    for _ in range(ATTEMPTS):
        answer = _fetch(world, device, shelf, (yield "fetches"))
        if isinstance(answer, Failure) or (yield "has an answer") is not None:
            break
        try:
            keeper.take_in(shelf.url, answer)
        except BlobUnreadable:
            world.counts["blob unreadable"] += 1
            break
        yield "took it in"
        if not keeper.has_to_say(shelf.url, acknowledge=acknowledge) and not always:
            keeper.note_success(shelf.url)
            return
        expected = keeper.record(shelf.url).revision
        yield "seals"
        spool = device.folder / f"{shelf.identity}.up"
        with spool.open("wb") as sink:
            sealed = keeper.seal_blob(shelf.url, world.keys(shelf.identity), sink)
        match _store(world, device, shelf, spool, expected, (yield "stores")):
            case Stored(revision):
                if (yield "stored") is not None:
                    break
                keeper.note_stored(shelf.url, sealed, revision)
                keeper.note_success(shelf.url)
                return
            case Conflict():
                world.counts["conflict"] += 1
                if (yield "has a conflict") is not None:
                    break
            case Failure():
                break
    keeper.give_up_on(shelf.url)


def _fetch(world: World, device: Device, shelf: Shelf, fault: Fault) -> Answer | Failure:
    assert device.keeper is not None
    _count(world, fault, "fetch")
    spool = device.folder / f"{shelf.identity}.down"
    known = device.keeper.record(shelf.url).revision
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
    world: World, device: Device, shelf: Shelf, sealed: Path, expected: str | None, fault: Fault
) -> StoreOutcome:
    _count(world, fault, "store")
    before = shelf.uploads
    outcome = shelf.store(sealed, expected, fault, device.memory_of(shelf.url))
    if shelf.uploads != before:
        world.note_stored(device, shelf)
    return outcome


def _count(world: World, fault: Fault, what: str) -> None:
    if fault is not None:
        world.counts[f"{what} {fault}"] += 1
