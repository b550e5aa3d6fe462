"""Whole states: keeping the blobs that are stored and joined, and having one of them back.

A kept blob is first joined like any other: where the replica was lost, that brings back everything with its stamps, and
nothing that was deleted since by anyone. What it holds live, and what is not live here even then, is inserted anew, so
that it comes back on every wallet; not what has moved on since, as a spent proof has. What is live here with another
value stays as it is, unless it is asked for: then it becomes again what it was, as an insert too, and its present value
is kept in the history.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from daemon.blob.keys import ServerKeys
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
    """What a kept blob brought, as counts by set: what is live again, and what is again as it was."""

    restored: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)

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
    revived = Revived()
    with store.state.transaction():
        stamper = store.stamper()
        batch = store.to_apply.open_batch(stamper.seen)
        for set_name, key, element in entries:
            if set_name == CIRCLE_SET or not element.live or _has_moved_on(store, set_name, key):
                continue
            known = store.replica.known(set_name, key)
            if known.element is None or not known.element.live:
                insert_anew(store, stamper, batch, set_name, key, element.value)
                revived.restored[set_name] += 1
            elif changed and known.element.value != element.value:
                store.keep("overruled", set_name, key, known.element.value)
                store.replica.put(set_name, key, insert(known.element, stamper.stamp(), element.value))
                store.to_apply.add(set_name, key, batch, known.base)
                revived.changed[set_name] += 1
        stamper.finish()
    store.writer = stamper.writer
    return revived


def _has_moved_on(store: Store, set_name: str, key: str) -> bool:
    table = store.guest.layout.table_by_set.get(set_name)
    return table is not None and table.profile.moves_to is not None and store.lives((table.profile.moves_to, key))
