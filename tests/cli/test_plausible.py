import hashlib
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cli_wallets import NOW, TALER, database, world

from ipc import base32
from ipc.cli.demo.amounts import read_amount, total_by_currency, write_amount
from ipc.cli.demo.ledger import count_by_set, count_rows
from ipc.cli.demo.plausible.material import Material
from ipc.cli.demo.plausible.wallet import FEWEST_ENTITIES, counts_of, rows
from ipc.cli.demo.plausible.world import World, shared_out

SETS = [each for each in TALER.sets if not each.optional]


@pytest.fixture
def wallet(tmp_path):
    with database(tmp_path / "wallet.sqlite", world(entities=1000)) as connection:
        yield connection


def keys(connection, set_profile) -> set:
    columns = ", ".join(set_profile.key)
    return set(connection.execute(f"SELECT {columns} FROM {set_profile.table} WHERE {set_profile.where or 'TRUE'}"))


@pytest.mark.parametrize("entities", [FEWEST_ENTITIES, 181, 420, 1000, 4321])
def test_a_wallet_has_exactly_the_entities_asked_for_and_some_of_every_set(entities, tmp_path):
    with database(tmp_path / "wallet.sqlite", world(entities=entities)) as connection:
        counts = count_by_set(connection, TALER)
        assert sum(counts.values()) == entities
        assert min(counts.values()) > 0
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@settings(max_examples=50)
@given(st.integers(FEWEST_ENTITIES, 10**6))
def test_any_size_is_shared_out_completely(entities):
    counts = counts_of(entities)
    assert sum(counts.values()) == entities
    assert min(counts.values()) > 0
    assert counts["coin_history"] <= counts["coins"] + counts["coin_spends"]
    World("any", counts, NOW)


def test_too_few_entities_are_refused():
    with pytest.raises(ValueError, match=f"at least {FEWEST_ENTITIES}"):
        counts_of(FEWEST_ENTITIES - 1)


def test_numbers_that_do_not_fit_together_are_refused():
    counts = counts_of(1000)
    with pytest.raises(ValueError, match="as many purchases as spent coins"):
        World("any", counts | {"coin_spends": counts["coins"]}, NOW)


def test_the_same_seed_makes_the_same_wallet(tmp_path, wallet):
    with database(tmp_path / "again.sqlite", world(entities=1000)) as again:
        for each in SETS:
            query = f"SELECT * FROM {each.table} ORDER BY {', '.join(each.key)}"
            assert wallet.execute(query).fetchall() == again.execute(query).fetchall()


def test_two_people_share_exchanges_and_nothing_else(tmp_path, wallet):
    published = {"exchanges", "exchange_details", "signing_keys", "denominations", "trusted_exchanges"}
    published |= {"trusted_auditors"}
    with database(tmp_path / "other.sqlite", world("phone", 1000)) as other:
        for each in SETS:
            mine, theirs = keys(wallet, each), keys(other, each)
            assert (mine == theirs) if each.name in published else not mine & theirs, each.name


def test_some_rows_stay_on_the_device(wallet):
    assert count_rows(wallet, "purchases", "status = 10 AND contract_terms_hash IS NULL") == 3
    assert count_rows(wallet, "withdrawals", "timestamp_accepted IS NULL") == 1


def test_rows_are_made_one_at_a_time():
    made = rows(world(entities=10**6), "coins")
    assert isinstance(made, Iterator)
    assert len({next(made)["coin_pub"] for _ in range(3)}) == 3


def test_a_contract_is_found_by_its_hash_and_costs_what_was_paid(wallet):
    bought = wallet.execute(
        "SELECT contract_terms_hash, contract_terms_raw, total_pay_cost, order_id FROM purchases"
        " JOIN contract_terms USING (contract_terms_hash)"
    ).fetchall()
    assert len(bought) == 60
    for contract_hash, raw, cost, order_id in bought:
        assert contract_hash == base32.encode(hashlib.sha512(raw.encode()).digest())
        assert (json.loads(raw)["amount"], json.loads(raw)["order_id"]) == (cost, order_id)


