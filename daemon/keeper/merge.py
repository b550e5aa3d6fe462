"""Merging: a blob just read is joined into the replica, what it changed is listed, what everyone has seen is forgotten.

Replica, ``seen``, the server's revision and the list change in one transaction, which commits only after the blob was
read to its verified end.

The clocks are those of the blob just read. Only where a server went back, or has lost its blob, the rows that it lacks
now are kept as last read: the wallets that they name still have to see what they have not, and would not be waited for.
A blob that has seen nothing at all was emptied by a wallet that left (daemon.leaving): of the rows as last read
those that it names are kept, and the one of the wallet that left is not.
Wallets that were forgotten have no element in the set of the circle's wallets any more, and their rows are not kept.

For this to be told from a newcomer's row, every blob holds the element of the wallet that sealed it: a merge announces
this wallet (again) where its element is not there, because the wallet database could never be read yet, or because
somebody has forgotten this wallet.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from daemon.blob.schema import Entries, Head
from daemon.keeper.brake import Death, to_be_held
from daemon.keeper.stamping import is_member
from daemon.keeper.store import Store
from daemon.sets.collect import Clocks, all_acknowledged, without_deletes
from daemon.sets.element import Element, Seen, covers
from daemon.sets.join import Joined, join_pairs
from daemon.sets.why import Rule, rule_of
from daemon.state.lines import Lines
from daemon.wallet.tables import CIRCLE_SET

FARTHEST_AHEAD = 2**40
"""How far ahead of all known times a blob's may be. Two daemons at a million operations a day need 3000 years."""


MOST_DECISIONS = 1000
"""Of so many keys of one merge it is remembered which rule decided."""


class Decision(NamedTuple):
    """Which rule of the join decided a key that it changed."""

    set_name: str
    key: str
    rule: Rule


class TimePoisoned(Exception):  # noqa: N818 - named after what is the matter
    """A blob claims a time impossibly far ahead: it is held, since one broken wallet must not win for ever."""

    def __init__(self, writer: str, time: int, largest_known: int) -> None:
        super().__init__(
            f"the blob holds the time {time} of writer {writer}, impossibly far ahead of {largest_known}:"
            " some wallet of the circle is broken; nothing was taken from the blob"
        )
        self.writer = writer
        self.time = time
        self.largest_known = largest_known


@dataclass
class Merged:
    """What a merge did: keys changed per set, taken, removed and held in all, and what was noticed of the blob.

    ``owed`` says that the blob holds something live that is gone here.
    """

    changed: Counter[str] = field(default_factory=Counter)
    decisions: list[Decision] = field(default_factory=list)
    taken: int = 0
    removed: int = 0
    held: int = 0
    collected: int = 0
    collisions: int = 0
    went_back: bool = False
    owed: bool = False

    def count(self, joined: Joined) -> None:
        """Count one changed key, and note of the first ones which rule decided."""
        self.changed[joined.set_name] += 1
        if len(self.decisions) < MOST_DECISIONS:
            self.decisions.append(Decision(joined.set_name, joined.key, rule_of(joined)))
        lives, lived = joined.after is not None and joined.after.live, joined.before is not None and joined.before.live
        self.taken += lives
        self.removed += lived and not lives


def check_times(store: Store, their_seen: Seen) -> None:
    """Raise TimePoisoned for times too far ahead of all that is known, and that nobody approved.

    Whoever never read a blob takes any.
    """
    if not any(record.seen for record in store.servers.all()) and not store.rotations.any():
        return
    largest = max(store.replica.seen().values(), default=0)
    for writer, time in their_seen.items():
        if time > largest + FARTHEST_AHEAD and time > store.far_times.approved().get(writer, 0) + FARTHEST_AHEAD:
            raise TimePoisoned(writer, time, largest)


def merge(store: Store, url: str, head: Head, entries: Entries, revision: str, sealed_bytes: int) -> Merged:
    """Join the server's blob. The entries are read to their end; whatever they raise leaves all as it was."""
    with _announcing(store):
        record = store.servers.get(url)
        assert record is not None
        merged = _join_blob(store, head, entries)
        merged.went_back = not covers(head.seen, record.seen)
        store.servers.note_blob(url, revision, head.seen, head.extra)
        rows = _rows_beside(_still_waited_for(store, url), head) if merged.went_back else head.clocks
        store.servers.note_clocks(url, rows, store.surroundings.wall())
        store.servers.note_owes(url, merged.owed)
        store.servers.note_size(url, sealed_bytes)
        merged.collected = collect(store)
    _note_joined(store, url)
    return merged


