"""What a wallet database holds, and where two of them differ.

Only what takes part in sets that are on by default is compared: rows that the profile's conditions let in, and of
those the columns that are not local.
"""

import sqlite3
from collections.abc import Iterator
from decimal import Decimal

from config.profile import Profile, SetProfile
from ipc.cli.demo.amounts import total_by_currency

Cell = str | int | float | bytes | None
Key = tuple[Cell, ...]

_FRESH_VALUES = """
    SELECT denominations.value FROM coins JOIN denominations USING (exchange_base_url, denom_pub_hash)
    WHERE coins.status = 10 AND NOT EXISTS (SELECT 1 FROM coin_spends WHERE coin_spends.coin_pub = coins.coin_pub)
"""


def balance(connection: sqlite3.Connection) -> dict[str, Decimal]:
    """Add up the coins of a Taler wallet that can be spent, by currency."""
    return total_by_currency(value for (value,) in connection.execute(_FRESH_VALUES))


def count_by_set(connection: sqlite3.Connection, profile: Profile) -> dict[str, int]:
    """Count the rows that take part in each set, in the profile's order."""
    return {each.name: _count(connection, each) for each in _sets_in_use(profile)}


def keys_by_set(connection: sqlite3.Connection, profile: Profile) -> dict[str, set[Key]]:
    """Return the keys of the rows that take part in each set."""
    return {each.name: set(_rows(connection, each, each.key)) for each in _sets_in_use(profile)}


def count_rows(connection: sqlite3.Connection, table: str, condition: str = "TRUE", *values: Cell) -> int:
    """Count the rows of a table that meet an SQL condition."""
    (number,) = connection.execute(f'SELECT count(*) FROM "{table}" WHERE {condition}', values).fetchone()
    assert isinstance(number, int)
    return number


def differences(one: sqlite3.Connection, other: sqlite3.Connection, profile: Profile) -> Iterator[str]:
    """Say, one sentence for each row, where two databases of a profile do not agree."""
    for each in _sets_in_use(profile):
        columns = synced_columns(one, each)
        yield from _set_differences(each.name, columns, _rows(one, each, columns), _rows(other, each, columns))


def synced_columns(connection: sqlite3.Connection, each: SetProfile) -> tuple[str, ...]:
    """Return the columns of a set's table that are not local, in the table's order."""
    names = [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (each.table,))]
    return tuple(name for name in names if name not in each.local)


def _sets_in_use(profile: Profile) -> list[SetProfile]:
    return sorted((each for each in profile.sets if not each.optional), key=lambda each: each.order)


def _count(connection: sqlite3.Connection, each: SetProfile) -> int:
    return count_rows(connection, each.table, each.where or "TRUE")


def _rows(connection: sqlite3.Connection, each: SetProfile, columns: tuple[str, ...]) -> dict[Key, Key]:
    key_places = [columns.index(column) for column in each.key]
    selected = ", ".join(f'"{column}"' for column in columns)
    found = connection.execute(f'SELECT {selected} FROM "{each.table}" WHERE {each.where or "TRUE"}')
    return {tuple(row[place] for place in key_places): row for row in found}


def _set_differences(name: str, columns: tuple[str, ...], one: dict[Key, Key], other: dict[Key, Key]) -> Iterator[str]:
    for key in one.keys() - other.keys():
        yield f"{name} {key}: only the first wallet has it"
    for key in other.keys() - one.keys():
        yield f"{name} {key}: only the second wallet has it"
    for key in one.keys() & other.keys():
        differing = [
            column for column, mine, theirs in zip(columns, one[key], other[key], strict=True) if mine != theirs
        ]
        if differing:
            yield f"{name} {key}: the wallets differ in {', '.join(differing)}"
