"""What happens to a wallet's file between syncs: noticed, mended, and nothing lost on either side."""

import sqlite3
from contextlib import closing

import pytest
from support.devices import PROFILE, Device, Shelf, in_step
from support.wallet_files import be_the_wallet, schema

from daemon.keeper.merge import merge
from daemon.wallet.guest import Guest

REBUILD = (
    "BEGIN",
    "CREATE TABLE new_coins (coin_pub TEXT PRIMARY KEY, value TEXT NOT NULL, note, checked INTEGER DEFAULT 7, more)",
    "INSERT INTO new_coins SELECT *, NULL FROM coins",
    "DROP TABLE coins",
    "ALTER TABLE new_coins RENAME TO coins",
    "DELETE FROM coins WHERE coin_pub = 'B'",
    "INSERT INTO coins (coin_pub, value) VALUES ('C', 'KUDOS:3')",
    "COMMIT",
)
DAY = 24 * 3600.0


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture(params=[True, False], ids=["triggers", "scan"])
def two(request, tmp_path, shelf):
    made = [Device("phone", tmp_path / "phone", triggers=request.param), Device("desktop", tmp_path / "desktop")]
    for device in made:
        device.enroll(shelf)
    made[0].coin("A", "KUDOS:1")
    made[0].coin("B", "KUDOS:2")
    in_step(shelf, *made)
    yield made
    for device in made:
        device.stop()


def impatient(device):
    """Let the device's guest wait no longer than a moment for a lock."""
    store = device.keeper.store
    store.guest.close()
    store.guest = Guest(device.wallet_path, PROFILE, (), use_triggers=device.triggers, lock_wait=0.05)


def test_a_table_that_the_wallet_rebuilds_loses_nothing_here_and_no_change_made_meanwhile(two, shelf):
    phone, desktop = two
    be_the_wallet(phone.wallet_path, *REBUILD)
    desktop.coin("A", "KUDOS:9")
    in_step(shelf, desktop, phone)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:9", "C": "KUDOS:3"}
    phone.coin("D", "KUDOS:4")
    in_step(shelf, phone, desktop)
    assert "D" in desktop.coins()


