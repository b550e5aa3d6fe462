"""A daemon killed between any two steps: nothing is lost, nothing is applied twice."""

import pytest
from support.devices import in_step

from daemon.keeper import settle


class Killed(BaseException):
    pass


def kill_at(monkeypatch, name):
    """Make the daemon die when it is about to call a function of the write."""

    def die(*_arguments, **_options):
        raise Killed

    monkeypatch.setattr(settle, name, die)


def die_during_sync(device, shelf):
    with pytest.raises(Killed):
        device.sync(shelf)
    device.restart()


def test_killed_before_the_wallet_is_written_the_next_start_writes_it(two, shelf, monkeypatch):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.sync(shelf)
    with monkeypatch.context() as patch:
        kill_at(patch, "write")
        die_during_sync(desktop, shelf)
    assert desktop.coins() == {}
    in_step(shelf, desktop, phone)
    assert desktop.coins() == {"A": "KUDOS:1"}


def test_killed_after_the_wallet_was_written_a_row_deleted_since_stays_deleted(two, shelf, monkeypatch):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.sync(shelf)
    with monkeypatch.context() as patch:
        kill_at(patch, "finish_write")
        with pytest.raises(Killed):
            desktop.sync(shelf)
    desktop.stop()
    assert desktop.coins() == {"A": "KUDOS:1"}
    desktop.sql("DELETE FROM coins")
    desktop.start()
    in_step(shelf, desktop, phone)
    assert desktop.coins() == phone.coins() == {}


def test_killed_after_the_wallet_was_written_nothing_becomes_an_operation(two, shelf, monkeypatch):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.coin("A", "KUDOS:2")
    phone.sql("DELETE FROM coins WHERE coin_pub = 'B'")
    phone.sync(shelf)
    with monkeypatch.context() as patch:
        kill_at(patch, "finish_write")
        die_during_sync(desktop, shelf)
    captured = desktop.sync(shelf).captured
    assert sum(each.operations for each in captured) == 0
    assert desktop.coins() == {"A": "KUDOS:2"}


def test_what_the_user_did_while_the_daemon_lay_dead_wins_over_a_value_it_had_not_seen(two, shelf, monkeypatch):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.coin("A", "KUDOS:2")
    phone.sync(shelf)
    with monkeypatch.context() as patch:
        kill_at(patch, "write")
        with pytest.raises(Killed):
            desktop.sync(shelf)
    desktop.stop()
    desktop.coin("A", "KUDOS:3")
    desktop.start()
    in_step(shelf, desktop, phone)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:3"}


def test_a_delete_that_waits_to_be_applied_beats_what_the_user_did_meanwhile(two, shelf, monkeypatch):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.sql("DELETE FROM coins")
    phone.sync(shelf)
    with monkeypatch.context() as patch:
        kill_at(patch, "write")
        with pytest.raises(Killed):
            desktop.sync(shelf)
    desktop.stop()
    desktop.coin("A", "KUDOS:3")
    desktop.start()
    in_step(shelf, desktop, phone)
    assert phone.coins() == desktop.coins() == {}


def test_a_listed_row_that_is_not_there_yet_is_no_delete(two, shelf, monkeypatch):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.sync(shelf)
    with monkeypatch.context() as patch:
        kill_at(patch, "write")
        die_during_sync(desktop, shelf)
        with pytest.raises(Killed):
            desktop.sync(shelf)
    desktop.restart()
    in_step(shelf, desktop, phone)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:1"}


def test_a_write_that_would_change_rows_nobody_asked_for_is_rolled_back(two, shelf):
    phone, desktop = two
    for device in two:
        device.sql(
            "CREATE TRIGGER greedy AFTER DELETE ON coins WHEN OLD.coin_pub = 'A'"
            " BEGIN DELETE FROM coins WHERE coin_pub = 'B'; END"
        )
    desktop.coin("B", "KUDOS:1")
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.sql("DROP TRIGGER greedy")
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"A": "KUDOS:1", "B": "KUDOS:1"}
    assert desktop.keeper.overview().sets["coins"].unapplied == 1
    assert phone.coins() == {"B": "KUDOS:1"}
