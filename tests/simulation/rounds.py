"""One sync in steps, as daemon.exchange does it: a generator that yields between any two effects.

What a server does to it is decided by whoever advances it, by sending a fault: ``None`` for none, ``unreachable``
(nothing arrives), ``lost`` (the blob is stored, its answer is not heard).
"""

import io
from collections.abc import Generator

from simulation.device import Device
from simulation.shelf import Shelf
from simulation.world import World

from daemon.keeper.keeper import NoBlobThere, SameBlob, Spooled

Fault = str | None
Sync = Generator[str, Fault, None]

ATTEMPTS = 4


def sync(world: World, device: Device, shelf: Shelf, *, acknowledge: bool, always: bool = False) -> Sync:
    """Sync once. Ends early where the server fails."""
    assert device.keeper is not None
    keeper, keys = device.keeper, world.keys(shelf.identity)
    for _ in range(ATTEMPTS):
        known = keeper.record(shelf.url).revision
        if (yield "fetches") is not None:
            keeper.give_up_on(shelf.url)
            return
        answer = _answer(world, device, shelf, known)
        if (yield "has an answer") is not None:
            keeper.give_up_on(shelf.url)
            return
        keeper.take_in(shelf.url, answer)
        yield "took it in"
        if not keeper.has_to_say(shelf.url, acknowledge=acknowledge) and not always:
            keeper.note_success(shelf.url)
            return
        expected = keeper.record(shelf.url).revision
        yield "seals"
        sink = io.BytesIO()
        sealed = keeper.seal_blob(shelf.url, keys, sink)
        fault = yield "stores"
        if fault == "unreachable":
            return
        if shelf.revision == expected:
            revision = shelf.take(sink.getvalue())
            world.note_stored(device, shelf)
            if (yield "stored") is not None or fault == "lost":
                return
            keeper.note_stored(shelf.url, sealed, revision)
            keeper.note_success(shelf.url)
            return
        world.counts["conflict"] += 1
        if (yield "has a conflict") is not None:
            return


def _answer(world: World, device: Device, shelf: Shelf, known: str | None) -> NoBlobThere | SameBlob | Spooled:
    if shelf.blob is None:
        return NoBlobThere()
    if shelf.revision == known:
        return SameBlob()
    spool = device.folder / f"{shelf.identity}.down"
    spool.write_bytes(shelf.blob)
    return Spooled(spool, shelf.revision or "", len(shelf.blob), world.keys(shelf.identity))
