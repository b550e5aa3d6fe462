"""Settling: what is listed is written to the wallet, and the change log is cleared up to what was read.

In three steps, so that being killed at any point loses nothing and applies nothing twice:

1. The state database notes the marker of the write that is about to begin.
2. The wallet database gets rows, marker and, per row, what was read back (``walletsync_written``), in one transaction.
3. The state database takes the written keys off the list, with their new bases, and the marker becomes the last one.

A start that finds the begun marker in the wallet knows that step 2 was done, and does step 3.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from daemon.keeper.store import TOKEN_BYTES, Store
from daemon.state.replica import encode_times
from daemon.wallet.guest import Marker
from daemon.wallet.tables import SetTable
from daemon.wallet.writing import Changed, Place, Refused, Step, Written, write

MOST_PLACES = 200
"""Of so many rows that were written it is remembered which they were."""


@dataclass
class Settled:
    """What a write did: how many rows of each set it brought to their value, and which were the first of them.

    ``changed`` counts keys that the wallet changed meanwhile; ``refused`` says why it refused others.
    """

    written: Counter[str] = field(default_factory=Counter)
    first_written: list[Place] = field(default_factory=list)
    changed: int = 0
    refused: dict[Place, str] = field(default_factory=dict)

    def note_written(self, place: Place) -> None:
        """Count a row, and remember the first ones."""
        self.written[place[0]] += 1
        if len(self.first_written) < MOST_PLACES:
            self.first_written.append(place)


def settle(store: Store, log_seq: int, *, retry_refused: bool) -> Settled:
    """Write what is listed, and clear the change log up to ``log_seq``. Raises WalletTrouble."""
    settled = Settled()
    nothing_read = not log_seq and store.marker("marker") is not None
    if nothing_read and store.to_apply.is_empty():
        return settled
    listed = _ListedSteps(store, retry_refused=retry_refused)
    if nothing_read and not listed.any():
        return settled
    marker = begin_write(store)
    with store.guest.writing() as connection:
        store.guest.check_schema()
        renew_marker(connection, marker)
        connection.execute("DELETE FROM walletsync_log WHERE seq <= ?", (log_seq,))
        for place, outcome in write(store.guest, listed):
            match outcome:
                case Written(base):
                    settled.note_written(place)
                    connection.execute("INSERT INTO walletsync_written VALUES (?, ?, ?)", (*place, base))
                case Changed():
                    settled.changed += 1
                case Refused(reason):
                    settled.refused[place] = reason
    finish_write(store, marker, settled.refused)
    return settled


def finish_write(store: Store, marker: Marker, refusals: dict[Place, str] | None = None) -> None:
    """Note what the write of this marker did, as the wallet database itself tells it."""
    written = store.guest.connection.execute("SELECT set_name, key, digest FROM walletsync_written")
    with store.state.transaction():
        for set_name, key, digest in written:
            store.to_apply.remove(set_name, key)
            store.replica.set_base(set_name, key, digest)
        for (set_name, key), reason in (refusals or {}).items():
            store.to_apply.refuse(set_name, key, reason)
        store.set_marker("marker", marker)


def begin_write(store: Store) -> Marker:
    """Note the marker of a write that is about to begin, and return it."""
    last = store.marker("marker")
    marker = Marker(
        home=store.home,
        token=store.surroundings.ids(TOKEN_BYTES).hex(),
        number=last.number + 1 if last else 1,
        seen=encode_times(store.replica.seen()),
    )
    with store.state.transaction():
        store.set_marker("next_marker", marker)
    return marker


def renew_marker(connection: sqlite3.Connection, marker: Marker) -> None:
    """Leave a marker in the wallet database, and forget what the write before made of rows: that was noted."""
    connection.execute("DELETE FROM walletsync_written")
    connection.execute("INSERT OR REPLACE INTO walletsync_marker VALUES (1, ?, ?, ?, ?)", marker)


class _ListedSteps:
    """What of the list is to be written now: what is held waits for a person, what was refused for something new.

    Values stay in the state database until it is their turn.
    """

    def __init__(self, store: Store, *, retry_refused: bool) -> None:
        self._store = store
        self._retry_refused = retry_refused
        self._held = store.held.places("in")

    def any(self) -> bool:
        """Tell whether there is anything to write."""
        tables = self._store.guest.layout.table_by_set.values()
        return any(True for table in tables for deletes in (True, False) for _ in self.of(table, deletes=deletes))

    def of(self, table: SetTable, *, deletes: bool) -> Iterator[Step]:
        """Walk a set's deletes, or its other steps."""
        for key, base, refusal, value in self._store.to_apply.wanted(table.name, deletes=deletes):
            if self._is_due((table.name, key), refusal):
                yield Step(table, key, base, value)

    def includes(self, place: Place) -> bool:
        """Tell whether there is a step for this place."""
        entry = self._store.to_apply.get(*place)
        return entry is not None and self._is_due(place, entry.refusal)

    def _is_due(self, place: Place, refusal: str | None) -> bool:
        return place not in self._held and (refusal is None or self._retry_refused)
