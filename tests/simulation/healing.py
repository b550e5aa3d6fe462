"""What a healing may make of a wallet database that is not as the daemon left it.

Rows that show what the replica does not hold are taken up. What the change log names was done by a person after the
daemon's last write there: it counts as done (again), by someone aware of what these tables had shown. All else is as
the replica has it.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation.entities import OPTIONAL_SETS
from simulation.oracle import Place

if TYPE_CHECKING:
    from simulation.device import Device, Snapshot

    from daemon.keeper.store import Store


@dataclass
class Healings:
    """Judges healings, and collects what was wrong with them."""

    problems: list[str] = field(default_factory=list)

    def judge(self, device: "Device", snapshot: "Snapshot", store: "Store") -> None:
        """Take into the replica's operations what a healing has to take up, and see whether it did."""
        world = device.world
        world.counts["healed"] += 1
        places = snapshot.rows.keys() | snapshot.pending.keys() | device.tables.logged.keys()
        for place in sorted(places):
            if place[0] in store.guest.active_sets:
                self._judge_place(device, snapshot, store, place)

    def _judge_place(self, device: "Device", snapshot: "Snapshot", store: "Store", place: Place) -> None:
        row = snapshot.rows.get(place)
        if row is None:
            self._judge_absence(device, store, place)
        else:
            self._judge_row(device, snapshot, store, place, row)

    def _judge_row(self, device: "Device", snapshot: "Snapshot", store: "Store", place: Place, row: int) -> None:
        oracle, held = device.world.oracle, device.held
        element = store.replica.known(*place).element
        shows = _shown(element)
        if not oracle.holds(place, held.operations, row):
            captured_before = store.guest.marker() is not None and row not in snapshot.pending.values()
            if shows == row or captured_before or place in device.tables.logged:
                held.operations |= oracle.get(row).bit
            return
        if shows != row or row in oracle.last_inserts(place, held.operations):
            return
        if place in device.tables.logged or not device.triggers or place[0] in OPTIONAL_SETS:
            self._make_again(device, place, row)
        elif row not in oracle.excused_inserts(place, held.operations):
            self.problems.append(f"{device.name} was healed to an older row of {place}: {row}")

    def _judge_absence(self, device: "Device", store: "Store", place: Place) -> None:
        """Judge a key that the log names and that has no row."""
        oracle, held = device.world.oracle, device.held
        element = store.replica.known(*place).element
        if place not in device.tables.logged or not oracle.last_inserts(place, held.operations):
            return
        if _shown(element) is None:
            self._make_again(device, place, None)

    @staticmethod
    def _make_again(device: "Device", place: Place, row: int | None) -> None:
        oracle = device.world.oracle
        aware_of = device.tables.shown.get(place, 0)
        operation = oracle.note(
            oracle.reserve(), place, device=device.name, aware_of=aware_of, excused=True,
            is_insert=row is not None, shows=row,
        )  # fmt: skip
        device.held.operations |= operation.bit


def _shown(element: object) -> int | None:
    from simulation.device import shown_by

    from daemon.sets.element import Element

    assert element is None or isinstance(element, Element)
    return shown_by(element.value) if element is not None and element.live else None
