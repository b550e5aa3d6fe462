"""What the wallet program does in the demo: pay with coins, and note a ghost.

A wallet pays in one transaction: the purchase and its contract come, each coin gets its spend, an entry of its
history, and the status dormant.
"""

import json
import sqlite3
from typing import Literal

from ipc.cli.demo.amounts import read_amount
from ipc.cli.demo.plausible.coins import DORMANT, history_of, spend_of
from ipc.cli.demo.plausible.spending import Order, Payment, contract_for, order_of, purchase_for
from ipc.cli.demo.plausible.wallet import insert_rows
from ipc.cli.demo.plausible.world import Denomination, Exchange, Row, World

_FRESH_COINS = """
    SELECT coins.coin_pub, coins.exchange_base_url, currency, denom_pub_hash, value, stamp_start,
           denominations.stamp_expire_deposit
    FROM coins JOIN denominations USING (exchange_base_url, denom_pub_hash)
    WHERE currency = 'KUDOS' AND status = 10
      AND NOT EXISTS (SELECT 1 FROM coin_spends WHERE coin_spends.coin_pub = coins.coin_pub)
    ORDER BY coins.coin_pub {direction} LIMIT ?
"""


def choose_coins(connection: sqlite3.Connection, count: int, first: Literal["lowest", "highest"]) -> Payment:
    """Choose coins that can be spent. Two wallets that choose from different ends do not meet."""
    query = _FRESH_COINS.format(direction="ASC" if first == "lowest" else "DESC")
    rows = connection.execute(query, (count,)).fetchall()
    denominations = [
        Denomination(Exchange(base_url, currency), denom_pub_hash, read_amount(value)[1], start, expires)
        for _, base_url, currency, denom_pub_hash, value, start, expires in rows
    ]
    return Payment([row[0] for row in rows], denominations)


def pay(connection: sqlite3.Connection, world: World, number: int, payment: Payment) -> Order:
    """Buy something for exactly these coins. ``number`` tells this purchase of the world from others."""
    order = order_of(world, number, payment.amount, world.now)
    proposal_id = world.proposal_id(number)
    coins = list(zip(payment.coin_pubs, payment.denominations, strict=True))
    with connection:
        insert_rows(connection, "contract_terms", iter([contract_for(order)]))
        insert_rows(connection, "purchases", iter([purchase_for(world, number, order, payment, world.now)]))
        insert_rows(connection, "coin_spends", (spend_of(*coin, proposal_id, world.now) for coin in coins))
        insert_rows(connection, "coin_history", (history_of(*coin, "spent", proposal_id, world.now) for coin in coins))
        connection.executemany(
            "UPDATE coins SET status = ? WHERE coin_pub = ?", [(DORMANT, coin_pub) for coin_pub in payment.coin_pubs]
        )
    return order


def note_ghost(connection: sqlite3.Connection, order: Order, payment: Payment, now: int) -> None:
    """Note what a wallet learns from the exchange: coins were spent elsewhere, for a contract it does not know."""
    coins = [{"amount": each.amount, "coin_pub": pub} for pub, each in zip(*payment, strict=True)]
    ghost: Row = {
        "contract_terms_hash": order.contract_terms_hash,
        "coins": json.dumps(coins),
        "amount": payment.amount,
        "timestamp": now,
    }
    with connection:
        insert_rows(connection, "ghost_deposits", iter([ghost]))
