"""Two or three wallets on one server: what one does, the others get."""

from support.devices import Device, in_step


def test_a_row_inserted_here_is_in_the_other_table(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"A": "KUDOS:1"}


def test_a_wallet_that_joins_keeps_what_it_has(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    desktop.coin("B", "KUDOS:2")
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:1", "B": "KUDOS:2"}


def test_changes_and_deletes_arrive(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.coin("B", "KUDOS:2")
    in_step(shelf, phone, desktop)
    desktop.coin("A", "KUDOS:3")
    desktop.sql("DELETE FROM coins WHERE coin_pub = 'B'")
    in_step(shelf, desktop, phone)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:3"}


def test_a_delete_beats_an_unaware_change_whatever_the_lamport_times_are(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    for number in range(50):
        desktop.coin("A", f"KUDOS:{number + 2}")
        desktop.coin(f"other {number}", "KUDOS:1")
    desktop.sync(shelf)
    in_step(shelf, phone, desktop)
    assert "A" not in phone.coins()
    assert phone.coins() == desktop.coins()


def test_a_row_inserted_again_by_someone_who_saw_the_delete_lives(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    in_step(shelf, phone, desktop)
    desktop.coin("A", "KUDOS:1")
    in_step(shelf, desktop, phone)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:1"}


def test_no_tombstone_is_left_once_all_have_acknowledged(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    phone.sync(shelf)
    assert phone.tombstones() == 1
    desktop.sync(shelf)
    phone.sync(shelf)
    assert phone.tombstones() == desktop.tombstones() == 0


def test_wallets_in_step_upload_nothing(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    desktop.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop)
    uploads = shelf.uploads
    in_step(shelf, phone, desktop)
    assert shelf.uploads == uploads


def test_what_is_written_by_us_comes_back_as_no_operation(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.sync(shelf)
    desktop.sync(shelf)
    assert sum(captured.operations for captured in desktop.sync(shelf).captured) == 0


def test_local_columns_keep_their_value_here_and_their_default_there(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.sql("UPDATE coins SET checked = 1")
    in_step(shelf, phone, desktop)
    desktop.sql("UPDATE coins SET checked = 2")
    phone.coin("A", "KUDOS:5")
    in_step(shelf, phone, desktop)
    assert phone.sql("SELECT value, checked FROM coins") == [("KUDOS:5", 1)]
    assert desktop.sql("SELECT value, checked FROM coins") == [("KUDOS:5", 2)]


def test_an_excluded_row_never_leaves_until_it_takes_part(two, shelf):
    phone, desktop = two
    phone.sql("INSERT INTO purchases VALUES ('P', 10, 'C')")
    in_step(shelf, phone, desktop)
    assert desktop.sql("SELECT * FROM purchases") == []
    phone.sql("UPDATE purchases SET status = 30")
    in_step(shelf, phone, desktop)
    assert desktop.sql("SELECT * FROM purchases") == [("P", 30, "C")]


def test_a_row_that_stops_taking_part_stays_as_last_synced(two, shelf):
    phone, desktop = two
    phone.sql("INSERT INTO purchases VALUES ('P', 30, 'C')")
    in_step(shelf, phone, desktop)
    phone.sql("UPDATE purchases SET status = 10, contract = 'D'")
    in_step(shelf, phone, desktop)
    phone.restart()
    in_step(shelf, phone, desktop)
    assert desktop.sql("SELECT * FROM purchases") == [("P", 30, "C")]
    assert phone.sql("SELECT * FROM purchases") == [("P", 10, "D")]
    desktop.sql("UPDATE purchases SET status = 60")
    in_step(shelf, desktop, phone)
    assert phone.sql("SELECT * FROM purchases") == [("P", 60, "C")]


def test_a_ghost_stays_here_and_goes_with_the_purchase_that_replaces_it(two, shelf):
    phone, desktop = two
    desktop.sql("INSERT INTO ghosts VALUES ('C', 'KUDOS:1')")
    in_step(shelf, phone, desktop)
    assert phone.sql("SELECT * FROM ghosts") == []
    phone.sql("INSERT INTO purchases VALUES ('P', 54, 'C')")
    in_step(shelf, phone, desktop)
    assert desktop.sql("SELECT count(*) FROM ghosts") == [(0,)]
    assert desktop.sql("SELECT id FROM purchases") == [("P",)]


def test_two_rows_that_exchange_a_unique_value_come_through(two, shelf):
    phone, desktop = two
    phone.sql("INSERT INTO handles VALUES (1, 'a'), (2, 'b')")
    in_step(shelf, phone, desktop)
    phone.sql("UPDATE handles SET handle = NULL WHERE id = 1")
    phone.sql("UPDATE handles SET handle = 'a' WHERE id = 2")
    phone.sql("UPDATE handles SET handle = 'b' WHERE id = 1")
    in_step(shelf, phone, desktop)
    assert desktop.sql("SELECT * FROM handles ORDER BY id") == [(1, "b"), (2, "a")]


def test_a_row_that_the_wallet_refuses_waits_and_holds_up_nothing_else(two, shelf):
    phone, desktop = two
    desktop.sql(
        "CREATE TRIGGER no_x BEFORE INSERT ON coins WHEN NEW.coin_pub = 'X' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    phone.coin("X", "KUDOS:1")
    phone.coin("Y", "KUDOS:1")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"Y": "KUDOS:1"}
    assert desktop.keeper.overview().sets["coins"].unapplied == 1
    desktop.sql("DROP TRIGGER no_x")
    phone.coin("Z", "KUDOS:1")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"X": "KUDOS:1", "Y": "KUDOS:1", "Z": "KUDOS:1"}


def test_a_restarted_wallet_goes_on_as_before(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    uploads = shelf.uploads
    phone.restart()
    in_step(shelf, phone, desktop)
    assert shelf.uploads == uploads
    phone.coin("A", "KUDOS:2")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"A": "KUDOS:2"}


def test_changes_while_no_daemon_runs_are_found(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    phone.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.stop()
    phone.coin("A", "KUDOS:2")
    phone.sql("DELETE FROM coins WHERE coin_pub = 'B'")
    phone.start()
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"A": "KUDOS:2"}


def test_scanning_finds_the_same_without_triggers(tmp_path, shelf):
    phone = Device("phone", tmp_path / "phone", triggers=False)
    desktop = Device("desktop", tmp_path / "desktop")
    phone.enroll(shelf)
    desktop.enroll(shelf)
    phone.coin("A", "KUDOS:1")
    phone.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.sql("DELETE FROM coins WHERE coin_pub = 'B'")
    phone.coin("A", "KUDOS:2")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == phone.coins() == {"A": "KUDOS:2"}
    assert phone.sql("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'") == [(0,)]