def merge_copy(store: Store, head: Head, entries: Entries) -> Merged:
    """Join a conflict copy: a blob that some wallet has stored, and that is not the one that a server holds.

    What it has seen and its clocks are no server's, and are not noted as such: what it brings is news to all servers.
    """
    with _announcing(store):
        merged = _join_blob(store, head, entries)
        if merged.removed:
            # What went without a tombstone, since the copy's maker had seen it go, no server can be told of otherwise.
            for record in store.servers.all():
                store.servers.note_owes(record.url, True)
    return merged


def _join_blob(store: Store, head: Head, entries: Entries) -> Merged:
    """Join a blob into the replica, list for the wallet what changed, and hold a mass delete. In a transaction."""
    merged = Merged()
    with store.state.snapshot() as reader:
        seen_before = store.replica.seen()
        batch = store.to_apply.open_batch(seen_before)
        deaths: list[Death] = []
        for joined in join_pairs(entries.beside(Lines(reader, head.seen)), seen_before, head.seen):
            merged.owed |= joined.owed
            merged.collisions += joined.stamps_collide
            if joined.changed:
                merged.count(joined)
                _take(store, joined, batch)
                if (death := _death(joined)) is not None:
                    store.keep("merge", death.set_name, death.key, death.value)
                    deaths.append(death)
        merged.held = _hold(store, deaths)
        store.replica.see(head.seen)
    return merged


def merge_nothing(store: Store, url: str) -> Merged:
    """Note that the server holds no blob: never had one, or has lost it."""
    record = store.servers.get(url)
    assert record is not None
    with _announcing(store):
        store.servers.note_blob(url, None, {}, {})
        store.servers.note_clocks(url, _still_waited_for(store, url), store.surroundings.wall())
        store.servers.note_owes(url, False)
    _note_joined(store, url)
    return Merged(went_back=record.revision is not None)


@contextlib.contextmanager
def _announcing(store: Store) -> Iterator[None]:
    """Do the body in one transaction, after which this wallet is a member of the circle."""
    with store.state.transaction():
        yield
        writer = store.writer
        if not is_member(store.replica, store.identity.wallet_id):
            stamper = store.stamper()
            stamper.finish()
            writer = stamper.writer
    store.writer = writer


def _still_waited_for(store: Store, url: str) -> Clocks:
    """Return a server's clocks as last read, without wallets that were forgotten: these have no element any more."""
    clocks = store.servers.clocks(url) or {}
    return {wallet: row for wallet, row in clocks.items() if is_member(store.replica, wallet)}


def _rows_beside(waited_for: Clocks, head: Head) -> Clocks:
    """Return the clocks of a blob that went back, with the rows as last read that it lacks now."""
    if not head.seen:
        return {wallet: waited_for.get(wallet, row) for wallet, row in head.clocks.items()}
    return {**waited_for, **head.clocks}


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


def list_for_wallet(store: Store, set_name: str, key: str, batch: int) -> None:
    """List a key that is about to change. What is of no set of this profile is carried, unless there still is a row.

    Keys of a set that is switched off wait on the list until it is switched on.
    """
    base = store.replica.known(set_name, key).base
    if set_name in store.guest.set_by_name or base is not None:
        store.to_apply.add(set_name, key, batch, base)


def _take(store: Store, joined: Joined, batch: int) -> None:
    if _is_news_to_the_wallet(joined):
        list_for_wallet(store, joined.set_name, joined.key, batch)
    store.replica.put(joined.set_name, joined.key, joined.after)


def _death(joined: Joined) -> Death | None:
    """Return what this key loses, if it was live and is not any more."""
    before, after = joined.before, joined.after
    if joined.set_name == CIRCLE_SET or before is None or not before.live or (after is not None and after.live):
        return None
    return Death(joined.set_name, joined.key, before.value)


def _hold(store: Store, deaths: list[Death]) -> int:
    """Hold a mass delete: it is joined, but the wallet keeps the rows until a person decides."""
    counts = Counter(death.set_name for death in deaths)
    held = to_be_held(store, deaths, lambda name: store.replica.count_live(name) + counts[name], store.lives)
    if held:
        store.held.hold("in", store.surroundings.wall(), held)
    return len(held)


def _is_news_to_the_wallet(joined: Joined) -> bool:
    """Tell whether the wallet has to be brought to this, or its unaware changes to be judged by it."""
    before, after = joined.before, joined.after
    return _value(before) != _value(after) or _deletes(before) != _deletes(after)


def _value(element: Element | None) -> bytes | None:
    return element.value if element is not None and element.live else None


def _deletes(element: Element | None) -> dict[str, int]:
    return dict(element.deletes) if element is not None else {}


def _note_joined(store: Store, url: str) -> None:
    if store.unjoined is not None:
        store.unjoined.discard(url)
