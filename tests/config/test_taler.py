"""The profile `taler` and its reference schema are held together in a real database."""

import sqlite3
from contextlib import closing

import pytest

from config.profile import load_profile, reference_schema

TALER = load_profile("taler")
SETS = {each.name: each for each in TALER.sets}
MANDATORY = [
    "exchanges",
    "exchange_details",
    "signing_keys",
    "denominations",
    "trusted_exchanges",
    "trusted_auditors",
    "reserves",
    "reserve_history",
    "withdrawals",
    "coins",
    "coin_spends",
    "coin_history",
    "coin_assignments",
    "refresh_groups",
    "recoup_groups",
    "purchases",
    "contract_terms",
    "refunds",
    "tips",
    "deposits",
    "peer_payments",
]
OPTIONAL = ["sync_accounts", "planchets", "pending_tips", "refresh_sessions"]
LONG_AGO = 1_000_000_000


@pytest.fixture
def database():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.executescript(reference_schema("taler"))
        yield connection


def columns_of(database, table):
    return {name for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def insert(database, table, **given):
    """Insert a row; columns that must have a value and are not given get one that passes the table's checks."""
    filler = {"INTEGER": 10, "TEXT": "KUDOS:1"}
    needed = database.execute(
        'SELECT name, type FROM pragma_table_info(?) WHERE ("notnull" AND dflt_value IS NULL)', (table,)
    )
    row = {name: filler[kind] for name, kind in needed} | given
    places = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values()))


def insert_coin(database, coin_pub, **given):
    database.execute(
        "INSERT OR IGNORE INTO denominations VALUES ('https://x/', 'H', '{}', 'M', 'KUDOS',"
        " 'KUDOS:1', 'KUDOS:0', 'KUDOS:0', 'KUDOS:0', 'KUDOS:0', 1, 2, 3, 4, 'S', 1, 0, NULL, 0)"
    )
    place = {"exchange_base_url": "https://x/", "denom_pub_hash": "H", "source_type": "withdraw"}
    insert(database, "coins", **{"coin_pub": coin_pub, **place, **given})


def takes_part(database, name):
    """The first key columns of the rows that take part in a set."""
    profile = SETS[name]
    rows = database.execute(f"SELECT {profile.key[0]} FROM {profile.table} WHERE {profile.where or 'TRUE'}")
    return {key for (key,) in rows}


def counts_for_the_guard(database, name):
    profile = SETS[name]
    rows = database.execute(f"SELECT {profile.key[0]} FROM {profile.table} WHERE ({profile.spent}) IS NOT TRUE")
    return {key for (key,) in rows}


def test_the_sets_are_those_that_wallets_agree_on():
    assert [each.name for each in TALER.sets if not each.optional] == sorted(
        MANDATORY, key=lambda name: SETS[name].order
    )
    assert {each.name for each in TALER.sets if each.optional} == set(OPTIONAL)
    assert len({each.order for each in TALER.sets}) == len(TALER.sets)


@pytest.mark.parametrize("name", MANDATORY + OPTIONAL)
def test_a_sets_table_bears_its_name_and_has_its_columns(database, name):
    profile = SETS[name]
    assert profile.table == name
    assert {*profile.key, *profile.local} <= columns_of(database, name)


@pytest.mark.parametrize("name", MANDATORY)
def test_all_shared_columns_of_a_set_that_is_always_on_are_required(database, name):
    required = TALER.required_columns[name]
    assert len(set(required)) == len(required)
    assert set(required) == columns_of(database, name) - set(SETS[name].local)


def test_nothing_is_required_of_sets_that_are_off_and_of_other_tables_only_what_ghosts_need(database):
    assert TALER.required_columns.keys() - set(MANDATORY) == {"ghost_deposits"}
    assert set(TALER.required_columns["ghost_deposits"]) <= columns_of(database, "ghost_deposits")


