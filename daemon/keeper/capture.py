"""Capture: local changes become operations of the replica.

What changed is named by the change log; a full scan compares every row with its base instead, on start, once a day,
and whenever our triggers had been missing. A set that is captured for the first time, or again after it was switched
off, infers no deletes.

The wallet's marker says whether this is the database that we know. If it is not, nothing is captured before all
servers have been joined and the database is healed (see heal). So that a copy of the database which lacks what was
captured never bears the marker that we know, a capture renews it in the transaction in which it reads, and that commits
before the operations do. The first capture of all renews nothing: a copy of that time has no marker.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from daemon.keeper.brake import Death, Place, to_be_held
from daemon.keeper.columns import columns_changed, note_columns
from daemon.keeper.heal import heal
from daemon.keeper.judge import Verdict, judge
from daemon.keeper.settle import begin_write, finish_write, renew_marker
from daemon.keeper.spent import has_moved
from daemon.keeper.stamping import Stamper, is_announced
from daemon.keeper.store import Store
from daemon.state.replica import encode_times
from daemon.wallet.guest import Marker
from daemon.wallet.reading import Excluded, Row
from daemon.wallet.rows import decode_key
from daemon.wallet.tables import SetTable


@dataclass
class Captured:
    """What a capture found.

    ``left_out`` says, by set, why rows cannot take part. ``log_seq`` is the last entry of the change log that was read.
    ``missed`` counts changes that only a scan found although the log was complete. ``installed`` says that our tables
    or triggers had to be added, ``waits`` that the database has to be healed and not all servers were asked yet.
    ``held`` counts deletes that wait for a person.
    """

    counts: Counter[Verdict] = field(default_factory=Counter)
    log_seq: int = 0
    scanned: bool = False
    missed: int = 0
    held: int = 0
    healed: bool = False
    installed: bool = False
    waits: bool = False
    left_out: dict[str, str] = field(default_factory=dict)

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
    migrated = columns_changed(store)
    if migrated:
        store.scanned_at = None
    captured = Captured(scanned=store.scan_due, installed=not complete)
    if not captured.scanned and _is_idle(store):
        return captured
    is_first = store.marker("marker") is None
    suspects = _suspects(store) if captured.scanned and not is_first else None
    marker = begin_write(store) if not is_first and (suspects or store.guest.has_logged()) else None
    with store.state.transaction():
        stamper = store.stamper()
        with _renewing(store, marker, stamper):
            if migrated:
                note_columns(store)
            page = store.guest.read_log()
            captured.log_seq = page.last_seq
            capturing = _Capturing(store, stamper, captured)
            tables = store.guest.layout.table_by_set
            capturing.judge_all((tables[name], key, _read(store, name, key)) for name, key in page.keys)
            if captured.scanned:
                # Where nothing is logged, only one look at all rows under the lock takes transactions whole.
                look_at_all = is_first or (bool(suspects) and not store.guest.use_triggers)
                capturing.scan(None if look_at_all else suspects, complete=complete)
            capturing.judge_absences()
        stamper.finish()
        store.history.forget_before(store.surroundings.wall() - store.rules.undo_seconds)
    store.writer = stamper.writer
    captured.left_out = store.guest.reader.take_left_out()
    if captured.scanned:
        store.scanned_at = store.surroundings.wall()
    return captured


def _is_idle(store: Store) -> bool:
    """Tell whether there is nothing to read or to say: nearly always, in a wallet that nobody uses just now."""
    return not store.guest.has_logged() and store.held.is_empty() and is_announced(store.replica, store.identity)


@contextlib.contextmanager
def _renewing(store: Store, marker: Marker | None, stamper: Stamper) -> Iterator[None]:
    """Read one consistent state of the wallet in the body, and leave it with this marker, if there is one.

    The marker also tells of what was stamped in the body: whoever finds it without the operations has lost them.
    """
    if marker is None:
        with store.guest.reading():
            yield
        return
    with store.guest.writing() as connection:
        store.guest.check_schema()
        yield
        marker = marker._replace(seen=encode_times(stamper.seen))
        renew_marker(connection, marker)
    store.set_marker("marker", marker)


def _is_ours(store: Store) -> bool:
    """Tell whether the wallet database is the one that the state database knows, as our last write left it."""
    found, last, begun = store.guest.marker(), store.marker("marker"), store.marker("next_marker")
    if found is not None and begun is not None and found.token == begun.token and found != last:
        finish_write(store, found)
        return True
    if found is None and last is None:  # killed between the first capture and the write after it, or never seen before
        return not store.captured_sets()
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


def _suspects(store: Store) -> dict[str, list[str]]:
    """Return the keys, by set, whose rows are not like their bases.

    Reading all rows takes long, and the wallet must not wait for it: so this holds no write lock, and what it finds is
    looked at again under one.
    """
    keys_by_set = {}
    for table in store.guest.layout.parents_first:
        with store.guest.reading():
            differing, absent = _differing(store, table)
            keys = [key for key, _ in differing]
            keys += absent
        if keys:
            keys_by_set[table.name] = keys
    return keys_by_set


def _differing(store: Store, table: SetTable) -> tuple[Iterator[tuple[str, Row]], dict[str, None]]:
    """Compare all rows of a set with their bases: those that differ, and, once these are through, the absent keys."""
    bases = store.replica.bases(table.name) | store.to_apply.bases(table.name)
    absent = dict.fromkeys(bases)

    def differing() -> Iterator[tuple[str, Row]]:
        for key, row in store.guest.reader.scan(table):
            absent.pop(key, None)
            if bases.get(key) != row.digest:
                yield key, row

    return differing(), absent


def _read(store: Store, set_name: str, key: str) -> Row | Excluded | None:
    return store.guest.reader.read(store.guest.layout.table_by_set[set_name], decode_key(key))


class _Capturing:
    """One capture within one transaction. Rows that are gone are judged last, since too many of them are held."""

    def __init__(self, store: Store, stamper: Stamper, captured: Captured) -> None:
        self._store = store
        self._stamper = stamper
        self._captured = captured
        self._absent: dict[Place, SetTable] = {}

    def judge_all(self, rows: Iterable[tuple[SetTable, str, Row | Excluded | None]]) -> None:
        """Judge the rows that are there, and note those that are not."""
        for table, key, row in rows:
            match row:
                case Row():
                    self._count(judge(self._store, self._stamper, table, key, row))
                case None:
                    self._absent[table.name, key] = table
                case Excluded():
                    pass  # a row that stopped taking part stays as last synced

    def scan(self, suspects: Mapping[str, Sequence[str]] | None, *, complete: bool) -> None:
        """Compare rows of all sets with their bases: the suspects by set, or all (``None``)."""
        before, noted = self._captured.operations, len(self._absent)
        known_sets = self._store.captured_sets()
        for table in self._store.guest.layout.parents_first:
            if not self._store.was_captured(table.name):
                _list_unshown(self._store, table)
            keys = None if suspects is None else suspects.get(table.name, ())
            self._scan_set(table, keys, infer_deletes=table.name in known_sets)
        if complete and known_sets:
            self._captured.missed = self._captured.operations - before + len(self._absent) - noted
        self._store.note_captured_sets(self._store.guest.layout.table_by_set)

    def judge_absences(self) -> None:
        """Make deletes of the rows that are gone, but for those that have to wait for a person."""
        store = self._store
        waiting = store.held.places("out")
        gone = [place for place in self._absent if place not in waiting and self._had_row(place)]
        for place in self._hold(gone):
            self._absent.pop(place)
        for (set_name, key), table in self._absent.items():
            if (set_name, key) not in waiting:
                self._count(judge(store, self._stamper, table, key, None))
        self._review_held()

    def _review_held(self) -> None:
        """Release what no longer waits: rows that are back, deletes carried out by hand, and what has moved since.

        A wallet may delete a row and insert it elsewhere in two transactions, between which it was captured.
        """
        store = self._store
        for place in store.held.places("in"):
            if store.to_apply.get(*place) is None or has_moved(store, place):
                store.held.release_key(*place)
        for set_name, key in store.held.places("out"):
            table = store.guest.layout.table_by_set.get(set_name)
            row = _read(store, set_name, key) if table is not None else None
            if row is not None:
                store.held.release_key(set_name, key)
            elif table is not None and has_moved(store, (set_name, key)):
                store.held.release_key(set_name, key)
                self._count(judge(store, self._stamper, table, key, None))

    def _scan_set(self, table: SetTable, keys: Sequence[str] | None, *, infer_deletes: bool) -> None:
        if keys is None:
            differing, absent = _differing(self._store, table)
        else:
            rows = {key: _read(self._store, table.name, key) for key in keys}
            differing = ((key, row) for key, row in rows.items() if isinstance(row, Row))
            absent = {key: None for key, row in rows.items() if row is None}
        for key, row in differing:
            self._count(judge(self._store, self._stamper, table, key, row))
        if infer_deletes:
            self.judge_all((table, key, _read(self._store, table.name, key)) for key in absent)
        else:
            _list_lost(self._store, table, absent)

    def _had_row(self, place: Place) -> bool:
        listed = self._store.to_apply.get(*place)
        return (listed.base if listed else self._store.replica.known(*place).base) is not None

    def _hold(self, gone: list[Place]) -> list[Place]:
        """Hold what has to be held; return it."""
        store = self._store
        elements = ((place, store.replica.known(*place).element) for place in gone)
        deaths = [Death(*place, element.value) for place, element in elements if element and element.live]
        dead = {(death.set_name, death.key) for death in deaths}
        held = to_be_held(
            store, deaths, store.replica.count_live, lambda place: store.lives(place) and place not in dead
        )
        if held:
            self._captured.held = len(held)
            store.held.hold("out", store.surroundings.wall(), held)
        return held

    def _count(self, verdict: Verdict) -> None:
        self._captured.counts[verdict] += 1


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


def _list_lost(store: Store, table: SetTable, keys: Iterable[str]) -> None:
    """List rows that went while the set was not captured, so that they are written anew."""
    batch = store.to_apply.open_batch({})
    for key in keys:
        if _read(store, table.name, key) is None:
            store.to_apply.add(table.name, key, batch, None)
            store.to_apply.set_base(table.name, key, None)
            store.replica.set_base(table.name, key, None)
