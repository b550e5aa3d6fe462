"""The brake on mass deletes: a wallet emptied by mistake must not empty the others.

A change is held where it deletes more than a number of elements of a guarded set and more than a share of it, or
leaves such a set empty that had more than a quarter of that number. What is spent or expired by the profile's
condition does not count, nor what moved to another set in the same change. Everything else of the change goes on.
"""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from daemon.keeper.store import Rules, Store
from daemon.wallet.rows import InvalidValue, SqlValue, decode_key, decode_value
from daemon.wallet.tables import SetTable, quoted

Place = tuple[str, str]


@dataclass(frozen=True)
class Death:
    """An element that a change is about to delete: its place and its last value."""

    set_name: str
    key: str
    value: bytes


def to_be_held(
    store: Store, deaths: Iterable[Death], live_before: Callable[[str], int], lives: Callable[[Place], bool]
) -> list[Place]:
    """Return those deletes of a change that have to wait for a person.

    ``live_before`` counts a set's live elements before the change, ``lives`` tells what is live after it.
    """
    deaths_by_set: dict[str, list[Death]] = {}
    for death in deaths:
        deaths_by_set.setdefault(death.set_name, []).append(death)
    held: list[Place] = []
    for set_name, dead in deaths_by_set.items():
        table = store.guest.guarded_tables.get(set_name)
        if table is None or len(dead) <= store.rules.guard_count // 4:
            continue
        counted = [death for death in dead if not _moved(table, death, lives) and not _is_spent(table, death)]
        if _is_mass_delete(store.rules, len(counted), len(dead), live_before(set_name)):
            held += [(death.set_name, death.key) for death in counted]
    return held


def _is_mass_delete(rules: Rules, counted: int, dead: int, live: int) -> bool:
    empties = dead >= live and counted > rules.guard_count // 4
    return empties or (counted > rules.guard_count and counted > rules.guard_share * live)


def _moved(table: SetTable, death: Death, lives: Callable[[Place], bool]) -> bool:
    return table.profile.moves_to is not None and lives((table.profile.moves_to, death.key))


def _is_spent(table: SetTable, death: Death) -> bool:
    """Evaluate the profile's condition on the value that the element had: its row may be gone already."""
    if table.profile.spent is None:
        return False
    try:
        columns = _columns(table, death)
    except InvalidValue:
        return False
    row = ", ".join(f"? AS {quoted(name)}" for name in columns)
    memory = sqlite3.connect(":memory:")
    try:
        found = memory.execute(f"SELECT ({table.profile.spent}) IS TRUE FROM (SELECT {row})", list(columns.values()))
        return bool(found.fetchone()[0])
    finally:
        memory.close()


def _columns(table: SetTable, death: Death) -> dict[str, SqlValue]:
    absent = dict.fromkeys((*table.shared, *table.profile.local))
    key = dict(zip(table.profile.key, decode_key(death.key), strict=True))
    return absent | decode_value(death.value) | key