@pytest.mark.parametrize("name", MANDATORY + OPTIONAL)
def test_a_sets_key_is_unique_in_its_table(database, name):
    unique_keys = [
        {column for (column,) in database.execute("SELECT name FROM pragma_index_info(?)", (index,))}
        for (index,) in database.execute('SELECT name FROM pragma_index_list(?) WHERE "unique"', (name,))
    ]
    assert set(SETS[name].key) in unique_keys


@pytest.mark.parametrize("name", MANDATORY + OPTIONAL)
def test_a_sets_key_cannot_be_null(database, name):
    nullable = database.execute('SELECT name FROM pragma_table_info(?) WHERE NOT "notnull"', (name,))
    assert {column for (column,) in nullable}.isdisjoint(SETS[name].key)


@pytest.mark.parametrize("name", MANDATORY + OPTIONAL)
def test_a_sets_local_columns_can_be_left_out_of_an_insert(database, name):
    for column in SETS[name].local:
        ((must_be_given,),) = database.execute(
            'SELECT "notnull" AND dflt_value IS NULL AND NOT pk FROM pragma_table_info(?) WHERE name = ?',
            (name, column),
        )
        assert not must_be_given, column


@pytest.mark.parametrize("name", MANDATORY + OPTIONAL)
def test_the_conditions_of_a_set_are_sql_over_its_table(database, name):
    for condition in (SETS[name].where, SETS[name].spent):
        if condition is not None:
            assert database.execute(f"SELECT count(*) FROM {name} WHERE {condition}").fetchone() == (0,)


def test_a_ghosts_columns_and_condition_fit_their_tables(database):
    (ghost,) = TALER.ghosts
    assert (ghost.table, ghost.replaced_by) == ("ghost_deposits", "purchases")
    assert set(ghost.match) <= columns_of(database, ghost.table)
    assert set(ghost.match.values()) <= columns_of(database, SETS[ghost.replaced_by].table)
    insert(database, "ghost_deposits", contract_terms_hash="C")
    assert database.execute(f"SELECT count(*) FROM {ghost.table} WHERE {ghost.where}").fetchone() == (1,)


def test_the_ghosts_table_is_no_set():
    assert {ghost.table for ghost in TALER.ghosts}.isdisjoint(each.table for each in TALER.sets)


def test_a_purchase_takes_part_once_its_order_is_claimed(database):
    insert(database, "purchases", proposal_id="new", status=10)
    insert(database, "purchases", proposal_id="claiming", status=10, contract_terms_hash="C")
    insert(database, "purchases", proposal_id="download failed", status=50)
    insert(database, "purchases", proposal_id="claimed", status=30, contract_terms_hash="C")
    insert(database, "purchases", proposal_id="paid", status=54, contract_terms_hash="C")
    assert takes_part(database, "purchases") == {"claimed", "paid"}


def test_a_withdrawal_takes_part_once_it_is_accepted_and_stays_while_it_waits_for_the_user_again(database):
    insert(database, "withdrawals", withdrawal_group_id="dialog", status=30)
    insert(database, "withdrawals", withdrawal_group_id="last dialog status", status=49)
    insert(database, "withdrawals", withdrawal_group_id="in progress", status=10)
    insert(database, "withdrawals", withdrawal_group_id="identity check", status=31, timestamp_accepted=5)
    insert(database, "withdrawals", withdrawal_group_id="done", status=50, timestamp_accepted=5)
    assert takes_part(database, "withdrawals") == {"in progress", "identity check", "done"}


def test_a_tip_takes_part_once_it_is_withdrawn_and_before_that_only_in_the_optional_set(database):
    insert(database, "tips", wallet_tip_id="offered")
    insert(database, "tips", wallet_tip_id="accepted", accepted_timestamp=5)
    insert(database, "tips", wallet_tip_id="withdrawn", accepted_timestamp=5, picked_up_timestamp=6)
    insert(database, "pending_tips", wallet_tip_id="pending, offered")
    insert(database, "pending_tips", wallet_tip_id="pending, accepted", accepted_timestamp=5)
    assert takes_part(database, "tips") == {"withdrawn"}
    assert takes_part(database, "pending_tips") == {"pending, accepted"}


