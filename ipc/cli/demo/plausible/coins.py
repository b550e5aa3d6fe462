"""The money itself: coins, what was spent and for what, what happened to each coin, and refreshes."""

import json

from ipc.cli.demo.plausible.world import MINUTE, Denomination, Row, World

FRESH = 10
DORMANT = 50
_FINISHED = 50


def coin(world: World, number: int) -> Row:
    """Make a row of ``coins``: dormant if it is spent, else fresh."""
    denomination = world.coin_denomination(number)
    withdrawal = world.withdrawal_of_coin(number)
    coin_priv, blinding_key, envelope_hash, signature = world.own.keys("coin secrets", number, 32, 32, 64, 256)
    return {
        "coin_pub": world.coin_pub(number),
        "coin_priv": coin_priv,
        "exchange_base_url": denomination.exchange.base_url,
        "denom_pub_hash": denomination.denom_pub_hash,
        "denom_sig": f'{{"cipher":"RSA","rsa_signature":"{signature}"}}',
        "blinding_key": blinding_key,
        "coin_ev_hash": envelope_hash,
        "status": DORMANT if number < world.count_by_table["coin_spends"] else FRESH,
        "source_type": "withdraw",
        "source_id": world.withdrawal_id(withdrawal),
        "source_index": number - world.coins_of_withdrawal(withdrawal).start,
        "source_reserve_pub": world.reserve_pub(withdrawal),
        "stamp_expire_deposit": denomination.stamp_expire_deposit,
    }


def coin_spend(world: World, number: int) -> Row:
    """Make a row of ``coin_spends``: coin for coin, from the first."""
    purchase = world.purchase_of_coin(number)
    return spend_of(
        world.coin_pub(number),
        world.coin_denomination(number),
        world.proposal_id(purchase),
        world.time_of(purchase, world.count_by_table["purchases"]),
    )


def spend_of(coin_pub: str, denomination: Denomination, proposal_id: str, timestamp: int) -> Row:
    """Make the row of ``coin_spends`` that says: this coin paid for that purchase."""
    return {
        "coin_pub": coin_pub,
        "allocation_id": proposal_id,
        "amount": denomination.amount,
        "timestamp": timestamp,
        "stamp_expire_deposit": denomination.stamp_expire_deposit,
    }


def coin_history(world: World, number: int) -> Row:
    """Make a row of ``coin_history``: each coin's withdrawal first, then what the spent ones were spent for."""
    coins = world.count_by_table["coins"]
    if number < coins:
        withdrawal = world.withdrawal_of_coin(number)
        when = world.time_of(withdrawal, world.count_by_table["withdrawals"])
        return _history(world, number, "withdrawn", world.withdrawal_id(withdrawal), when)
    purchase = world.purchase_of_coin(number - coins)
    when = world.time_of(purchase, world.count_by_table["purchases"])
    return _history(world, number - coins, "spent", world.proposal_id(purchase), when)


def coin_assignment(world: World, number: int) -> Row:
    """Make a row of ``coin_assignments``: the newest coins belong to one of the person's wallets."""
    coin = world.count_by_table["coins"] - 1 - number
    return {"coin_pub": world.coin_pub(coin), "wallet_id": world.own.key("primary wallet", 0)}


def refresh_group(world: World, number: int) -> Row:
    """Make a row of ``refresh_groups``: the change of a purchase's last coin, done."""
    purchase = number % world.count_by_table["purchases"]
    coin = world.coins_of_purchase(purchase)[-1]
    denomination = world.coin_denomination(coin)
    created = world.time_of(purchase, world.count_by_table["purchases"]) + MINUTE
    return {
        "refresh_group_id": world.own.key("refresh", number),
        "currency": denomination.exchange.currency,
        "reason": "pay-merchant",
        "originating_id": f"txn:payment:{world.proposal_id(purchase)}",
        "old_coin_pubs": json.dumps([world.coin_pub(coin)]),
        "input_per_coin": json.dumps([denomination.amount]),
        "expected_output_per_coin": json.dumps([denomination.amount]),
        "status_per_coin": json.dumps([_FINISHED]),
        "timestamp_created": created,
        "timestamp_finished": created + MINUTE,
        "status": _FINISHED,
    }


def recoup_group(world: World, number: int) -> Row:
    """Make a row of ``recoup_groups``: a coin of a revoked denomination was given back."""
    coin = number % world.count_by_table["coins"]
    started = world.time_of(number, world.count_by_table["recoup_groups"])
    return {
        "recoup_group_id": world.own.key("recoup", number),
        "exchange_base_url": world.coin_denomination(coin).exchange.base_url,
        "coin_pubs": json.dumps([world.coin_pub(coin)]),
        "finished_per_coin": "[true]",
        "timestamp_started": started,
        "timestamp_finished": started + MINUTE,
        "status": _FINISHED,
    }


def history_of(coin_pub: str, denomination: Denomination, kind: str, entry_id: str, timestamp: int) -> Row:
    """Make the row of ``coin_history`` that says: this happened to that coin, because of what has that id."""
    return {
        "coin_pub": coin_pub,
        "kind": kind,
        "entry_id": entry_id,
        "amount": denomination.amount,
        "timestamp": timestamp,
    }


def _history(world: World, coin: int, kind: str, entry_id: str, timestamp: int) -> Row:
    return history_of(world.coin_pub(coin), world.coin_denomination(coin), kind, entry_id, timestamp)
