"""Money going out: purchases with their contracts, refunds, deposits and payments between people."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from ipc import base32
from ipc.cli.demo.plausible.world import DAY, EXCHANGES, MINUTE, Denomination, Row, World, same_currency_total

UNCLAIMED = 10
_DONE = 50
PAID = 54

_MERCHANTS = (
    ("Bakery at the Corner", "https://bakery.example/", "Sourdough loaf"),
    ("Second-hand Books", "https://books.example/", "Used paperback"),
    ("Evening Paper", "https://news.example/", "Article, single"),
    ("Tea House", "https://tea.example/", "Pot of green tea"),
    ("City Bicycles", "https://bikes.example/", "Bicycle for a day"),
    ("Small Cinema", "https://cinema.example/", "Ticket, late show"),
)


class Payment(NamedTuple):
    """The coins that pay for something: their public keys and denominations, all of one exchange."""

    coin_pubs: Sequence[str]
    denominations: Sequence[Denomination]

    @property
    def amount(self) -> str:
        """What the coins are worth together."""
        return same_currency_total(self.denominations)


class Order(NamedTuple):
    """What was bought: the contract's hash and text, and where it was bought."""

    contract_terms_hash: str
    contract_terms_raw: str
    order_id: str
    merchant_base_url: str


def payment_of(world: World, purchase: int) -> Payment:
    """Return the coins that paid for a purchase of the made-up wallet."""
    coins = world.coins_of_purchase(purchase)
    return Payment([world.coin_pub(coin) for coin in coins], [world.coin_denomination(coin) for coin in coins])


def order_of(world: World, number: int, amount: str, ordered: int) -> Order:
    """Make up what someone buys for this amount, and its contract. The hash is that of the very bytes."""
    merchant, base_url, product = _MERCHANTS[world.own.below(len(_MERCHANTS), "merchant", number)]
    nonce, merchant_pub, wire_hash = world.own.keys("contract", number, 32, 32, 64)
    order_id = f"2026.{number:06d}-{nonce[:14]}"
    terms = {
        "amount": amount,
        "exchanges": [{"url": exchange.base_url} for exchange in EXCHANGES],
        "fulfillment_url": f"{base_url}orders/{order_id}",
        "h_wire": wire_hash,
        "max_fee": f"{amount.partition(':')[0]}:0.05",
        "merchant": {"address": {"country": "DE", "town": "Sampletown"}, "name": merchant},
        "merchant_base_url": base_url,
        "merchant_pub": merchant_pub,
        "nonce": nonce,
        "order_id": order_id,
        "pay_deadline": {"t_s": ordered + DAY},
        "products": [{"description": product, "price": amount, "quantity": 1, "taxes": [], "unit": "piece"}],
        "refund_deadline": {"t_s": ordered + 14 * DAY},
        "summary": f"{product} from {merchant}",
        "timestamp": {"t_s": ordered},
        "wire_method": "iban",
        "wire_transfer_deadline": {"t_s": ordered + 21 * DAY},
    }
    raw = json.dumps(terms, sort_keys=True, separators=(",", ":"))
    return Order(base32.encode(hashlib.sha512(raw.encode()).digest()), raw, order_id, base_url)


def purchase_for(world: World, number: int, order: Order, payment: Payment, paid: int) -> Row:
    """Make the row of ``purchases`` of an order that was paid with these coins."""
    nonce_pub, nonce_priv, merchant_sig, pay_sig = world.own.keys("purchase", number, 32, 32, 64, 64)
    return {
        "proposal_id": world.proposal_id(number),
        "order_id": order.order_id,
        "merchant_base_url": order.merchant_base_url,
        "nonce_pub": nonce_pub,
        "nonce_priv": nonce_priv,
        "status": PAID,
        "contract_terms_hash": order.contract_terms_hash,
        "contract_terms_merchant_sig": merchant_sig,
        "fulfillment_url": f"{order.merchant_base_url}orders/{order.order_id}",
        "currency": payment.amount.partition(":")[0],
        "pay_coin_pubs": json.dumps(payment.coin_pubs),
        "pay_coin_contributions": json.dumps([each.amount for each in payment.denominations]),
        "total_pay_cost": payment.amount,
        "merchant_pay_sig": pay_sig,
        "timestamp_created": paid - MINUTE,
        "timestamp_accept": paid,
        "timestamp_first_successful_pay": paid,
        "auto_refund_deadline": None,
    }


