"""Whole states: keeping the blobs that are stored and joined, and having one of them back.

A kept blob is first joined like any other: where the replica was lost, that brings back everything with its stamps, and
nothing that was deleted since by anyone. What it holds live, and what is not live here even then, is inserted anew, so
that it comes back on every wallet; not what was spent since (daemon.keeper.spent). What is live here with another value
stays as it is, unless it is asked for: then it becomes again what it was, as an insert too, and its present value is
kept in the history.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from daemon.blob.keys import ServerKeys
from daemon.keeper.spent import Obstacle, Place, is_over, obstacle, tells_of_others
from daemon.keeper.stamping import Stamper
from daemon.keeper.store import Store
from daemon.keeper.undo import insert_anew
from daemon.server.base import Account
from daemon.sets.element import Entry
from daemon.sets.operations import insert
from daemon.state.blobs import Opener
from daemon.wallet.tables import CIRCLE_SET

_KEPT_BLOB = "a kept blob"
"""Stands among the servers that have to be asked before a wallet database is healed: no URL is like it."""


@dataclass
class Revived:
    """What a kept blob brought, as counts by set: what is live again, what is again as it was, what was left out."""

    restored: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    left_out: dict[Obstacle, Counter[str]] = field(default_factory=lambda: {"spent": Counter(), "unknown": Counter()})

    def count_written(self, written: Counter[str]) -> None:
        """Count what the wallet got back by the join alone, too, of all rows that were written."""
        for set_name, rows in written.items():
            self.restored[set_name] = max(self.restored[set_name], rows - self.changed[set_name])
        self.restored = +self.restored


def keep_blob(store: Store, url: str, spool: Path, keys: ServerKeys) -> None:
    """Keep this blob, which is moved, and forget older ones by the rules. Raises OSError."""
    record = store.servers.get(url)
    assert record is not None
    now, rules = store.surroundings.wall(), store.rules
    if rules.blob_days and spool.stat().st_size <= rules.blob_bytes:
        opener = Opener(record.identity, keys.account.public_key, keys.blob_key)
        store.blobs.keep(spool, url, opener, now)
    store.blobs.prune(now, rules.blob_days, rules.blob_bytes)


@contextlib.contextmanager
def healing_waits_for_blob(store: Store) -> Iterator[None]:
    """Let a wallet database that has to be healed wait for what is joined in the body, too."""
    if store.unjoined is None:
        store.unjoined = {record.url for record in store.servers.all()}
    store.unjoined.add(_KEPT_BLOB)
    try:
        yield
    finally:
        if store.unjoined is not None:
            store.unjoined.discard(_KEPT_BLOB)


def keys_of(opener: Opener) -> ServerKeys:
    """Return keys that open a kept blob. They are of no account: nothing can be stored anywhere with them."""
    return ServerKeys(Account(b"", opener.account), opener.blob_key)


def revive(store: Store, entries: Iterable[Entry], *, changed: bool) -> Revived:
    """Insert anew what these entries hold live. The entries are read to their end; whatever they raise undoes all."""
    with store.state.transaction():
        reviving = _Reviving(store, store.stamper(), changed=changed)
        for entry in entries:
            if entry.set_name != CIRCLE_SET and entry.element.live:
                reviving.take(entry)
        reviving.finish()
    store.writer = reviving.stamper.writer
    return reviving.revived


class _Reviving:
    """One reviving, within one transaction. What another set may say something of waits until all of it is known."""

    def __init__(self, store: Store, stamper: Stamper, *, changed: bool) -> None:
        self.revived = Revived()
        self.stamper = stamper
        self._store = store
        self._changed = changed
        self._batch = store.to_apply.open_batch(stamper.seen)
        self._waiting: dict[Place, bytes] = {}
        self._coming = set[Place]()

    def take(self, entry: Entry) -> None:
        """Have one live element back, if that is to be."""
        place = entry.set_name, entry.key
        if self._store.lives(place):
            self._change(place, entry.element.value)
            return
        if tells_of_others(self._store, entry.set_name):
            self._coming.add(place)
        each = self._store.guest.set_by_name.get(entry.set_name)
        if each is not None and (each.moves_to or each.spent_in):
            self._waiting[place] = entry.element.value
        else:
            self._restore(place, entry.element.value)

    def finish(self) -> None:
        """Have back what waited, and end the stamping."""
        for place, value in self._waiting.items():
            self._restore(place, value)
        self.stamper.finish()

    def _restore(self, place: Place, value: bytes) -> None:
        why_not = obstacle(self._store, place, self._coming)
        if why_not is not None:
            self.revived.left_out[why_not][place[0]] += 1
            return
        insert_anew(self._store, self.stamper, self._batch, *place, value)
        self.revived.restored[place[0]] += 1

    def _change(self, place: Place, value: bytes) -> None:
        store, known = self._store, self._store.replica.known(*place)
        assert known.element is not None
        if not self._changed or known.element.value == value or is_over(store, place):
            return
        store.keep("overruled", *place, known.element.value)
        store.replica.put(*place, insert(known.element, self.stamper.stamp(), value))
        store.to_apply.add(*place, self._batch, known.base)
        self.revived.changed[place[0]] += 1
