"""Exchanges with their keys and denominations, and whom the person trusts."""

import json

from ipc.cli.demo.plausible.world import DAY, EXCHANGES, YEAR, Row, World

_AUDITORS = (
    ("KUDOS", "https://auditor.kudos.example/"),
    ("TOKEN", "https://audit.arcade.example/"),
)


def master_public_key(world: World, exchange: int) -> str:
    """Return an exchange's master public key."""
    return world.common.key("master", exchange)


def exchange(world: World, number: int) -> Row:
    """Make a row of ``exchanges``. When it was last asked is local, and differs from wallet to wallet."""
    return {
        "base_url": EXCHANGES[number].base_url,
        "master_public_key": master_public_key(world, number),
        "currency": EXCHANGES[number].currency,
        "permanent": 1,
        "last_update": world.now - world.own.below(DAY, "exchange update", number),
    }


def exchange_details(world: World, number: int) -> Row:
    """Make a row of ``exchange_details``."""
    base_url, currency = EXCHANGES[number]
    fees = {"wire_fee": f"{currency}:0.1", "closing_fee": f"{currency}:0.1", "end_date": 1_900_000_000}
    return {
        "exchange_base_url": base_url,
        "currency": currency,
        "master_public_key": master_public_key(world, number),
        "protocol_version_range": "14:0:0",
        "reserve_closing_delay": 28 * DAY,
        "tos_accepted_etag": "tos-v1",
        "tos_accepted_timestamp": 1_700_000_000,
        "wire_fees": json.dumps({"iban": [fees]}, sort_keys=True),
        "wire_accounts": json.dumps(
            [{"master_sig": world.common.key("wire", number, 64), "payto_uri": f"payto://iban/DE{number:020d}"}]
        ),
    }


def signing_key(world: World, number: int) -> Row:
    """Make a row of ``signing_keys``: a new one each quarter of a year."""
    pub, signature = world.common.keys("signing key", number, 32, 64)
    start = world.now - number // len(EXCHANGES) % 8 * 90 * DAY
    return {
        "exchange_base_url": EXCHANGES[number % len(EXCHANGES)].base_url,
        "signkey_pub": pub,
        "master_public_key": master_public_key(world, number % len(EXCHANGES)),
        "stamp_start": start,
        "stamp_expire": start + 120 * DAY,
        "stamp_end": start + 3 * YEAR,
        "master_sig": signature,
    }


def denomination(world: World, number: int) -> Row:
    """Make a row of ``denominations``, with an RSA key of 2048 bits."""
    made = world.denomination(number)
    rsa_key, signature = world.common.keys("denomination key", number, 260, 64)
    fee = f"{made.exchange.currency}:0.01"
    return {
        "exchange_base_url": made.exchange.base_url,
        "denom_pub_hash": made.denom_pub_hash,
        "denom_pub": f'{{"age_mask":0,"cipher":"RSA","rsa_public_key":"{rsa_key}"}}',
        "exchange_master_pub": master_public_key(world, number % len(EXCHANGES)),
        "currency": made.exchange.currency,
        "value": made.amount,
        "fee_withdraw": fee,
        "fee_deposit": fee,
        "fee_refresh": fee,
        "fee_refund": fee,
        "stamp_start": made.stamp_start,
        "stamp_expire_withdraw": made.stamp_start + YEAR,
        "stamp_expire_deposit": made.stamp_expire_deposit,
        "stamp_expire_legal": made.stamp_expire_deposit + 10 * YEAR,
        "master_sig": signature,
        "list_issue_date": world.now - world.own.below(DAY, "list issue", number),
    }


def trusted_exchange(world: World, number: int) -> Row:
    """Make a row of ``trusted_exchanges``."""
    return {
        "currency": EXCHANGES[number].currency,
        "exchange_base_url": EXCHANGES[number].base_url,
        "exchange_master_pub": master_public_key(world, number),
    }


def trusted_auditor(world: World, number: int) -> Row:
    """Make a row of ``trusted_auditors``."""
    currency, base_url = _AUDITORS[number]
    return {"currency": currency, "auditor_base_url": base_url, "auditor_pub": world.common.key("auditor", number)}
