"""Having deleted values back: as new inserts, so that every wallet gets them."""

from collections.abc import Iterable

from daemon.keeper.judge import judge_absence
from daemon.keeper.stamping import Stamper
from daemon.keeper.store import Store
from daemon.sets.operations import insert
from daemon.state.history import Kept
from daemon.wallet.rows import decode_key


def restore(store: Store, kept: Iterable[Kept]) -> list[Kept]:
    """Insert anew what was kept and is not live now. Return what was inserted; the next write brings it to the wallet.

    Of several values of one key the first is taken.
    """
    with store.state.transaction():
        stamper = store.stamper()
        batch = store.to_apply.open_batch(stamper.seen)
        restored = [
            each
            for each in kept
            if insert_anew(store, stamper, batch, each.set_name, each.key, store.vault.open(each.sealed))
        ]
        stamper.finish()
    store.writer = stamper.writer
    return restored


def insert_anew(store: Store, stamper: Stamper, batch: int, set_name: str, key: str, value: bytes) -> bool:
    """Make a deleted element live again, and list it for the wallet in this batch. Tell whether it was not live."""
    known = store.replica.known(set_name, key)
    if known.element is not None and known.element.live:
        return False
    store.replica.put(set_name, key, insert(known.element, stamper.stamp(), value))
    store.to_apply.add(set_name, key, batch, known.base)
    store.held.release_key(set_name, key)
    return True


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
            if table is not None and store.guest.read(table, decode_key(key)) is None:
                judge_absence(store, stamper, table, key)
        store.held.release(number)
        stamper.finish()
    store.writer = stamper.writer


def reject(store: Store, number: int) -> None:
    """Undo a held mass delete: what a merge deleted is inserted anew, what the wallet deleted is written back."""
    held = _find(store, number)
    with store.state.transaction():
        stamper = store.stamper()
        batch = store.to_apply.open_batch(stamper.seen)
        for set_name, key in store.held.keys(number):
            if held == "out":
                store.to_apply.add(set_name, key, batch, None)
                store.replica.set_base(set_name, key, None)
            elif (kept := store.history.latest_of(set_name, key)) is not None:
                insert_anew(store, stamper, batch, set_name, key, store.vault.open(kept.sealed))
        store.held.release(number)
        stamper.finish()
    store.writer = stamper.writer


def _find(store: Store, number: int) -> str:
    for held in store.held.all():
        if held.number == number:
            return held.direction
    raise LookupError(f"H{number}")
