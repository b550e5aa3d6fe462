"""Databases that are restored, replaced or lost: they are healed, and nothing absent is taken for deleted."""

import shutil

from support.devices import Device, in_step

EMPTIED = "DELETE FROM coins"


def backup(device, name="backup"):
    """Copy the wallet database, as a backup program would while nobody writes."""
    device.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(device.wallet_path, device.folder / name)


def restore(device, name="backup"):
    """Put a copy in the place of the wallet database."""
    device.stop()
    for path in device.folder.glob("wallet.db*"):
        path.unlink()
    shutil.copy(device.folder / name, device.wallet_path)
    device.start()


def test_a_wallet_database_restored_from_a_backup_is_brought_up_to_date(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop)
    backup(phone)
    phone.coin("A", "KUDOS:2")
    phone.sql("DELETE FROM coins WHERE coin_pub = 'B'")
    phone.coin("C", "KUDOS:3")
    in_step(shelf, phone, desktop)
    restore(phone)
    assert phone.coins() == {"A": "KUDOS:1", "B": "KUDOS:1"}
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:2", "C": "KUDOS:3"}


def test_what_is_done_in_a_restored_database_before_the_daemon_sees_it_is_kept(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    backup(phone)
    phone.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.stop()
    shutil.copy(phone.folder / "backup", phone.wallet_path)
    for name in ("wallet.db-wal", "wallet.db-shm"):
        (phone.folder / name).unlink(missing_ok=True)
    phone.coin("C", "KUDOS:3")
    phone.coin("A", "KUDOS:4")
    phone.start()
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:4", "B": "KUDOS:1", "C": "KUDOS:3"}


def test_an_empty_new_wallet_database_is_filled_from_the_circle(two, shelf, tmp_path):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    empty = Device("empty", tmp_path / "empty")
    empty.stop()
    backup(empty)
    shutil.copy(empty.folder / "backup", phone.folder / "backup")
    restore(phone)
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:1"}


def test_a_lost_state_database_costs_nothing(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.stop()
    for path in phone.folder.glob("state.db*"):
        path.unlink()
    desktop.sql("DELETE FROM coins WHERE coin_pub = 'B'")
    in_step(shelf, desktop)
    phone.coin("C", "KUDOS:1")
    phone.start()
    phone.enroll(shelf)
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:1", "C": "KUDOS:1"}


def test_a_state_database_put_back_loses_no_operation_that_was_never_uploaded(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.stop()
    shutil.copy(phone.state_path, phone.folder / "state.backup")
    phone.start()
    phone.coin("B", "KUDOS:2")
    phone.coin("A", "KUDOS:5")
    phone.fetch(shelf)
    phone.stop()
    for path in phone.folder.glob("state.db*"):
        path.unlink()
    shutil.copy(phone.folder / "state.backup", phone.state_path)
    phone.start()
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:5", "B": "KUDOS:2"}


def test_both_databases_put_back_together_are_an_old_wallet_that_joins_again(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.stop()
    backup(phone)
    shutil.copy(phone.state_path, phone.folder / "state.backup")
    phone.start()
    phone.sql("DELETE FROM coins WHERE coin_pub = 'B'")
    phone.coin("C", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.stop()
    for path in (*phone.folder.glob("state.db*"), *phone.folder.glob("wallet.db*")):
        path.unlink()
    shutil.copy(phone.folder / "state.backup", phone.state_path)
    shutil.copy(phone.folder / "backup", phone.wallet_path)
    phone.coin("D", "KUDOS:1")
    phone.start()
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:1", "C": "KUDOS:1", "D": "KUDOS:1"}


def test_a_copied_wallet_file_of_another_device_is_no_news(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.coin("A", "KUDOS:2")
    desktop.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop)
    backup(desktop)
    desktop.coin("B", "KUDOS:9")
    desktop.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    in_step(shelf, phone, desktop)
    shutil.copy(desktop.folder / "backup", phone.folder / "backup")
    restore(phone)
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"B": "KUDOS:9"}


def test_nothing_is_captured_from_a_strange_database_before_all_servers_were_asked(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    backup(phone)
    phone.coin("A", "KUDOS:2")
    in_step(shelf, phone, desktop)
    restore(phone)
    first = phone.sync(shelf)
    assert first.captured[0].waits
    assert phone.element("coins", "A").value == desktop.element("coins", "A").value


def test_a_set_switched_off_and_on_loses_nothing_and_deletes_nothing(two, shelf):
    phone, desktop = two
    for device in two:
        device.optional_sets = ("plans",)
        device.restart()
    phone.sql("INSERT INTO plans VALUES ('P', 'one'), ('Q', 'one')")
    in_step(shelf, phone, desktop)
    desktop.optional_sets = ()
    desktop.restart()
    phone.sql("UPDATE plans SET text = 'two' WHERE id = 'P'")
    phone.sql("DELETE FROM plans WHERE id = 'Q'")
    phone.sql("INSERT INTO plans VALUES ('R', 'one')")
    in_step(shelf, phone, desktop)
    assert desktop.sql("SELECT * FROM plans ORDER BY id") == [("P", "one"), ("Q", "one")]
    desktop.optional_sets = ("plans",)
    desktop.restart()
    in_step(shelf, phone, desktop)
    for device in two:
        assert device.sql("SELECT * FROM plans ORDER BY id") == [("P", "two"), ("R", "one")]
