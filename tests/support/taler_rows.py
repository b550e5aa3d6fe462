"""Rows of the taler profile's reference schema, as a wallet program writes them."""

import sqlite3

from support.processes import Device, open_wallet

EXCHANGE = "https://exchange.example/"
DENOMINATION = "DENOMINATION0"

_INSERT_DENOMINATION = (
    "INSERT OR IGNORE INTO denominations (exchange_base_url, denom_pub_hash, denom_pub, exchange_master_pub, currency,"
    " value, fee_withdraw, fee_deposit, fee_refresh, fee_refund, stamp_start, stamp_expire_withdraw,"
    " stamp_expire_deposit, stamp_expire_legal, master_sig)"
    " VALUES (?, ?, '{}', 'MASTER', 'KUDOS', 'KUDOS:1', 'KUDOS:0', 'KUDOS:0', 'KUDOS:0', 'KUDOS:0', 1, 2, 3, 4, 'SIG')"
)
_PUT_COIN = (
    "INSERT INTO coins (coin_pub, coin_priv, exchange_base_url, denom_pub_hash, denom_sig, blinding_key, coin_ev_hash,"
    " source_type, source_id, max_age) VALUES (?, 'PRIV', ?, ?, '{}', 'BLIND', 'HASH', 'withdraw', 'GROUP', ?)"
    " ON CONFLICT DO UPDATE SET max_age = excluded.max_age"
)
_INSERT_PURCHASE = (
    "INSERT INTO purchases (proposal_id, order_id, merchant_base_url, nonce_pub, nonce_priv, status,"
    " contract_terms_hash, timestamp_created) VALUES (?, 'ORDER', 'https://shop.example/', 'NONCE', 'PRIV', ?, ?, 1)"
)
_INSERT_WITHDRAWAL = (
    "INSERT INTO withdrawals (withdrawal_group_id, withdrawal_type, exchange_base_url, secret_seed, timestamp_start,"
    " timestamp_accepted, status) VALUES (?, 'bank-integrated', ?, 'SEED', 1, ?, ?)"
)


def put_exchange(device: Device, url: str, currency: str) -> None:
    """Insert or change an exchange."""
    device.sql(
        "INSERT INTO exchanges (base_url, currency) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET currency = excluded.currency",
        url,
        currency,
    )


def delete_exchange(device: Device, url: str) -> None:
    """Delete an exchange."""
    device.sql("DELETE FROM exchanges WHERE base_url = ?", url)


def exchanges(device: Device) -> dict[object, object]:
    """Return the currencies of all exchanges by URL."""
    return dict(device.sql("SELECT base_url, currency FROM exchanges"))  # type: ignore[arg-type]


def insert_denomination(connection: sqlite3.Connection) -> None:
    """Insert the denomination of all coins here, if it is not there."""
    connection.execute(_INSERT_DENOMINATION, (EXCHANGE, DENOMINATION))


def put_coin(connection: sqlite3.Connection, coin: str, version: int) -> None:
    """Insert or change a coin. ``version`` stands for all that a wallet may change of it."""
    connection.execute(_PUT_COIN, (coin, EXCHANGE, DENOMINATION, version))


def coins(device: Device) -> dict[object, object]:
    """Return the versions of all coins by key."""
    return dict(device.sql("SELECT coin_pub, max_age FROM coins"))  # type: ignore[arg-type]


def put_coins(device: Device, versions: dict[str, int]) -> None:
    """Insert or change coins in one transaction."""
    connection = open_wallet(device.wallet)
    connection.execute("BEGIN")
    insert_denomination(connection)
    for coin, version in versions.items():
        put_coin(connection, coin, version)
    connection.execute("COMMIT")
    connection.close()


def insert_purchase(device: Device, proposal: str, status: int, contract: str | None) -> None:
    """Insert a purchase: status 10 is not claimed yet, and has no contract."""
    device.sql(_INSERT_PURCHASE, proposal, status, contract)


def insert_withdrawal(device: Device, group: str, status: int, accepted: int | None) -> None:
    """Insert a withdrawal: a dialog has a status from 30 to 49 and was not accepted yet."""
    device.sql(_INSERT_WITHDRAWAL, group, EXCHANGE, accepted, status)


def insert_ghost(device: Device, contract: str) -> None:
    """Insert a ghost: a coin was spent elsewhere, for this contract."""
    device.sql("INSERT INTO ghost_deposits VALUES (?, '[]', 'KUDOS:1', 1)", contract)
