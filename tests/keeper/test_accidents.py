"""Mass deletes by mistake: held until a person decides; and deleted values can be had back."""

import pytest
from support.devices import in_step

from daemon.keeper.store import Rules

MANY = 40


@pytest.fixture
def rich(two, shelf):
    phone, desktop = two
    for number in range(MANY):
        phone.coin(f"C{number:02}", "KUDOS:1")
    phone.sql("INSERT INTO purchases VALUES ('P', 54, 'C')")
    in_step(shelf, phone, desktop)
    return phone, desktop


def held(device):
    return [(each.direction, each.count_by_set) for each in device.keeper.store.held.all()]


def only_held(device):
    (each,) = device.keeper.store.held.all()
    return each.number


def test_a_wallet_that_is_emptied_harms_no_other(rich, shelf):
    phone, desktop = rich
    phone.sql("DELETE FROM coins")
    in_step(shelf, phone, desktop)
    assert held(phone) == [("out", {"coins": MANY})]
    assert len(desktop.coins()) == MANY
    assert phone.coins() == {}


def test_everything_else_goes_on_while_a_delete_is_held(rich, shelf):
    phone, desktop = rich
    phone.sql("INSERT INTO purchases VALUES ('Q', 54, 'D')")
    in_step(shelf, phone)
    phone.sql("DELETE FROM coins")
    phone.sql("DELETE FROM purchases WHERE id = 'P'")
    phone.coin("new", "KUDOS:5")
    in_step(shelf, phone, desktop)
    assert desktop.coins()["new"] == "KUDOS:5"
    assert desktop.sql("SELECT id FROM purchases") == [("Q",)]


def test_what_was_wiped_with_the_coins_is_held_with_them(rich, shelf):
    phone, desktop = rich
    for table in ("coins", "purchases"):
        phone.sql(f"DELETE FROM {table}")
    phone.sql("INSERT INTO handles VALUES (1, 'begun anew')")
    in_step(shelf, phone, desktop)
    assert held(phone) == [("out", {"coins": MANY, "purchases": 1})]
    assert len(desktop.sql("SELECT * FROM purchases")) == 1
    phone.keeper.reject(only_held(phone))
    in_step(shelf, phone, desktop)
    assert phone.sql("SELECT * FROM purchases") == desktop.sql("SELECT * FROM purchases")


def test_a_small_wallet_that_is_emptied_harms_no_other_though_it_had_little_of_each(two, shelf):
    phone, desktop = two
    for number in range(4):
        phone.coin(f"C{number}", "KUDOS:1")
        phone.sql("INSERT INTO purchases VALUES (?, 54, ?)", f"P{number}", f"{number}")
    in_step(shelf, phone, desktop)
    for table in ("coins", "purchases"):
        phone.sql(f"DELETE FROM {table}")
    in_step(shelf, phone, desktop)
    assert held(phone) == [("out", {"coins": 4, "purchases": 4})]
    assert len(desktop.coins()) == 4
    phone.keeper.approve(only_held(phone))
    in_step(shelf, phone, desktop)
    assert held(desktop) == [("in", {"coins": 4, "purchases": 4})]


def test_a_rejected_delete_is_put_back_into_the_wallet(rich, shelf):
    phone, desktop = rich
    phone.sql("DELETE FROM coins")
    in_step(shelf, phone, desktop)
    phone.keeper.reject(only_held(phone))
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins()
    assert len(phone.coins()) == MANY
    assert held(phone) == []


def test_an_approved_delete_reaches_the_others_and_is_held_there_too(rich, shelf):
    phone, desktop = rich
    phone.sql("DELETE FROM coins")
    in_step(shelf, phone)
    phone.keeper.approve(only_held(phone))
    in_step(shelf, phone, desktop)
    assert held(desktop) == [("in", {"coins": MANY})]
    assert len(desktop.coins()) == MANY
    desktop.keeper.approve(only_held(desktop))
    in_step(shelf, desktop, phone)
    assert phone.coins() == desktop.coins() == {}
    assert held(phone) == held(desktop) == []


def test_an_incoming_delete_that_is_rejected_comes_back_everywhere(rich, shelf):
    phone, desktop = rich
    phone.sql("DELETE FROM coins")
    in_step(shelf, phone)
    phone.keeper.approve(only_held(phone))
    in_step(shelf, phone, desktop)
    desktop.keeper.reject(only_held(desktop))
    in_step(shelf, desktop, phone)
    assert len(phone.coins()) == len(desktop.coins()) == MANY
    assert held(desktop) == []


