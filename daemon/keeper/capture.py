"""Capture: local changes become operations of the replica.

What changed is named by the change log; a full scan compares every row with its base instead, on start, once a day,
and whenever our triggers had been missing. A set that is captured for the first time, or again after it was switched
off, infers no deletes.

The wallet's marker says whether this is the database that we know. If it is not, nothing is captured before all
servers have been joined and the database is healed (see heal).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from daemon.keeper.heal import heal
from daemon.keeper.judge import Verdict, judge
from daemon.keeper.settle import finish_write
from daemon.keeper.stamping import Stamper
from daemon.keeper.store import Store
from daemon.wallet.guest import Excluded, Row
from daemon.wallet.rows import decode_key
from daemon.wallet.tables import SetTable


@dataclass
class Captured:
    """What a capture found.

    ``log_seq`` is the last entry of the change log that was read. ``missed`` counts changes that only a scan found
    although the log was complete. ``installed`` says that our tables or triggers had to be added, ``waits`` that the
    database has to be healed and not all servers were asked yet.
    """

    counts: Counter[Verdict] = field(default_factory=Counter)
    log_seq: int = 0
    scanned: bool = False
    missed: int = 0
    healed: bool = False
    installed: bool = False
    waits: bool = False

    @property
    def operations(self) -> int:
        """How many operations were made."""
        return self.counts[Verdict.INSERTED] + self.counts[Verdict.DELETED]


def capture(store: Store) -> Captured:
    """Read what the wallet changed, and stamp it. Raises WalletTrouble where the wallet cannot be used now."""
    complete = store.guest.refresh()
    if not _is_ours(store):
        return _heal_when_all_joined(store)
    store.unjoined = None
    if not complete:
        store.guest.install()
        store.guest.refresh()
        store.scanned_at = None
    captured = Captured(scanned=store.scan_due, installed=not complete)
    with store.guest.reading():
        page = store.guest.read_log()
        captured.log_seq = page.last_seq
        rows = [(store.guest.layout.table_by_set[name], key, _read(store, name, key)) for name, key in page.keys]
        with store.state.transaction():
            stamper = store.stamper()
            _judge_all(store, stamper, rows, captured)
            if captured.scanned:
                _scan(store, stamper, captured, complete=complete)
            stamper.finish()
    store.writer = stamper.writer
    if captured.scanned:
        store.scanned_at = store.surroundings.wall()
    return captured


def _is_ours(store: Store) -> bool:
    """Tell whether the wallet database is the one that the state database knows, as our last write left it."""
    found, last, begun = store.guest.marker(), store.marker("marker"), store.marker("next_marker")
    if found is not None and found == begun and begun != last:
        finish_write(store, begun)
        return True
    return found == last


def _heal_when_all_joined(store: Store) -> Captured:
    if store.unjoined is None:
        store.unjoined = {server.url for server in store.servers.all()}
    if store.unjoined:
        return Captured(waits=True)
    verdicts, log_seq = heal(store)
    store.unjoined = None
    store.scanned_at = store.surroundings.wall()
    return Captured(counts=verdicts, log_seq=log_seq, scanned=True, healed=True)


def _judge_all(
    store: Store, stamper: Stamper, rows: Iterable[tuple[SetTable, str, Row | Excluded | None]], captured: Captured
) -> None:
    for table, key, row in rows:
        if not isinstance(row, Excluded):  # a row that stopped taking part stays as last synced
            captured.counts[judge(store, stamper, table, key, row)] += 1


def _read(store: Store, set_name: str, key: str) -> Row | Excluded | None:
    return store.guest.read(store.guest.layout.table_by_set[set_name], decode_key(key))


def _scan(store: Store, stamper: Stamper, captured: Captured, *, complete: bool) -> None:
    """Compare all rows of all sets with their bases."""
    found = Captured()
    known_sets = store.captured_sets()
    for table in store.guest.layout.parents_first:
        if table.name not in known_sets:
            _list_unshown(store, table)
        bases = store.replica.bases(table.name) | store.to_apply.bases(table.name)
        absent = dict.fromkeys(bases)
        for key, row in store.guest.scan(table):
            absent.pop(key, None)
            if bases.get(key) != row.digest:
                found.counts[judge(store, stamper, table, key, row)] += 1
        if table.name in known_sets:
            _judge_all(store, stamper, ((table, key, _read(store, table.name, key)) for key in absent), found)
    if complete and known_sets:
        captured.missed = found.operations
    captured.counts += found.counts
    store.note_captured_sets(store.guest.layout.table_by_set)


def _list_unshown(store: Store, table: SetTable) -> None:
    """List what the wallet was never shown of a set, so that its own rows are judged as made without knowing it."""
    unshown = [
        entry.key
        for entry in store.replica.entries_of(table.name)
        if store.replica.known(table.name, entry.key).base is None
    ]
    if unshown:
        batch = store.to_apply.open_batch({})
        for key in unshown:
            store.to_apply.add(table.name, key, batch, None)
