"""Money coming in: reserves with their history, withdrawals and tips."""

import json
from collections import Counter
from decimal import Decimal

from ipc.cli.demo.amounts import write_amount
from ipc.cli.demo.plausible.world import DAY, EXCHANGES, MINUTE, Denomination, Row, World, same_currency_total

_ACTIVE_DIALOG = 30
_DONE = 50
_FEE_OF_COIN = Decimal("0.01")


def reserve(world: World, number: int) -> Row:
    """Make a row of ``reserves``."""
    return {"reserve_pub": world.reserve_pub(number), "reserve_priv": world.own.key("reserve secret", number)}


def reserve_history(world: World, number: int) -> Row:
    """Make a row of ``reserve_history``: what came in, then what was withdrawn, withdrawal for withdrawal."""
    withdrawal = number // 2 % world.count_by_table["withdrawals"]
    kind = "credit" if number % 2 == 0 else "withdraw"
    return {
        "reserve_pub": world.reserve_pub(withdrawal),
        "kind": kind,
        "entry_id": str(number),
        "amount": same_currency_total(_denominations(world, withdrawal)),
        "timestamp": _started(world, withdrawal),
        "details": f'{{"wire_reference":"{world.own.below(10**9, "wire reference", number)}"}}',
    }


def withdrawal(world: World, number: int) -> Row:
    """Make a row of ``withdrawals``: accepted by the person, and done."""
    coins = _denominations(world, number)
    currency = EXCHANGES[world.exchange_of_withdrawal(number)].currency
    effective = same_currency_total(coins)
    started = _started(world, number)
    return _withdrawal(world, number) | {
        "timestamp_start": started,
        "timestamp_accepted": started + MINUTE,
        "timestamp_finish": started + 5 * MINUTE,
        "status": _DONE,
        "instructed_amount": effective,
        "raw_amount": write_amount(currency, sum((coin.value + _FEE_OF_COIN for coin in coins), Decimal(0))),
        "effective_amount": effective,
        "denoms_sel": selected(coins),
    }


def unaccepted_withdrawal(world: World, number: int) -> Row:
    """Make a row of ``withdrawals`` that waits for the person to accept it, and so stays on this device."""
    number += world.count_by_table["withdrawals"]
    currency = EXCHANGES[world.exchange_of_withdrawal(number)].currency
    return _withdrawal(world, number) | {
        "timestamp_start": world.now,
        "timestamp_accepted": None,
        "timestamp_finish": None,
        "status": _ACTIVE_DIALOG,
        "instructed_amount": f"{currency}:{5 + number % 20}",
        "raw_amount": None,
        "effective_amount": None,
        "denoms_sel": None,
    }


def tip(world: World, number: int) -> Row:
    """Make a row of ``tips``: picked up by the person."""
    offered = world.time_of(number, world.count_by_table["tips"])
    tip_id, merchant_tip_id, seed = world.own.keys("tip", number, 32, 32, 32)
    coin = world.denomination(number % world.count_by_table["denominations"])
    return {
        "wallet_tip_id": tip_id,
        "merchant_tip_id": merchant_tip_id,
        "merchant_base_url": "https://survey.example/",
        "exchange_base_url": coin.exchange.base_url,
        "raw_amount": coin.amount,
        "effective_amount": coin.amount,
        "secret_seed": seed,
        "denoms_sel": selected([coin]),
        "created_timestamp": offered,
        "accepted_timestamp": offered + MINUTE,
        "picked_up_timestamp": offered + 2 * MINUTE,
    }


def selected(denominations: list[Denomination]) -> str:
    """Write which denominations were chosen, and how many coins of each, as the wallet does."""
    counts = Counter(each.denom_pub_hash for each in denominations)
    return json.dumps([{"count": count, "denom_pub_hash": chosen} for chosen, count in sorted(counts.items())])


def _withdrawal(world: World, number: int) -> dict[str, str | int | None]:
    seed, reserve_priv = world.own.keys("withdrawal seed", number, 32, 32)
    return {
        "withdrawal_group_id": world.withdrawal_id(number),
        "withdrawal_type": "bank-manual",
        "exchange_base_url": EXCHANGES[world.exchange_of_withdrawal(number)].base_url,
        "secret_seed": seed,
        "reserve_pub": world.reserve_pub(number),
        "reserve_priv": reserve_priv,
    }


def _denominations(world: World, withdrawal: int) -> list[Denomination]:
    return [world.coin_denomination(coin) for coin in world.coins_of_withdrawal(withdrawal)]


def _started(world: World, withdrawal: int) -> int:
    return world.time_of(withdrawal, world.count_by_table["withdrawals"]) - DAY
