"""What a row seen in the wallet means for the replica.

A row is compared with its **base**, what the wallet last showed us or what we last wrote, never simply with the
replica. An unchanged row is no operation. A changed row of a key that waits to be applied is judged with what had been
seen before the join that listed it.
"""

from enum import Enum, auto

from daemon.keeper.stamping import Stamper
from daemon.keeper.store import Store
from daemon.sets.element import Seen
from daemon.sets.operations import delete, insert, unaware_insert_survives
from daemon.state.listed import Listed
from daemon.wallet.reading import Row
from daemon.wallet.rows import keep_other_members
from daemon.wallet.tables import SetTable


class Verdict(Enum):
    """What was made of a row."""

    UNCHANGED = auto()
    INSERTED = auto()
    DELETED = auto()
    LOST = auto()  # a delete that the wallet had not seen beats its change


def judge(store: Store, stamper: Stamper, table: SetTable, key: str, row: Row | None) -> Verdict:
    """Make of a row (``None``: there is none) what it means, within the transaction of the stamper."""
    known = store.replica.known(table.name, key)
    entry = store.to_apply.get(table.name, key)
    if (row.digest if row else None) == (entry.base if entry else known.base):
        return Verdict.UNCHANGED
    if row is None:
        return judge_absence(store, stamper, table, key)
    if entry is None:
        return judge_presence(store, stamper, table, key, row, None)
    return _judge_listed(store, stamper, table, row, entry)


def judge_presence(
    store: Store, stamper: Stamper, table: SetTable, key: str, row: Row, aware_of: Seen | None
) -> Verdict:
    """Make of a changed row an insert by someone who had seen only ``aware_of`` (``None``: all that is here)."""
    element = store.replica.known(table.name, key).element
    value = row.value
    if element is not None and element.live:
        value = keep_other_members(element.value, row.value, table.default_by_column)
        if value == element.value:
            _settle(store, table, key, row.digest)
            return Verdict.UNCHANGED
    if aware_of is not None and not unaware_insert_survives(element, aware_of):
        store.keep("overruled", table.name, key, value)
        return Verdict.LOST
    store.replica.put(table.name, key, insert(element, stamper.stamp(), value))
    _settle(store, table, key, row.digest)
    return Verdict.INSERTED


def _judge_listed(store: Store, stamper: Stamper, table: SetTable, row: Row, entry: Listed) -> Verdict:
    aware_of = store.to_apply.seen_before(entry.batch)
    verdict = judge_presence(store, stamper, table, entry.key, row, aware_of)
    if verdict is Verdict.LOST:
        store.to_apply.set_base(table.name, entry.key, row.digest)
    return verdict


def judge_absence(store: Store, stamper: Stamper, table: SetTable, key: str) -> Verdict:
    """Make of a row that is gone a delete, if there is anything to delete."""
    element = store.replica.known(table.name, key).element
    verdict = Verdict.UNCHANGED
    if element is not None and element.live:
        store.keep("local", table.name, key, element.value)
        store.replica.put(table.name, key, delete(element, stamper.stamp()))
        verdict = Verdict.DELETED
    _settle(store, table, key, None)
    return verdict


def _settle(store: Store, table: SetTable, key: str, base: bytes | None) -> None:
    """Note that replica and wallet agree on a key, with this base."""
    store.to_apply.remove(table.name, key)
    store.replica.set_base(table.name, key, base)
