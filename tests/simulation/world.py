"""The simulated world: devices, servers, a system clock that can be set, and the oracle beside them."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulation.device import Device, digest
from simulation.healing import Healings
from simulation.oracle import Operations, Oracle
from simulation.person import statements
from simulation.shelf import Shelf, TalerShelf

from daemon.blob.keys import ServerKeys, server_keys
from daemon.keeper.stamping import Identity
from daemon.keeper.store import Store

ROOT = bytes(range(32))
START = 1_800_000_000.0
_KEYS: dict[str, ServerKeys] = {}


class Violated(Exception):  # noqa: N818 - what is the matter, in words
    """An invariant does not hold."""


@dataclass(frozen=True)
class BlobNote:
    """What the world knows of a sealed blob: the operations that it holds, and the wallets in its clocks."""

    holds: Operations
    wallets: frozenset[str]


@dataclass
class World:
    """Everything there is. ``on_start`` and ``edit`` are where mutants and drivers reach in."""

    seed: int
    folder: Path
    wall: float = START
    oracle: Oracle = field(default_factory=Oracle)
    devices: list[Device] = field(default_factory=list)
    shelves: list[Shelf] = field(default_factory=list)
    blob_by_digest: dict[str, BlobNote] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    lost: list[Device] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    on_start: Callable[[Device, Store], None] = lambda device, store: None
    healings: Healings = field(default_factory=Healings)

    def add_device(self, name: str, identity: Identity | None = None) -> Device:
        while any(device.name == name for device in self.devices):
            name += "'"
        device = Device(self, name, identity)
        self.devices.append(device)
        return device

    def add_shelf(self, number: int, draw: int) -> None:
        """Add a server: a folder, or a Taler sync server of either dialect."""
        identity = f"shelf{number}"
        account = self.keys(identity).account
        if draw % 4:
            self.shelves.append(Shelf(f"file:///{identity}/", identity, account))
        else:
            url = f"https://{identity}.example.org/"
            self.shelves.append(TalerShelf(url, identity, account, quoted=draw % 8 == 0))

    def lose(self, device: Device) -> None:
        """Lose a device for good."""
        device.close()
        self.devices.remove(device)
        self.lost.append(device)

    def close(self) -> None:
        for device in self.devices:
            device.close()

    def keys(self, identity: str) -> ServerKeys:
        if identity not in _KEYS:
            _KEYS[identity] = server_keys(ROOT, identity)
        return _KEYS[identity]

    def tell(self, text: str) -> None:
        """Add a line to the story."""
        self.story.append(text)

    def edit(self, device: Device, draw: int) -> None:
        """Let a person do something on a device."""
        chance = random.Random(draw)
        what, todo = statements(device.program, self.oracle.reserve, chance)
        self.counts[what] += 1
        for line in device.edit(*todo):
            self.tell(f"  {what}: {line}")

    def is_in_clocks(self, device: Device, shelf: Shelf) -> bool:
        """Tell whether a device's wallet is waited for by whoever reads what the server holds."""
        note = self.blob_by_digest.get(digest(shelf.blob)) if shelf.blob is not None else None
        return note is not None and device.identity.wallet_id in note.wallets

    def note_sealed(self, operations: Operations, blob: bytes, wallets: Iterable[str]) -> None:
        """Note what a blob holds."""
        self.blob_by_digest[digest(blob)] = BlobNote(operations, frozenset(wallets))

    def note_left(self, device: Device, shelf: Shelf, before: bytes, after: bytes, *, emptied: bool) -> None:
        """Note what a server's blob holds once a wallet that left has written it back without its row, or emptied."""
        note = self.blob_by_digest[digest(before)]
        holds = 0 if emptied else note.holds
        shelf.keeps_rows |= emptied
        self.note_sealed(holds, after, note.wallets - {device.identity.wallet_id})

    def note_stored(self, device: Device, shelf: Shelf) -> None:
        """Note that a server has taken a device's blob, whatever the device hears of it."""
        assert shelf.blob is not None
        note = self.blob_by_digest[digest(shelf.blob)]
        device.overrated.discard(shelf.url)
        if shelf.url in device.unregistered:
            device.unregistered.discard(shelf.url)
            self._meet(device)
        for other in self.devices:
            if shelf.url in other.urls and other.identity.wallet_id not in note.wallets:
                other.unregistered.add(shelf.url)
                self.excuse()

    @property
    def is_shaky(self) -> bool:
        """Whether some wallet is not in all clocks of its servers, or has not seen what it says there."""
        return any(device.unregistered or device.is_copied or device.is_unhealed for device in self.devices)

    def _meet(self, newcomer: Device) -> None:
        """Note what the devices connected with a newcomer may have forgotten the deletes of before it was waited for.

        Of those deletes not everyone will hear. Only what is said of them from now on reaches all.
        """
        connected = next(devices for devices, _ in circles(self.devices, self.shelves) if newcomer in devices)
        for device in connected:
            for other in connected:
                device.unheard |= other.held.operations

    def excuse(self) -> None:
        """Excuse what not everyone has heard of yet: a delete may be forgotten before it meets it."""
        known_to_all = -1
        for device in self.devices:
            known_to_all &= device.held.operations
        for operation in self.oracle.operations:
            if operation is not None and not operation.bit & known_to_all:
                operation.excused = True


def circles(all_devices: Sequence[Device], all_shelves: Sequence[Shelf]) -> Iterator[tuple[list[Device], list[Shelf]]]:
    """Yield the wallets and servers that are connected with each other."""
    left = list(all_devices)
    while left:
        devices, urls = [left.pop(0)], set[str]()
        for device in devices:
            urls |= device.urls
            devices += [other for other in left if other.urls & urls]
            left = [other for other in left if other not in devices]
        yield devices, [shelf for shelf in all_shelves if shelf.url in urls]
