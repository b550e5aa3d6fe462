"""The brake on mass deletes: a wallet emptied by mistake must not empty the others.

A change is held where it deletes more than a number of elements of a guarded set and more than a share of it, or
leaves such a set empty that had more than a quarter of that number. What is spent or expired by the profile's
condition does not count, nor what another set says is spent, nor what moved to another set in the same change. A
change that leaves nothing at all, of any set, is held too, however little there was of each guarded set.

Then all is held that the change deletes and that did not move, of every set of this profile of which it deletes as
much by the same measure or which it leaves empty: whoever wiped the coins wiped what belongs to them. The rest of the
change goes on.
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
    guarded = {name: table for name, table in store.guest.guarded_tables.items() if name in deaths_by_set}

    def unmoved(name: str) -> list[Death]:
        return [each for each in deaths_by_set[name] if name not in guarded or not _moved(guarded[name], each, lives)]

    def counted(name: str) -> list[Death]:
        return [each for each in unmoved(name) if not _is_spent(guarded[name], each, lives)]

    def is_much(name: str, counted: int) -> bool:
        return counted > 0 and _is_much(store.rules, counted, len(deaths_by_set[name]), live_before(name))

    few = store.rules.guard_count // 4
    count_by_set = {name: len(counted(name)) for name in guarded if len(deaths_by_set[name]) > few}
    trips = any(count > few and is_much(name, count) for name, count in count_by_set.items())
    if not trips and not (_leaves_nothing(store, deaths_by_set, live_before) and any(map(counted, guarded))):
        return []
    dead_by_set = {name: unmoved(name) for name in deaths_by_set if name in store.guest.set_by_name}
    return [
        (death.set_name, death.key) for name, dead in dead_by_set.items() if is_much(name, len(dead)) for death in dead
    ]


def _is_much(rules: Rules, counted: int, dead: int, live: int) -> bool:
    return dead >= live or (counted > rules.guard_count and counted > rules.guard_share * live)


def _leaves_nothing(store: Store, deaths_by_set: dict[str, list[Death]], live_before: Callable[[str], int]) -> bool:
    """Tell whether a change of some size leaves every set empty."""
    if sum(map(len, deaths_by_set.values())) <= store.rules.guard_count // 4:
        return False
    untouched_first = sorted(store.guest.active_sets, key=lambda name: name in deaths_by_set)
    return all(len(deaths_by_set.get(name, ())) >= live_before(name) for name in untouched_first)


def _moved(table: SetTable, death: Death, lives: Callable[[Place], bool]) -> bool:
    return table.profile.moves_to is not None and lives((table.profile.moves_to, death.key))


def _is_spent(table: SetTable, death: Death, lives: Callable[[Place], bool]) -> bool:
    """Ask the set that says so, and the profile's condition on the value that the element had: its row may be gone."""
    if table.profile.spent_in is not None and lives((table.profile.spent_in, death.key)):
        return True
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