def contract_for(order: Order) -> Row:
    """Make the row of ``contract_terms`` of an order."""
    return {"contract_terms_hash": order.contract_terms_hash, "contract_terms_raw": order.contract_terms_raw}


def purchase(world: World, number: int) -> Row:
    """Make a row of ``purchases``: claimed and paid."""
    return purchase_for(world, number, _order(world, number), payment_of(world, number), _paid(world, number))


def contract_terms(world: World, number: int) -> Row:
    """Make a row of ``contract_terms``."""
    return contract_for(_order(world, number))


def unclaimed_purchase(world: World, number: int) -> Row:
    """Make a row of ``purchases`` whose order is not claimed yet, and so stays on this device."""
    number += world.count_by_table["purchases"]
    _, base_url, _ = _MERCHANTS[number % len(_MERCHANTS)]
    nonce_pub, nonce_priv, claim_token = world.own.keys("purchase", number, 32, 32, 16)
    return {
        "proposal_id": world.proposal_id(number),
        "order_id": f"2026.{number:06d}",
        "merchant_base_url": base_url,
        "claim_token": claim_token,
        "nonce_pub": nonce_pub,
        "nonce_priv": nonce_priv,
        "status": UNCLAIMED,
        "timestamp_created": world.now,
    }


def refund(world: World, number: int) -> Row:
    """Make a row of ``refunds``: a purchase's first coin came back."""
    purchases = world.count_by_table["purchases"]
    refunded = number % purchases
    coin = world.coins_of_purchase(refunded)[0]
    denomination = world.coin_denomination(coin)
    when = _paid(world, refunded) + DAY
    return {
        "proposal_id": world.proposal_id(refunded),
        "coin_pub": world.coin_pub(coin),
        "rtransaction_id": 1 + number // purchases,
        "refund_amount": denomination.amount,
        "refund_fee": f"{denomination.exchange.currency}:0.01",
        "execution_time": when,
        "obtained_time": when + MINUTE,
        "status": _DONE,
    }


def deposit(world: World, number: int) -> Row:
    """Make a row of ``deposits``: money went back to the person's bank account."""
    keys = world.own.keys("deposit", number, 32, 32, 32, 32, 32, 64, 16)
    group_id, merchant_pub, merchant_priv, nonce_pub, nonce_priv, contract_hash, salt = keys
    created = world.time_of(number, world.count_by_table["deposits"])
    return {
        "deposit_group_id": group_id,
        "merchant_pub": merchant_pub,
        "merchant_priv": merchant_priv,
        "nonce_pub": nonce_pub,
        "nonce_priv": nonce_priv,
        "wire": json.dumps({"payto_uri": "payto://iban/DE00000000000000000001", "salt": salt}),
        "contract_terms_hash": contract_hash,
        "total_pay_cost": f"KUDOS:{1 + number % 9}",
        "effective_amount": f"KUDOS:{1 + number % 9}",
        "timestamp_created": created,
        "timestamp_finished": created + DAY,
        "status": _DONE,
    }


def peer_payment(world: World, number: int) -> Row:
    """Make a row of ``peer_payments``: someone was sent money, or sent it."""
    names = ("purse_pub", "purse_priv", "merge_pub", "merge_priv", "contract_pub", "contract_priv")
    keys = dict(zip(names, world.own.keys("peer payment", number, *[32] * len(names)), strict=True))
    created = world.time_of(number, world.count_by_table["peer_payments"])
    return keys | {
        "kind": ("push-debit", "push-credit", "pull-debit", "pull-credit")[number % 4],
        "exchange_base_url": world.denomination(0).exchange.base_url,
        "amount": f"KUDOS:{1 + number % 5}",
        "contract_terms_hash": world.own.key("peer contract", number, 64),
        "purse_expiration": created + 7 * DAY,
        "timestamp_created": created,
        "status": _DONE,
    }


def _order(world: World, purchase: int) -> Order:
    return order_of(world, purchase, payment_of(world, purchase).amount, _paid(world, purchase) - MINUTE)


def _paid(world: World, purchase: int) -> int:
    return world.time_of(purchase, world.count_by_table["purchases"])
