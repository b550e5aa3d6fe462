"""What happens in the demo, step by step, and what must have come of each.

A step does something to the wallets and returns its claims: what must become true on the devices by itself.
"""

from collections.abc import Sequence

from ipc.cli.demo.amounts import read_amount
from ipc.cli.demo.ledger import count_rows, keys_by_set
from ipc.cli.demo.plausible.spending import UNCLAIMED
from ipc.cli.demo.plausible.world import EXCHANGES
from ipc.cli.demo.spending import choose_coins, note_ghost, pay
from ipc.cli.demo.stage import (
    Claim,
    Stage,
    Step,
    balance_claim,
    contents_claim,
    money,
    rows_claim,
    synced_claim,
)

_FIRST_NEW_PURCHASE = 1_000_000  # beyond those that the wallets began with
_OTHER = EXCHANGES[1]


def _enroll(stage: Stage) -> Sequence[Claim]:
    with stage.desktop.client() as daemon:
        daemon.enroll(stage.server_url)
    return [synced_claim(stage.desktop)]


def _join(stage: Stage) -> Sequence[Claim]:
    here, there = (keys_by_set(device.connection, stage.profile) for device in stage.devices)
    expected = {name: len(here[name] | there[name]) for name in here}
    together = money(stage.desktop) + money(stage.phone)
    unclaimed = [(device, count_rows(device.connection, "purchases", _UNCLAIMED)) for device in stage.devices]
    with stage.desktop.client() as daemon:
        invitation = daemon.invite()
    with stage.phone.client() as daemon:
        daemon.join(invitation.uri)
    return [
        *(contents_claim(device, stage.profile, expected) for device in stage.devices),
        *(balance_claim(device, together) for device in stage.devices),
        *(
            rows_claim("only its own unclaimed orders are there", device, count, "purchases", _UNCLAIMED)
            for device, count in unclaimed
        ),
    ]


def _both_pay(stage: Stage) -> Sequence[Claim]:
    before = money(stage.desktop)
    coffee = choose_coins(stage.desktop.connection, 2, "lowest")
    book = choose_coins(stage.phone.connection, 3, "highest")
    pay(stage.desktop.connection, stage.desktop_world, _FIRST_NEW_PURCHASE, coffee)
    pay(stage.phone.connection, stage.phone_world, _FIRST_NEW_PURCHASE, book)
    after = before - read_amount(coffee.amount)[1] - read_amount(book.amount)[1]
    spent = (*coffee.coin_pubs, *book.coin_pubs)
    return [
        *(balance_claim(device, after) for device in stage.devices),
        *(
            rows_claim(f"the coin {coin[:8]} is spent", device, 1, "coin_spends", "coin_pub = ?", coin)
            for device in stage.devices
            for coin in spent
        ),
    ]


def _stop_trusting(stage: Stage) -> Sequence[Claim]:
    condition = "currency = ?"
    with stage.desktop.connection as connection:
        connection.execute(f"DELETE FROM trusted_auditors WHERE {condition}", (_OTHER.currency,))
    gone = f"the auditor of {_OTHER.currency} is gone"
    return [rows_claim(gone, device, 0, "trusted_auditors", condition, _OTHER.currency) for device in stage.devices]


def _part(stage: Stage) -> Sequence[Claim]:
    stage.phone.stop()
    with stage.desktop.connection as connection:
        connection.execute(f"DELETE FROM trusted_exchanges WHERE {_EXCHANGE}", _OTHER)
    with stage.phone.connection as connection:
        new_key = stage.phone_world.own.key("new master", 0)
        connection.execute(
            f"UPDATE trusted_exchanges SET exchange_master_pub = ? WHERE {_EXCHANGE}", (new_key, *_OTHER)
        )
    return [
        rows_claim("the exchange is deleted", stage.desktop, 0, "trusted_exchanges", _EXCHANGE, *_OTHER),
        rows_claim("the exchange is still there", stage.phone, 1, "trusted_exchanges", _EXCHANGE, *_OTHER),
    ]


def _meet_again(stage: Stage) -> Sequence[Claim]:
    stage.phone.start()
    return [
        rows_claim("the exchange is deleted", device, 0, "trusted_exchanges", _EXCHANGE, *_OTHER)
        for device in stage.devices
    ]


def _note_ghost(stage: Stage) -> Sequence[Claim]:
    stage.phone.stop()
    payment = choose_coins(stage.desktop.connection, 1, "lowest")
    order = pay(stage.desktop.connection, stage.desktop_world, _FIRST_NEW_PURCHASE + 1, payment)
    note_ghost(stage.phone.connection, order, payment, stage.phone_world.now)
    return [
        rows_claim("a ghost stands for the purchase", stage.phone, 1, "ghost_deposits", _CONTRACT, order[0]),
        rows_claim("the purchase itself is not there", stage.phone, 0, "purchases", _CONTRACT, order[0]),
    ]


def _lay_ghost(stage: Stage) -> Sequence[Claim]:
    (contract,) = stage.phone.connection.execute("SELECT contract_terms_hash FROM ghost_deposits").fetchone()
    stage.phone.start()
    return [
        rows_claim("the purchase has arrived", stage.phone, 1, "purchases", _CONTRACT, contract),
        rows_claim("the ghost has made way for it", stage.phone, 0, "ghost_deposits", "TRUE"),
        rows_claim("no ghost was ever taken over", stage.desktop, 0, "ghost_deposits", "TRUE"),
        balance_claim(stage.phone, money(stage.desktop)),
    ]


_UNCLAIMED = f"status = {UNCLAIMED}"
_EXCHANGE = "exchange_base_url = ? AND currency = ?"
_CONTRACT = "contract_terms_hash = ?"

STEPS = (
    Step(
        "One wallet alone",
        "The desktop takes up a folder as its server, and stores a sealed copy of all it has there.",
        _enroll,
        agree=False,
    ),
    Step(
        "Two wallets, one circle",
        "The phone joins by an invitation; it had money of its own, and now both hold what either held.",
        _join,
    ),
    Step(
        "Both spend",
        "Each pays with coins of its own choice; both soon know which coins are spent, and the balance is one.",
        _both_pay,
    ),
    Step(
        "A delete",
        f"On the desktop the person stops trusting the auditor of {_OTHER.currency}; the phone follows.",
        _stop_trusting,
    ),
    Step(
        "A conflict",
        f"While the phone is off, the desktop deletes the exchange of {_OTHER.currency}, and the phone changes it.",
        _part,
        agree=False,
    ),
    Step(
        "The conflict ends",
        "The phone is on again. Neither knew of the other's change: the delete wins, without a question.",
        _meet_again,
    ),
    Step(
        "A ghost",
        "The phone is off line and hears that a coin was spent: by the desktop, for something it does not know yet.",
        _note_ghost,
        agree=False,
    ),
    Step(
        "The ghost goes",
        "The phone is on again; the desktop's purchase arrives, and takes the place of its ghost.",
        _lay_ghost,
    ),
)
