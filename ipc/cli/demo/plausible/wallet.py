"""A whole made-up wallet: how many rows of what, and writing them into a database of the reference schema.

``entities`` counts the rows that take part in sets which are on by default. Beside them a wallet gets a few rows that
must stay on their device: orders not claimed yet, withdrawals not accepted.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping

from ipc.cli.demo.plausible import coins, income, issuers, spending
from ipc.cli.demo.plausible.world import EXCHANGES, Row, World

RowMaker = Callable[[World, int], Row]

FEWEST_ENTITIES = 180

# In the order of writing: parents before children.
_MAKER_BY_TABLE: Mapping[str, RowMaker] = {
    "exchanges": issuers.exchange,
    "exchange_details": issuers.exchange_details,
    "signing_keys": issuers.signing_key,
    "denominations": issuers.denomination,
    "trusted_exchanges": issuers.trusted_exchange,
    "trusted_auditors": issuers.trusted_auditor,
    "reserves": income.reserve,
    "reserve_history": income.reserve_history,
    "withdrawals": income.withdrawal,
    "tips": income.tip,
    "coins": coins.coin,
    "coin_spends": coins.coin_spend,
    "coin_history": coins.coin_history,
    "coin_assignments": coins.coin_assignment,
    "refresh_groups": coins.refresh_group,
    "recoup_groups": coins.recoup_group,
    "contract_terms": spending.contract_terms,
    "purchases": spending.purchase,
    "refunds": spending.refund,
    "deposits": spending.deposit,
    "peer_payments": spending.peer_payment,
}
_STAYING_MAKER_BY_TABLE: Mapping[str, RowMaker] = {
    "withdrawals": income.unaccepted_withdrawal,
    "purchases": spending.unclaimed_purchase,
}

_COUNT_BY_SMALL_TABLE = {
    "exchanges": len(EXCHANGES),
    "exchange_details": len(EXCHANGES),
    "trusted_exchanges": len(EXCHANGES),
    "trusted_auditors": len(EXCHANGES),
    "signing_keys": 4 * len(EXCHANGES),
}
# Of a thousand entities; the coins' histories, one entry at least for most coins, are what remains.
_SHARE_BY_TABLE = {
    "denominations": 20,
    "reserves": 15,
    "reserve_history": 30,
    "withdrawals": 15,
    "tips": 5,
    "coins": 360,
    "coin_spends": 180,
    "coin_assignments": 20,
    "refresh_groups": 20,
    "recoup_groups": 5,
    "contract_terms": 60,
    "purchases": 60,
    "refunds": 10,
    "deposits": 5,
    "peer_payments": 5,
}
_FEWEST_BY_TABLE = {"denominations": 8 * len(EXCHANGES)}  # one of each value


def counts_of(entities: int) -> dict[str, int]:
    """Share out a number of entities over the tables. Raises ``ValueError`` below ``FEWEST_ENTITIES``."""
    if entities < FEWEST_ENTITIES:
        raise ValueError(f"a plausible wallet has at least {FEWEST_ENTITIES} entities, not {entities}")
    counts = _COUNT_BY_SMALL_TABLE | {
        table: max(entities * share // 1000, _FEWEST_BY_TABLE.get(table, 2)) for table, share in _SHARE_BY_TABLE.items()
    }
    return counts | {"coin_history": entities - sum(counts.values())}


def rows(world: World, table: str) -> Iterator[Row]:
    """Make all rows of a table that take part in its set, one at a time."""
    make = _MAKER_BY_TABLE[table]
    return (make(world, number) for number in range(world.count_by_table[table]))


def staying_rows(world: World, table: str) -> Iterator[Row]:
    """Make a table's rows that stay on this device: one for every thirty that take part, and one more."""
    make = _STAYING_MAKER_BY_TABLE.get(table)
    number_of_rows = 0 if make is None else 1 + world.count_by_table[table] // 30
    return (make(world, number) for number in range(number_of_rows) if make is not None)


def write_wallet(connection: sqlite3.Connection, world: World) -> None:
    """Write a whole wallet into an empty database, in one transaction. Rows that exist already are left alone."""
    with connection:
        for table in _MAKER_BY_TABLE:
            insert_rows(connection, table, rows(world, table))
            insert_rows(connection, table, staying_rows(world, table))


def insert_rows(connection: sqlite3.Connection, table: str, rows: Iterator[Row]) -> None:
    """Insert rows that all have the same columns, unless there is a row of the same key already."""
    first = next(rows, None)
    if first is None:
        return
    columns = ", ".join(first)
    places = ", ".join(f":{column}" for column in first)
    statement = f"INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT DO NOTHING"
    connection.execute(statement, first)
    connection.executemany(statement, rows)
