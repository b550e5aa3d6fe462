"""What the next sync would say: a capture that changes nothing, and what a server lacks."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from daemon.keeper.store import Store
from daemon.sets.element import Stamp, covers, has_seen
from daemon.wallet.reading import Excluded
from daemon.wallet.rows import decode_key
from daemon.wallet.tables import CIRCLE_SET

Change = Literal["inserted", "changed", "deleted", "excluded", "waits"]


class Pending(NamedTuple):
    """One entity of which the next sync has something to say: what, and why."""

    set_name: str
    key: str
    change: Change
    why: str


def not_captured_yet(store: Store) -> Iterator[Pending]:
    """Walk what the wallet has changed since the last capture, as far as the change log names it.

    Raises WalletTrouble.
    """
    if not store.guest.refresh():
        return
    with store.guest.reading():
        for set_name, key in store.guest.read_log().keys:
            pending = _pending(store, set_name, key)
            if pending is not None:
                yield pending


def not_said_yet(store: Store, url: str) -> Iterator[Pending]:
    """Walk what was captured or joined, and the server's blob lacks."""
    record = store.servers.get(url)
    assert record is not None
    for entry in store.replica.entries_unseen_by(record.seen):
        element = entry.element
        if entry.set_name == CIRCLE_SET:
            continue
        if element.stamp is not None and not has_seen(record.seen, element.stamp):
            yield Pending(entry.set_name, entry.key, "changed", _made_by(store, element.stamp))
        elif not covers(record.seen, element.deletes):
            yield Pending(entry.set_name, entry.key, "deleted", "the server's blob has not seen the delete")


def _pending(store: Store, set_name: str, key: str) -> Pending | None:
    table = store.guest.layout.table_by_set[set_name]
    row = store.guest.reader.read(table, decode_key(key))
    listed = store.to_apply.get(set_name, key)
    known = store.replica.known(set_name, key)
    base = listed.base if listed else known.base
    lives = known.element is not None and known.element.live
    if isinstance(row, Excluded):
        return Pending(set_name, key, "excluded", f"the row does not meet the condition: {table.condition}")
    if (row.digest if row else None) == base:
        return None
    if listed is not None:
        return Pending(set_name, key, "waits", "another wallet changed it too; the change is judged as unaware of that")
    if row is None:
        return Pending(set_name, key, "deleted", "the row is gone") if lives else None
    return Pending(set_name, key, "changed" if lives else "inserted", "the row is not what was last synced")


def _made_by(store: Store, stamp: Stamp) -> str:
    own = store.writer is not None and stamp.writer == store.writer
    return f"{'made here' if own else 'made earlier or by another wallet'}, at Lamport time {stamp.time}"