def test_a_purchase_costs_what_its_spent_coins_are_worth(wallet):
    for proposal_id, pubs, contributions, cost in wallet.execute(
        "SELECT proposal_id, pay_coin_pubs, pay_coin_contributions, total_pay_cost FROM purchases WHERE status = 54"
    ):
        currency, value = read_amount(cost)
        assert total_by_currency(json.loads(contributions)) == {currency: value}
        spent = wallet.execute("SELECT coin_pub, amount FROM coin_spends WHERE allocation_id = ?", (proposal_id,))
        assert sorted(spent) == sorted(zip(json.loads(pubs), json.loads(contributions), strict=True))


def test_spent_coins_are_dormant_and_all_others_fresh(wallet):
    spent = "coin_pub IN (SELECT coin_pub FROM coin_spends)"
    assert count_rows(wallet, "coins", f"{spent} AND status = 50") == count_rows(wallet, "coin_spends")
    assert count_rows(wallet, "coins", f"NOT {spent} AND status = 10") == count_rows(wallet, "coins", f"NOT {spent}")


def test_a_withdrawal_is_worth_what_its_coins_are_worth(wallet):
    for group, amount in wallet.execute(
        "SELECT withdrawal_group_id, effective_amount FROM withdrawals WHERE timestamp_accepted IS NOT NULL"
    ).fetchall():
        coins = wallet.execute(
            "SELECT value FROM coins JOIN denominations USING (exchange_base_url, denom_pub_hash) WHERE source_id = ?",
            (group,),
        )
        currency, value = read_amount(amount)
        assert total_by_currency(value for (value,) in coins) == {currency: value}


def test_every_reference_to_a_coin_a_reserve_or_a_purchase_leads_somewhere(wallet):
    for table, column, to in (
        ("coin_history", "coin_pub", "coins"),
        ("coin_assignments", "coin_pub", "coins"),
        ("refunds", "coin_pub", "coins"),
        ("refunds", "proposal_id", "purchases"),
        ("reserve_history", "reserve_pub", "reserves"),
        ("coin_spends", "allocation_id", "purchases"),
    ):
        target = "proposal_id" if to == "purchases" else column
        assert count_rows(wallet, table, f"{column} NOT IN (SELECT {target} FROM {to})") == 0


def test_no_coin_is_expired_and_no_time_is_in_the_future(wallet):
    assert count_rows(wallet, "coins", "stamp_expire_deposit <= ?", NOW) == 0
    assert count_rows(wallet, "purchases", "timestamp_created > ?", NOW) == 0


@given(st.integers(1, 100), st.text(), st.integers(0, 10**6))
def test_keys_are_canonical_base32_of_their_size(size, kind, number):
    key = Material("seed").key(kind, number, size)
    assert len(base32.decode(key)) == size
    assert base32.encode(base32.decode(key)) == key


def test_several_keys_from_one_draw_have_their_sizes_and_differ():
    drawn = list(Material("seed").keys("coin", 1, 32, 32, 64))
    assert [len(base32.decode(key)) for key in drawn] == [32, 32, 64]
    assert drawn[0] != drawn[1]


@given(st.integers(0, 1000), st.integers(1, 50))
def test_things_are_shared_out_completely_and_in_order(things, shares):
    parts = [shared_out(things, shares, share) for share in range(shares)]
    assert [thing for part in parts for thing in part] == list(range(things))
    assert all(thing * shares // things == share for share, part in enumerate(parts) for thing in part)


@pytest.mark.parametrize("amount", ["KUDOS:0", "KUDOS:1.5", "KUDOS:10", "KUDOS:100", "KUDOS:0.00000001"])
def test_amounts_survive_a_round_trip(amount):
    assert write_amount(*read_amount(amount)) == amount
