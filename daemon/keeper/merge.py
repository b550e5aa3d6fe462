"""Merging: a blob just read is joined into the replica, what it changed is listed, what everyone has seen is forgotten.

Replica, ``seen``, the server's revision and the list change in one transaction, which commits only after the blob was
read to its verified end.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from daemon.blob.schema import Head
from daemon.keeper.store import Store
from daemon.sets.collect import all_acknowledged, without_deletes
from daemon.sets.element import Element, Entry, covers
from daemon.sets.join import Joined, join
from daemon.state.replica import Replica
from daemon.wallet.tables import CIRCLE_SET


@dataclass
class Merged:
    """What a merge did: keys changed per set, taken and removed in all, and what was noticed of the server's blob."""

    changed: Counter[str] = field(default_factory=Counter)
    taken: int = 0
    removed: int = 0
    collected: int = 0
    collisions: int = 0
    went_back: bool = False

    def count(self, joined: Joined) -> None:
        """Count one changed key."""
        self.changed[joined.set_name] += 1
        lives, lived = joined.after is not None and joined.after.live, joined.before is not None and joined.before.live
        self.taken += lives
        self.removed += lived and not lives


def merge(store: Store, url: str, head: Head, entries: Iterator[Entry], revision: str, sealed_bytes: int) -> Merged:
    """Join the server's blob. The entries are read to their end; whatever they raise leaves all as it was."""
    merged = Merged()
    with store.state.transaction(), store.state.snapshot() as reader:
        record = store.servers.get(url)
        assert record is not None
        merged.went_back = not covers(head.seen, record.seen)
        seen_before = store.replica.seen()
        batch = store.to_apply.open_batch(seen_before)
        owes = False
        for joined in join(Replica(reader).entries(), entries, seen_before, head.seen):
            owes |= joined.owed
            merged.collisions += joined.stamps_collide
            if joined.changed:
                merged.count(joined)
                _take(store, joined, batch)
        store.replica.see(head.seen)
        store.servers.note_blob(url, revision, head.seen, head.extra)
        store.servers.note_clocks(url, head.clocks, store.surroundings.wall())
        store.servers.note_owes(url, owes)
        store.servers.note_size(url, sealed_bytes)
        merged.collected = collect(store)
    _note_joined(store, url)
    return merged


def merge_nothing(store: Store, url: str) -> Merged:
    """Note that the server holds no blob: never had one, or has lost it."""
    with store.state.transaction():
        record = store.servers.get(url)
        assert record is not None
        store.servers.note_blob(url, None, {}, {})
        store.servers.note_clocks(url, {}, store.surroundings.wall())
        store.servers.note_owes(url, False)
    _note_joined(store, url)
    return Merged(went_back=record.revision is not None)


def merge_unchanged(store: Store, url: str) -> Merged:
    """Note that the server's blob is the one already joined."""
    _note_joined(store, url)
    return Merged()


def collect(store: Store) -> int:
    """Forget the deletes that everyone has acknowledged, part of the caller's transaction. Return how many keys."""
    clocks_by_server = [store.servers.clocks(record.url) for record in store.servers.all()]
    collected = 0
    for set_name, key, element in store.replica.entries_with_deletes():
        if all_acknowledged(element.deletes, clocks_by_server) and store.to_apply.get(set_name, key) is None:
            store.replica.put(set_name, key, without_deletes(element))
            collected += 1
    return collected


def _take(store: Store, joined: Joined, batch: int) -> None:
    base = store.replica.known(joined.set_name, joined.key).base
    if _must_be_listed(store, joined, base):
        store.to_apply.add(joined.set_name, joined.key, batch, base)
    store.replica.put(joined.set_name, joined.key, joined.after)


def _must_be_listed(store: Store, joined: Joined, base: bytes | None) -> bool:
    """Tell whether the wallet has to be brought to this, or its unaware changes to be judged by it.

    What no set of this wallet shows is only carried, unless the wallet still has a row of it.
    """
    if joined.set_name == CIRCLE_SET:
        return False
    if joined.set_name not in store.guest.active_sets:
        return base is not None
    before, after = joined.before, joined.after
    return _value(before) != _value(after) or _deletes(before) != _deletes(after)


def _value(element: Element | None) -> bytes | None:
    return element.value if element is not None and element.live else None


def _deletes(element: Element | None) -> dict[str, int]:
    return dict(element.deletes) if element is not None else {}


def _note_joined(store: Store, url: str) -> None:
    if store.unjoined is not None:
        store.unjoined.discard(url)