def test_coins_count_for_the_guard_unless_they_are_dormant_or_expired(database):
    insert_coin(database, "fresh")
    insert_coin(database, "fresh for long", stamp_expire_deposit=2**40)
    insert_coin(database, "suspended", status=11)
    insert_coin(database, "spent", status=50)
    insert_coin(database, "expired", stamp_expire_deposit=LONG_AGO)
    assert counts_for_the_guard(database, "coins") == {"fresh", "fresh for long", "suspended"}


def test_a_spend_counts_for_the_guard_until_its_coin_is_expired(database):
    for coin, expires in (("spent", None), ("spent and valid", 2**40), ("spent and expired", LONG_AGO)):
        insert_coin(database, coin)
        insert(database, "coin_spends", coin_pub=coin, stamp_expire_deposit=expires)
    assert counts_for_the_guard(database, "coin_spends") == {"spent", "spent and valid"}


@pytest.mark.parametrize(
    ("name", "counted", "ended"),
    [
        ("withdrawals", {10, 30, 50}, {51, 69}),
        ("purchases", {30, 54}, {50, 53}),
        ("refresh_groups", {10}, {50}),
        ("recoup_groups", {10}, {50}),
        ("deposits", {10}, {50}),
    ],
)
def test_what_ended_counts_no_more_for_the_guard(database, name, counted, ended):
    for status in counted | ended:
        insert(database, name, **{SETS[name].key[0]: str(status), "status": status})
    assert counts_for_the_guard(database, name) == {str(status) for status in counted}


def test_the_sets_whose_loss_would_be_money_are_guarded():
    guarded = {each.name for each in TALER.sets if each.guard}
    assert guarded >= {
        "coins",
        "coin_spends",
        "reserves",
        "withdrawals",
        "purchases",
        "refresh_groups",
        "peer_payments",
    }
    assert all(each.guard or each.spent is None for each in TALER.sets)


def test_foreign_keys_lead_from_sets_that_are_written_later_to_sets_that_are_always_on(database):
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    references = [
        (table, parent)
        for table in tables
        for (parent,) in database.execute('SELECT DISTINCT "table" FROM pragma_foreign_key_list(?)', (table,))
    ]
    assert sorted(references) == [("coin_spends", "coins"), ("coins", "denominations")]
    for child, parent in references:
        assert SETS[parent].order < SETS[child].order
        assert parent in MANDATORY


def test_keys_are_the_only_unique_constraints_of_a_set(database):
    for name, profile in SETS.items():
        columns = [
            {column for (column,) in database.execute("SELECT name FROM pragma_index_info(?)", (index,))}
            for (index,) in database.execute('SELECT name FROM pragma_index_list(?) WHERE "unique"', (name,))
        ]
        assert columns == [set(profile.key)]


def test_a_wallet_database_keeps_a_coin_with_its_denomination_and_a_spend_with_its_coin(database):
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        insert(database, "coins", coin_pub="C", source_type="withdraw")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        insert(database, "coin_spends", coin_pub="C")


def test_the_number_of_coins_available_follows_from_the_coins_and_their_spends(database):
    insert_coin(database, "one")
    insert_coin(database, "two")
    insert_coin(database, "suspended", status=11)
    insert_coin(database, "spent, though its row says fresh")
    insert(database, "coin_spends", coin_pub="spent, though its row says fresh")
    assert database.execute("SELECT * FROM coin_availability").fetchall() == [("https://x/", "H", 0, 2)]


@pytest.mark.parametrize("amount", ["1.5", "kudos:1", "KUDOS:", "KUDOS"])
def test_what_is_no_amount_is_refused(database, amount):
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        insert(database, "reserve_history", amount=amount)


def test_no_name_of_the_schema_is_of_those_that_are_ours(database):
    names = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
    assert len(names) > len(SETS)
    assert not [name for name in names if name.lower().startswith("walletsync")]
