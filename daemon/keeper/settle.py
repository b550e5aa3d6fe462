"""Settling: what is listed is written to the wallet, and the change log is cleared up to what was read.

In three steps, so that being killed at any point loses nothing and applies nothing twice:

1. The state database notes the marker of the write that is about to begin.
2. The wallet database gets rows, marker and, per row, what was read back (``walletsync_written``), in one transaction.
3. The state database takes the written keys off the list, with their new bases, and the marker becomes the last one.

A start that finds the begun marker in the wallet knows that step 2 was done, and does step 3.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from daemon.keeper.store import TOKEN_BYTES, Store
from daemon.state.replica import encode_times
from daemon.wallet.guest import Marker
from daemon.wallet.writing import Changed, Outcome, Place, Refused, Step, Written, write


@dataclass
class Settled:
    """What a write did: keys brought to their value, keys that the wallet changed meanwhile, and refusals."""

    written: list[Place] = field(default_factory=list)
    changed: list[Place] = field(default_factory=list)
    refused: dict[Place, str] = field(default_factory=dict)


def settle(store: Store, log_seq: int, *, retry_refused: bool) -> Settled:
    """Write what is listed, and clear the change log up to ``log_seq``. Raises WalletTrouble."""
    steps = list(_steps(store, retry_refused=retry_refused))
    if not steps and not log_seq and store.marker("marker") is not None:
        return Settled()
    marker = begin_write(store)
    with store.guest.writing() as connection:
        renew_marker(connection, marker)
        connection.execute("DELETE FROM walletsync_log WHERE seq <= ?", (log_seq,))
        outcomes = write(store.guest, steps)
        connection.executemany(
            "INSERT INTO walletsync_written VALUES (?, ?, ?)",
            ((*place, outcome.base) for place, outcome in outcomes.items() if isinstance(outcome, Written)),
        )
    refusals = {place: outcome.reason for place, outcome in outcomes.items() if isinstance(outcome, Refused)}
    finish_write(store, marker, refusals)
    return _sum_up(outcomes)


def finish_write(store: Store, marker: Marker, refusals: dict[Place, str] | None = None) -> None:
    """Note what the write of this marker did, as the wallet database itself tells it."""
    written = store.guest.connection.execute("SELECT set_name, key, digest FROM walletsync_written").fetchall()
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


def _steps(store: Store, *, retry_refused: bool) -> Iterable[Step]:
    tables = store.guest.layout.table_by_set
    held = store.held.places("in")
    for entry in store.to_apply.entries():
        table = tables.get(entry.set_name)
        if table is None or (entry.set_name, entry.key) in held:
            continue
        if entry.refusal is not None and not retry_refused:
            continue
        element = store.replica.known(entry.set_name, entry.key).element
        yield Step(table, entry.key, entry.base, element.value if element and element.live else None)


def _sum_up(outcomes: dict[Place, Outcome]) -> Settled:
    settled = Settled()
    for place, outcome in outcomes.items():
        match outcome:
            case Written():
                settled.written.append(place)
            case Changed():
                settled.changed.append(place)
            case Refused(reason):
                settled.refused[place] = reason
    return settled
