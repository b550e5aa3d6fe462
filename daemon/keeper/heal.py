"""Healing a wallet database that is not as our last write left it.

The marker in the wallet is missing (a new or emptied file), another state database's (a copied file), older than ours
(the file was restored) or newer (the state database was restored). Nothing that is absent is taken for deleted. All
servers have been joined before, so that the replica knows what can be known. Then, with what the marker says its last
writer had seen:

- Rows that the change log names are local operations by someone who had seen no more than that.
- A row that differs from a live element which the marker's writer had not seen was changed elsewhere since: the replica
  is right, and the row is written anew.
- Of the other rows, where the replica has seen all that the marker has, it is right. Rows that differ are written
  anew, rows without an element were deleted since and go.
- Where the replica has not, operations were lost with an old state database: a row that differs, or that has no
  element, is a local insert.
- Where nothing tells what was changed since (no marker, a wallet without a change log, a set that can be switched off
  and may have been), a row without an element is a local insert: better that what was deleted comes back than that
  what was not is lost.
- What is live and has no row is written anew.
"""

from collections import Counter

from daemon.keeper.judge import Verdict, judge_absence, judge_presence
from daemon.keeper.stamping import Stamper
from daemon.keeper.store import Store
from daemon.sets.element import Element, Seen, covers, has_seen
from daemon.state.replica import decode_times
from daemon.wallet.reading import Row
from daemon.wallet.rows import decode_key
from daemon.wallet.tables import SetTable


def heal(store: Store) -> tuple[Counter[Verdict], int]:
    """Bring replica and wallet database together again. Return what became of the rows, and how far the log was read.

    What the wallet lacks is listed; the next write brings it there. Raises WalletTrouble.
    """
    marker = store.guest.marker()
    store.guest.install()
    store.guest.refresh()
    with store.guest.reading():
        page = store.guest.read_log()
        with store.state.transaction():
            stamper = store.stamper()
            aware_of = decode_times(marker.seen) if marker else None
            healing = _Healing(store, stamper, aware_of)
            for table in store.guest.layout.parents_first:
                healing.heal_set(table, {key for name, key in page.keys if name == table.name})
            stamper.finish()
            store.note_captured_sets(store.guest.layout.table_by_set)
            store.forget_markers()
    store.writer = stamper.writer
    return healing.counts, page.last_seq


class _Healing:
    """One healing: what the marker's writer had seen (``None``: there is no marker)."""

    def __init__(self, store: Store, stamper: Stamper, aware_of: Seen | None) -> None:
        self.counts = Counter[Verdict]()
        self._store = store
        self._stamper = stamper
        self._aware_of = aware_of
        self._log_is_kept = store.guest.use_triggers
        self._replica_is_right = aware_of is not None and covers(stamper.seen, aware_of)
        self._batch = store.to_apply.open_batch(aware_of or {})

    def heal_set(self, table: SetTable, logged: set[str]) -> None:
        """Heal all rows of one set, of which the change log names these."""
        missing = {entry.key for entry in self._store.replica.entries_of(table.name)}
        missing |= self._store.to_apply.bases(table.name).keys()
        for key, row in self._store.guest.reader.scan(table):
            missing.discard(key)
            self._heal_row(table, key, row, logged=key in logged)
        for key in missing:
            self._heal_absence(table, key, logged=key in logged)

    def _heal_row(self, table: SetTable, key: str, row: Row, *, logged: bool) -> None:
        element = self._store.replica.known(table.name, key).element
        self._store.to_apply.remove(table.name, key)
        self._store.replica.set_base(table.name, key, row.digest)
        if element is not None and element.live and element.value == row.value:
            return
        if logged or self._is_local(table, element):
            verdict = judge_presence(self._store, self._stamper, table, key, row, self._aware_of or {})
            self.counts[verdict] += 1
            if verdict is not Verdict.LOST:
                return
        self._store.to_apply.add(table.name, key, self._batch, row.digest)

    def _is_local(self, table: SetTable, element: Element | None) -> bool:
        """Tell whether a row that differs, and that no log names, is a local operation."""
        if element is None:
            log_is_whole = self._log_is_kept and not table.profile.optional
            return self._aware_of is None or not log_is_whole or not self._replica_is_right
        if self._aware_of is None or self._replica_is_right:
            return False
        return element.stamp is None or has_seen(self._aware_of, element.stamp)

    def _heal_absence(self, table: SetTable, key: str, *, logged: bool) -> None:
        """Write a live element's row anew, unless the wallet deleted it after our last write there."""
        found = self._store.guest.reader.read(table, decode_key(key))
        element = self._store.replica.known(table.name, key).element
        self._store.to_apply.remove(table.name, key)
        self._store.replica.set_base(table.name, key, None)
        if element is None or not element.live:
            return
        if logged and found is None:
            self.counts[judge_absence(self._store, self._stamper, table, key)] += 1
        else:
            self._store.to_apply.add(table.name, key, self._batch, None)
