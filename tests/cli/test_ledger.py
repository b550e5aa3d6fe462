import pytest
from support.cli_wallets import TALER, database, world

from ipc.cli.demo.amounts import read_amount
from ipc.cli.demo.ledger import balance, differences, keys_by_set, synced_columns
from ipc.cli.demo.spending import choose_coins, note_ghost, pay


@pytest.fixture
def pair(tmp_path):
    with (
        database(tmp_path / "one.sqlite", world()) as one,
        database(tmp_path / "other.sqlite", world()) as other,
    ):
        yield one, other


def test_equal_wallets_have_no_differences(pair):
    assert list(differences(*pair, TALER)) == []


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ("DELETE FROM trusted_auditors WHERE currency = 'TOKEN'", "trusted_auditors ('TOKEN', "),
        ("UPDATE purchases SET timestamp_last_refund_query = 1", None),
        ("UPDATE exchanges SET permanent = 0", "the wallets differ in permanent"),
        ("UPDATE exchanges SET last_update = 1", None),
        ("UPDATE exchange_details SET tos_text = 'x'", None),
        ("UPDATE purchases SET claim_token = 'X' WHERE status = 10", None),
        ("UPDATE purchases SET claim_token = 'X' WHERE status = 54", "the wallets differ in claim_token"),
        ("UPDATE refunds SET refund_fee = NULL", "the wallets differ in refund_fee"),
        ("INSERT INTO wallet_settings VALUES ('language', '\"de\"')", None),
    ],
)
def test_only_what_is_synced_is_compared(change, difference, pair):
    one, other = pair
    one.execute(change)
    found = list(differences(one, other, TALER))
    assert bool(found) == (difference is not None)
    assert all(difference in each for each in found)


def test_a_row_that_only_one_has_is_told_from_both_sides(pair):
    one, other = pair
    one.execute("DELETE FROM trusted_auditors WHERE currency = 'TOKEN'")
    place = "trusted_auditors ('TOKEN', 'https://audit.arcade.example/')"
    assert list(differences(one, other, TALER)) == [f"{place}: only the second wallet has it"]
    assert list(differences(other, one, TALER)) == [f"{place}: only the first wallet has it"]


def test_synced_columns_are_all_that_are_not_local(pair):
    exchanges = next(each for each in TALER.sets if each.name == "exchanges")
    assert synced_columns(pair[0], exchanges) == ("base_url", "master_public_key", "currency", "permanent")


def test_paying_spends_exactly_the_chosen_coins(pair):
    one, other = pair
    before = balance(one)["KUDOS"]
    payment = choose_coins(one, 3, "lowest")
    order = pay(one, world(), 1_000_000, payment)
    assert before - balance(one)["KUDOS"] == read_amount(payment.amount)[1] > 0
    assert one.execute("PRAGMA foreign_key_check").fetchall() == []
    new_keys, old_keys = keys_by_set(one, TALER), keys_by_set(other, TALER)
    assert {name: len(new_keys[name] - old_keys[name]) for name in new_keys if new_keys[name] != old_keys[name]} == {
        "coin_spends": 3,
        "coin_history": 3,
        "purchases": 1,
        "contract_terms": 1,
    }
    assert new_keys["contract_terms"] - old_keys["contract_terms"] == {(order.contract_terms_hash,)}


def test_two_wallets_that_choose_from_different_ends_do_not_meet(pair):
    lowest, highest = choose_coins(pair[0], 2, "lowest"), choose_coins(pair[1], 3, "highest")
    assert not set(lowest.coin_pubs) & set(highest.coin_pubs)
    assert (len(lowest.coin_pubs), len(highest.coin_pubs)) == (2, 3)


def test_a_ghost_is_no_part_of_any_set(pair):
    one, other = pair
    payment = choose_coins(one, 1, "lowest")
    order = pay(other, world(), 1_000_000, payment)
    before = keys_by_set(one, TALER)
    note_ghost(one, order, payment, now=1)
    assert keys_by_set(one, TALER) == before
    assert one.execute("SELECT contract_terms_hash, amount FROM ghost_deposits").fetchall() == [
        (order.contract_terms_hash, payment.amount)
    ]
