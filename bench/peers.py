"""Other ways to bring two devices together, given the same entities and the same change: time and bytes.

All get the same task: another device's sealed state, in which half of 1 % of the entities were changed, is opened, read
and merged with an own state in which another half of 1 % were changed; the result is written and sealed. Opening and
sealing are the same for all (SHA-512, XChaCha20-Poly1305, zstandard), and their states lie in memory, where walletsync
reads and writes two databases besides. A peer keeps each entity as its JSON text in one map. None of them has our
semantics: that a delete wins, and that tombstones are collected.

They are not measured in turn, and so are compared by the processor's time and by the best of all rounds.

Peers that are not installed are left out; ``make bench`` installs them. With a million entities they need more memory
than most machines have: they are measured up to ``LARGEST``.
"""

import gc
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import version
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import msgspec
from rich.table import Table

from bench import cycles
from bench.floor import Document, pack, unpack
from bench.section import Figures, Wanted, milliseconds
from bench.statistics import Lap, lap, since

LARGEST = 100_000
CHANGE = " "
"""What a changed entity has behind its JSON text."""

Values = Mapping[str, str]


class Peer(Protocol):
    """A device's state, as one library keeps it."""

    def put(self, values: Values) -> None:
        """Change so many entities in one transaction."""

    def save(self) -> bytes:
        """Write the whole state."""
        ...

    def merge(self, saved: bytes) -> None:
        """Merge another device's whole state into this one."""

    def values(self) -> Values:
        """Return all entities."""
        ...


class PlainJson:
    """Dicts and the json module: the later stamp wins."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._time = 0
        self._elements: dict[str, list[Any]] = {}

    def put(self, values: Values) -> None:
        """Change so many entities in one transaction."""
        self._time += 1
        self._elements |= {key: [self._time, self._device, value] for key, value in values.items()}

    def save(self) -> bytes:
        """Write the whole state."""
        return json.dumps(self._elements, separators=(",", ":"), sort_keys=True).encode()

    def merge(self, saved: bytes) -> None:
        """Merge another device's whole state into this one."""
        for key, element in json.loads(saved).items():
            mine = self._elements.get(key)
            if mine is None or mine[:2] < element[:2]:
                self._elements[key] = element

    def values(self) -> Values:
        """Return all entities."""
        return {key: element[2] for key, element in self._elements.items()}


class PyCrdt:
    """pycrdt, which is Yjs in Rust: one map in a document."""

    def __init__(self, library: ModuleType, device: int) -> None:
        self._document = library.Doc(client_id=device)
        self._document["entities"] = self._map = library.Map()

    def put(self, values: Values) -> None:
        """Change so many entities in one transaction."""
        with self._document.transaction():
            for key, value in values.items():
                self._map[key] = value

    def save(self) -> bytes:
        """Write the whole state."""
        return bytes(self._document.get_update())

    def merge(self, saved: bytes) -> None:
        """Merge another device's whole state into this one."""
        self._document.apply_update(saved)

    def values(self) -> Values:
        """Return all entities."""
        return dict(self._map.items())


class Loro:
    """Loro: one map in a document, saved as a snapshot."""

    def __init__(self, library: ModuleType, device: int) -> None:
        self._library = library
        self._document = library.LoroDoc()
        self._document.peer_id = device
        self._map = self._document.get_map("entities")

    def put(self, values: Values) -> None:
        """Change so many entities in one transaction."""
        for key, value in values.items():
            self._map.insert(key, value)
        self._document.commit()

    def save(self) -> bytes:
        """Write the whole state."""
        return bytes(self._document.export(self._library.ExportMode.Snapshot()))

    def merge(self, saved: bytes) -> None:
        """Merge another device's whole state into this one."""
        self._document.import_(saved)

    def values(self) -> Values:
        """Return all entities."""
        return dict(self._map.get_value())


class Compared(NamedTuple):
    """One way to do it: seconds of the processor's time that a cycle takes at best, and bytes of the sealed state."""

    entities: int
    name: str
    work_s: float
    times_ours: float
    sealed_bytes: int


def section(wanted: Wanted) -> Figures:
    """Compare at every size."""
    results = [row for size in wanted.sizes if size <= LARGEST for row in compare(size, wanted.rounds)]
    table = Table("entities", "1 % changed", "work of a cycle", "times walletsync's", "sealed state")
    for row in results:
        sealed = f"{row.sealed_bytes / 1e6:,.2f} MB"
        table.add_row(f"{row.entities:,}", row.name, milliseconds(row.work_s), f"{row.times_ours:.2f}", sealed)
    return Figures([row._asdict() for row in results], table)


def compare(entities: int, rounds: int) -> list[Compared]:
    """Measure walletsync and every peer that is installed with a wallet of this size."""
    with cycles.two_wallets(entities) as (first, second):
        ours = cycles.measure_between(first, second, entities, rounds)
        plain, _ = cycles.blob_of(first)
    values = _values(plain)
    compared = [Compared(entities, "walletsync", ours["cycle_work_s"], 1.0, int(ours["sealed_bytes"]))]
    for name, make in _makers():
        seconds, sealed_bytes = _measure(make, values, rounds)
        compared.append(Compared(entities, name, seconds, seconds / ours["cycle_work_s"], sealed_bytes))
        gc.collect()
    return compared


def _makers() -> Iterable[tuple[str, Callable[[int], Peer]]]:
    """Yield the peers that are installed: their names, and how a device's state is made."""
    yield "dicts and json", PlainJson
    peers: dict[str, Callable[[ModuleType, int], Peer]] = {"pycrdt": PyCrdt, "loro": Loro}
    for library_name, peer in peers.items():
        try:
            library = importlib.import_module(library_name)
        except ModuleNotFoundError:
            continue
        yield f"{library_name} {version(library_name)}", partial(peer, library)


def _measure(make: Callable[[int], Peer], values: Values, rounds: int) -> tuple[float, int]:
    """Return the least of a cycle's seconds of work, and the size of the sealed state after the last."""
    mine, theirs = make(1), make(2)
    mine.put(values)
    theirs.merge(mine.save())
    laps: list[Lap] = []
    sealed = b""
    for number in range(rounds):
        theirs.put(changed(values, 2 * number))
        sealed = pack(theirs.save())
        mine.put(changed(values, 2 * number + 1))
        gc.collect()
        began = lap()
        mine.merge(unpack(sealed))
        sealed = pack(mine.save())
        laps.append(since(began))
        theirs.merge(unpack(sealed))
        assert mine.values() == theirs.values()
    return min(each.work for each in laps), len(sealed)


def changed(values: Values, number: int) -> Values:
    """Return half of 1 % of the entities, others for each number, with a changed text."""
    keys = list(values)
    step = max(1, len(keys) // max(1, len(keys) // 200))
    return {key: f"{values[key]}{CHANGE * (number + 1)}" for key in keys[number % step :: step]}


def _values(plain: bytes) -> Values:
    document = msgspec.json.decode(plain, type=Document)
    return {
        f"{set_name} {key}": bytes(line.value).decode()
        for set_name, elements in document.sets.items()
        for key, line in elements.items()
    }