def test_a_held_delete_survives_restarts_and_scans(rich, shelf):
    phone, desktop = rich
    phone.sql("DELETE FROM coins")
    in_step(shelf, phone, desktop)
    phone.restart()
    in_step(shelf, phone, desktop)
    assert held(phone) == [("out", {"coins": MANY})]
    assert len(desktop.coins()) == MANY


def test_rows_that_are_put_back_by_hand_are_held_no_longer(rich, shelf):
    phone, desktop = rich
    phone.sql("CREATE TEMP TABLE kept AS SELECT * FROM coins")
    phone.sql("DELETE FROM coins")
    in_step(shelf, phone, desktop)
    for key, value in desktop.coins().items():
        phone.coin(key, value)
    in_step(shelf, phone, desktop)
    assert held(phone) == []
    assert len(desktop.coins()) == MANY


def test_a_few_deletes_are_daily_use(rich, shelf):
    phone, desktop = rich
    phone.sql("DELETE FROM coins WHERE coin_pub < 'C20'")
    in_step(shelf, phone, desktop)
    assert held(phone) == held(desktop) == []
    assert len(desktop.coins()) == MANY - 20


def test_a_payment_to_oneself_that_exchanges_all_coins_is_daily_use(rich, shelf):
    phone, desktop = rich
    phone.keeper.store.rules = desktop.keeper.store.rules = Rules(guard_share=0.6)
    for number in range(MANY):
        phone.coin(f"D{number:02}", "KUDOS:1")
    phone.sql("DELETE FROM coins WHERE coin_pub < 'D'")
    in_step(shelf, phone, desktop)
    assert held(phone) == held(desktop) == []
    assert set(desktop.coins()) == {f"D{number:02}" for number in range(MANY)}


def test_deleted_values_can_be_had_back_one_by_one(rich, shelf):
    phone, desktop = rich
    phone.coin("C00", "KUDOS:9")
    in_step(shelf, phone, desktop)
    phone.sql("DELETE FROM coins WHERE coin_pub IN ('C00', 'C01')")
    in_step(shelf, phone, desktop)
    kept = [each for each in desktop.keeper.store.history.last(10) if "C00" in each.key]
    assert [each.cause for each in kept] == ["merge"]
    assert desktop.keeper.restore(kept).restored == kept
    in_step(shelf, desktop, phone)
    assert phone.coins()["C00"] == desktop.coins()["C00"] == "KUDOS:9"
    assert "C01" not in phone.coins()


def test_everything_that_was_there_at_a_point_in_time_can_be_had_back(rich, shelf):
    phone, desktop = rich
    before = phone.clock.now
    whole = phone.coins()
    for device in rich:
        device.clock.now += 60
    phone.sql("DELETE FROM coins WHERE coin_pub < 'C10'")
    in_step(shelf, phone, desktop)
    phone.keeper.restore(phone.keeper.store.history.first_since(before + 1))
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == whole


def test_what_is_live_is_not_restored_over(rich, shelf):
    phone, desktop = rich
    phone.sql("DELETE FROM coins WHERE coin_pub = 'C00'")
    in_step(shelf, phone, desktop)
    kept = phone.keeper.store.history.last(1)
    phone.coin("C00", "KUDOS:7")
    in_step(shelf, phone, desktop)
    assert phone.keeper.restore(kept) == ([], [], [])
    assert desktop.coins()["C00"] == "KUDOS:7"


def test_kept_values_lie_sealed_and_go_after_their_time(rich, shelf):
    phone, _ = rich
    phone.sql("UPDATE coins SET note = 'a very private note' WHERE coin_pub = 'C00'")
    phone.sync(shelf)
    phone.sql("DELETE FROM coins WHERE coin_pub = 'C00'")
    phone.sync(shelf)
    (kept,) = phone.keeper.store.history.last(10)
    assert b"private" not in kept.sealed
    phone.clock.now += phone.keeper.store.rules.undo_seconds + 1
    phone.sync(shelf)
    assert phone.keeper.store.history.last(10) == []


def test_a_value_that_no_blob_could_hold_stays_here_and_holds_up_nothing_else(two, shelf):
    phone, desktop = two
    phone.coin("huge", "x" * 2**24)
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"A": "KUDOS:1"}
    phone.coin("huge", "KUDOS:2")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"A": "KUDOS:1", "huge": "KUDOS:2"}
