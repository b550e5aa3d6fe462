"""Columns that the wallet adds to its tables while rows wait to be written.

A listed row is compared with its base, which is a digest of all its columns. A wallet that migrates would so seem to
have changed, unaware, all that it was just about to be brought, and would overrule it. So listed rows that only got
columns since, which hold their defaults, get the bases that they have with these. (Rows that are not listed are
compared with their elements: daemon.wallet.rows.)
"""

import msgspec

from daemon.keeper.store import Store
from daemon.wallet.reading import Row
from daemon.wallet.rows import decode_key, digest, without_defaults
from daemon.wallet.tables import SetTable

_COLUMNS = "columns"
"""The single value of the state database that has the shared columns of each set."""


def columns_changed(store: Store) -> bool:
    """Tell whether a set has other columns than when they were noted last."""
    return _noted(store) != _present(store)


def note_columns(store: Store) -> None:
    """Note the columns that there are now, with new bases where they make any. In the transaction of a capture."""
    noted = _noted(store)
    for table in store.guest.layout.table_by_set.values():
        added = frozenset(table.shared).difference(noted.get(table.name, table.shared))
        if added:
            _rebase(store, table, added)
    store.state.set_meta(_COLUMNS, msgspec.json.encode(_present(store)).decode())


def _rebase(store: Store, table: SetTable, added: frozenset[str]) -> None:
    for key, base in store.to_apply.bases(table.name).items():
        row = store.guest.reader.read(table, decode_key(key))
        if isinstance(row, Row) and digest(without_defaults(row.value, added, table.default_by_column)) == base:
            store.to_apply.set_base(table.name, key, row.digest)


def _present(store: Store) -> dict[str, list[str]]:
    return {name: list(table.shared) for name, table in store.guest.layout.table_by_set.items()}


def _noted(store: Store) -> dict[str, list[str]]:
    text = store.state.meta(_COLUMNS)
    return msgspec.json.decode(text, type=dict[str, list[str]]) if text else {}