def test_a_migration_between_reading_and_writing_is_waited_for_and_nothing_is_written_unwatched(
    two, shelf, monkeypatch
):
    phone, desktop = two
    desktop.coin("A", "KUDOS:9")
    desktop.sync(shelf)

    def merge_while_the_wallet_migrates(*arguments):
        be_the_wallet(phone.wallet_path, *REBUILD)
        return merge(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr("daemon.keeper.intake.merge", merge_while_the_wallet_migrates)
        taken = phone.sync(shelf)
    assert taken.trouble is not None
    assert taken.trouble.state == "locked"
    assert phone.coins() == {"A": "KUDOS:1", "C": "KUDOS:3"}
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:9", "C": "KUDOS:3"}


def test_changes_made_while_our_triggers_were_gone_are_found(two, shelf):
    phone, desktop = two
    for (name,) in phone.sql("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        phone.sql(f'DROP TRIGGER "{name}"')
    phone.coin("C", "KUDOS:3")
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"B": "KUDOS:2", "C": "KUDOS:3"}


def test_what_the_log_missed_is_found_by_the_daily_check_and_counted(two, shelf):
    phone, desktop = two
    phone.coin("C", "KUDOS:3")
    phone.sql("DELETE FROM walletsync_log")
    missed_at_once = sum(captured.missed for captured in phone.sync(shelf).captured)
    assert ("C" in _replica(phone)) == (not phone.triggers)
    phone.clock.now += DAY + 1
    missed = missed_at_once + sum(captured.missed for captured in phone.sync(shelf).captured)
    assert missed == 1
    in_step(shelf, desktop)
    assert desktop.coins() == phone.coins()


def _replica(device):
    return {key.strip('[]"') for key in _live(device)}


def _live(device):
    return [entry.key for entry in device.keeper.store.replica.entries_of("coins") if entry.element.live]


def test_a_vacuum_and_a_change_of_the_journal_mode_are_no_operations(two, shelf):
    phone, desktop = two
    uploads = shelf.uploads
    phone.stop()
    for statement in ("VACUUM", "PRAGMA journal_mode = DELETE", "REINDEX", "ANALYZE"):
        phone.sql(statement)
    phone.start()
    in_step(shelf, phone, desktop)
    assert shelf.uploads == uploads
    phone.coin("C", "KUDOS:3")
    desktop.coin("D", "KUDOS:4")
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins()


def test_a_wallet_that_is_locked_for_long_is_told_and_gets_what_it_missed_afterwards(two, shelf):
    phone, desktop = two
    desktop.coin("C", "KUDOS:3")
    desktop.sync(shelf)
    impatient(phone)
    with closing(sqlite3.connect(phone.wallet_path, isolation_level=None)) as wallet:
        wallet.execute("BEGIN IMMEDIATE")
        wallet.execute("INSERT INTO coins (coin_pub, value) VALUES ('D', 'KUDOS:4')")
        for _ in range(3):
            taken = phone.sync(shelf)
            assert taken.trouble is not None
            assert taken.trouble.state == "locked"
        wallet.execute("COMMIT")
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {f"{c}": f"KUDOS:{n}" for n, c in enumerate("ABCD", start=1)}


def test_a_wallet_file_that_is_not_there_holds_up_no_sync_and_is_filled_when_it_comes(tmp_path, shelf):
    phone, desktop = (Device(name, tmp_path / name) for name in ("phone", "desktop"))
    for device in (phone, desktop):
        device.enroll(shelf)
    phone.stop()
    phone.wallet_path.rename(tmp_path / "later")
    phone.start()
    desktop.coin("A", "KUDOS:1")
    desktop.sync(shelf)
    taken = phone.sync(shelf)
    assert taken.trouble is not None
    assert taken.trouble.state == "absent"
    assert phone.tombstones() == 0
    (tmp_path / "later").rename(phone.wallet_path)
    phone.coin("B", "KUDOS:2")
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:1", "B": "KUDOS:2"}
    for device in (phone, desktop):
        device.stop()


def test_a_replace_that_removes_another_row_reaches_the_other_wallet_at_once(two, shelf):
    phone, desktop = two
    phone.sql("INSERT INTO handles VALUES (1, 'a')")
    in_step(shelf, phone, desktop)
    phone.sql("INSERT OR REPLACE INTO handles VALUES (2, 'a')")
    in_step(shelf, phone, desktop)
    assert desktop.sql("SELECT * FROM handles") == [(2, "a")]


def test_detached_and_taken_up_again_a_wallet_loses_nothing(two, shelf):
    phone, desktop = two
    before = [row for row in schema(phone.wallet_path) if "walletsync_" not in str(row)]
    phone.coin("C", "KUDOS:3")
    phone.keeper.detach()
    assert schema(phone.wallet_path) == before
    phone.stop()
    phone.coin("D", "KUDOS:4")
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")  # nobody notes it: it is healed, and not taken for a delete
    phone.start()
    in_step(shelf, phone, desktop)
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {f"{c}": f"KUDOS:{n}" for n, c in enumerate("ABCD", start=1)}


def test_a_refused_row_is_shown_with_its_reason_until_it_comes_through(two, shelf):
    phone, desktop = two
    phone.sql("INSERT INTO handles VALUES (1, 'mine')")
    desktop.sql("INSERT INTO handles VALUES (2, 'mine')")
    in_step(shelf, desktop, phone)
    waiting = [entry for device in two for entry in device.keeper.store.to_apply.entries()]
    assert all("UNIQUE" in (entry.refusal or "") for entry in waiting)
    assert len(waiting) == 2
    desktop.sql("UPDATE handles SET handle = 'other' WHERE id = 2")
    in_step(shelf, desktop, phone)
    assert phone.sql("SELECT * FROM handles") == desktop.sql("SELECT * FROM handles") == [(1, "mine"), (2, "other")]
    assert not list(phone.keeper.store.to_apply.entries())


def test_a_column_that_is_added_while_a_row_waits_does_not_make_the_old_row_win(two, shelf):
    phone, desktop = two
    impatient(phone)
    for key in "AB":
        desktop.coin(key, "KUDOS:9")
    desktop.sync(shelf)
    with closing(sqlite3.connect(phone.wallet_path, isolation_level=None)) as wallet:
        wallet.execute("BEGIN IMMEDIATE")
        assert phone.sync(shelf).trouble is not None
        wallet.execute("ALTER TABLE coins ADD COLUMN more INTEGER DEFAULT 3")
        wallet.execute("UPDATE coins SET more = 4 WHERE coin_pub = 'B'")
        wallet.execute("COMMIT")
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:9", "B": "KUDOS:2"}  # what it changed of B is a change
