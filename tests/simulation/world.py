"""The simulated world: devices, servers, a system clock that can be set, and the oracle beside them."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
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
    published: Operations = 0
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

    def enroll(self, device: Device, shelf: Shelf) -> None:
        """Enrol a device with a server."""
        assert device.keeper is not None
        device.keeper.store.servers.enroll(shelf.url, shelf.identity, None)
        device.urls.add(shelf.url)
        device.unregistered.add(shelf.url)
        self.excuse()

    def note_sealed(self, device: Device, blob: bytes, wallets: Iterable[str]) -> None:
        """Note what a blob holds."""
        self.blob_by_digest[digest(blob)] = BlobNote(device.held.operations, frozenset(wallets))

    def note_stored(self, device: Device, shelf: Shelf) -> None:
        """Note that a server has taken a device's blob, whatever the device hears of it."""
        assert shelf.blob is not None
        note = self.blob_by_digest[digest(shelf.blob)]
        self.published |= note.holds
        device.unregistered.discard(shelf.url)
        for other in self.devices:
            if shelf.url in other.urls and other.identity.wallet_id not in note.wallets:
                other.unregistered.add(shelf.url)
                self.excuse()

    @property
    def is_shaky(self) -> bool:
        """Whether some wallet is not in all clocks of its servers, or has not seen what it says there."""
        return any(device.unregistered or device.is_copied or device.is_unhealed for device in self.devices)

    def excuse(self) -> None:
        """Excuse what not everyone has heard of yet: a delete may be forgotten before it meets it."""
        known_to_all = -1
        for device in self.devices:
            known_to_all &= device.held.operations
        for operation in self.oracle.operations:
            if operation is not None and not operation.bit & known_to_all:
                operation.excused = True
