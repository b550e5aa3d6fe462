"""Having deleted values back: as new inserts, so that every wallet gets them, but for what was spent."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.keeper.judge import judge_absence
from daemon.keeper.spent import Place, obstacle
from daemon.keeper.stamping import Stamper
from daemon.keeper.store import Store
from daemon.sets.operations import insert
from daemon.state.history import Kept
from daemon.wallet.rows import decode_key


class Restored(NamedTuple):
    """What is live again, and what was left out: it was spent or has moved on, or its set is none of this profile."""

    restored: list[Kept]
    spent: list[Kept]
    unknown: list[Kept]


def restore(store: Store, kept: Sequence[Kept]) -> Restored:
    """Insert anew what was kept and is not live now. The next write brings it to the wallet.

    Of several values of one key the first is taken.
    """
    first_by_place: dict[Place, Kept] = {}
    for each in kept:
        first_by_place.setdefault((each.set_name, each.key), each)
    result = Restored([], [], [])
    with store.state.transaction():
        stamper = store.stamper()
        batch = store.to_apply.open_batch(stamper.seen)
        for place, each in first_by_place.items():
            if store.lives(place):
                continue
            match obstacle(store, place, first_by_place):
                case "spent":
                    result.spent.append(each)
                case "unknown":
                    result.unknown.append(each)
                case None:
                    insert_anew(store, stamper, batch, *place, store.vault.open(each.sealed))
                    result.restored.append(each)
        stamper.finish()
    store.writer = stamper.writer
    return result


def insert_anew(store: Store, stamper: Stamper, batch: int, set_name: str, key: str, value: bytes) -> None:
    """Make a deleted element live again, and list it for the wallet in this batch."""
    known = store.replica.known(set_name, key)
    store.replica.put(set_name, key, insert(known.element, stamper.stamp(), value))
    store.to_apply.add(set_name, key, batch, known.base)
    store.held.release_key(set_name, key)


def approve(store: Store, number: int) -> None:
    """Let a held mass delete happen: the next write deletes the rows, or the absent rows become deletes.

    Raises WalletTrouble where the wallet cannot be asked which rows are absent.
    """
    held = _find(store, number)
    keys = store.held.keys(number)
    store.guest.refresh()
    with store.guest.reading(), store.state.transaction():
        stamper = store.stamper()
        for set_name, key in keys if held == "out" else ():
            table = store.guest.layout.table_by_set.get(set_name)
            if table is not None and store.guest.reader.read(table, decode_key(key)) is None:
                judge_absence(store, stamper, table, key)
        store.held.release(number)
        stamper.finish()
    store.writer = stamper.writer


def reject(store: Store, number: int) -> None:
    """Undo a held mass delete: what a merge deleted is inserted anew, what the wallet deleted is written back.

    What of it was spent since stays deleted.
    """
    held = _find(store, number)
    with store.state.transaction():
        stamper = store.stamper()
        batch = store.to_apply.open_batch(stamper.seen)
        keys = store.held.keys(number)
        for set_name, key in keys:
            if held == "out":
                store.to_apply.add(set_name, key, batch, None)
                store.replica.set_base(set_name, key, None)
            elif not store.lives((set_name, key)) and obstacle(store, (set_name, key), keys) is None:
                kept = store.history.latest_of(set_name, key)
                if kept is not None:
                    insert_anew(store, stamper, batch, set_name, key, store.vault.open(kept.sealed))
        store.held.release(number)
        stamper.finish()
    store.writer = stamper.writer


def _find(store: Store, number: int) -> str:
    for held in store.held.all():
        if held.number == number:
            return held.direction
    raise LookupError(f"H{number}")
