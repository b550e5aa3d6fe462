"""What random schedules have brought to light: each the shortest story that once went wrong."""

import shutil

import pytest
from support.devices import Device, Shelf, in_step

import daemon.keeper.intake


class Killed(BaseException):
    """The process ends here."""


def copy_of(path, name):
    """Copy a database of a device that nobody writes to, with what its log holds."""
    folder = path.parent / name
    folder.mkdir()
    for each in path.parent.glob(f"{path.name}*"):
        shutil.copy(each, folder)
    return folder


def put_back(path, folder):
    """Put a copy in the place of a database."""
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    for each in folder.iterdir():
        shutil.copy(each, path.parent)


def lose_wallet(device):
    """Begin anew with an empty wallet database."""
    device.stop()
    for each in device.folder.glob("wallet.db*"):
        each.unlink()
    device.__post_init__()


def killed_before_the_wallet_is_written(device, shelf, monkeypatch):
    """Sync, and die as soon as what was captured and joined is committed."""

    def die(*_arguments, **_options):
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(daemon.keeper.intake, "settle", die)
        with pytest.raises(Killed):
            device.sync(shelf)
    device.restart()


def test_a_wallet_without_a_log_that_is_put_back_deletes_nothing(tmp_path, shelf):
    phone = Device("phone", tmp_path / "phone", triggers=False)
    phone.enroll(shelf)
    in_step(shelf, phone)
    phone.stop()
    before = copy_of(phone.wallet_path, "before")
    phone.start()
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone)
    phone.stop()
    put_back(phone.wallet_path, before)
    phone.start()
    in_step(shelf, phone)
    assert phone.coins() == {"A": "KUDOS:1"}


def test_a_wallet_put_back_right_after_a_capture_that_was_killed_deletes_nothing(two, shelf, monkeypatch):
    phone, _ = two
    in_step(shelf, phone)
    before = copy_of(phone.wallet_path, "before")
    phone.coin("A", "KUDOS:1")
    killed_before_the_wallet_is_written(phone, shelf, monkeypatch)
    phone.stop()
    put_back(phone.wallet_path, before)
    phone.start()
    in_step(shelf, phone)
    assert phone.coins() == {"A": "KUDOS:1"}


def test_a_wallet_lost_right_after_its_first_capture_deletes_nothing(two, shelf, monkeypatch):
    phone, _ = two
    phone.coin("A", "KUDOS:1")
    killed_before_the_wallet_is_written(phone, shelf, monkeypatch)
    lose_wallet(phone)
    in_step(shelf, phone)
    assert phone.coins() == {"A": "KUDOS:1"}


def test_a_state_put_back_to_before_the_first_sync_loses_no_row_that_was_captured_but_never_told(two, shelf):
    phone, _ = two
    phone.coin("A", "KUDOS:1")
    phone.stop()
    before = copy_of(phone.state_path, "before")
    phone.start()
    phone.fetch(shelf)
    phone.stop()
    put_back(phone.state_path, before)
    phone.start()
    in_step(shelf, phone)
    assert phone.coins() == {"A": "KUDOS:1"}


def test_rows_of_a_set_that_was_off_while_the_wallet_was_lost_come_back(two, shelf):
    phone, _ = two
    phone.optional_sets = ("plans",)
    phone.restart()
    phone.sql("INSERT INTO plans VALUES ('P', 'one')")
    in_step(shelf, phone)
    phone.optional_sets = ()
    lose_wallet(phone)
    in_step(shelf, phone)
    phone.optional_sets = ("plans",)
    phone.restart()
    in_step(shelf, phone)
    assert phone.sql("SELECT * FROM plans") == [("P", "one")]


def test_what_the_wallet_deleted_itself_is_no_news_to_it_when_a_set_is_switched_on(two, shelf):
    phone, _ = two
    phone.optional_sets = ("plans",)
    phone.restart()
    phone.sql("INSERT INTO plans VALUES ('P', 'one')")
    phone.fetch(shelf)
    phone.sql("DELETE FROM plans")
    phone.fetch(shelf)
    phone.optional_sets = ()
    phone.restart()
    phone.fetch(shelf)
    phone.sql("INSERT INTO plans VALUES ('P', 'two')")
    phone.optional_sets = ("plans",)
    phone.restart()
    in_step(shelf, phone)
    assert phone.sql("SELECT * FROM plans") == [("P", "two")]


def test_rows_without_a_log_survive_a_state_that_is_put_back(tmp_path, shelf):
    phone = Device("phone", tmp_path / "phone", triggers=False)
    phone.enroll(shelf)
    phone.stop()
    before = copy_of(phone.state_path, "before")
    phone.start()
    in_step(shelf, phone)
    phone.coin("A", "KUDOS:1")
    phone.stop()
    put_back(phone.state_path, before)
    phone.start()
    in_step(shelf, phone)
    assert phone.coins() == {"A": "KUDOS:1"}


def test_healing_leaves_a_change_alone_that_another_wallet_made_meanwhile(two, shelf):
    phone, desktop = two
    phone.coin("X", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.stop()
    before = copy_of(phone.state_path, "before")
    phone.start()
    phone.coin("A", "KUDOS:1")
    phone.fetch(shelf)  # captured, and never told: lost with the state
    desktop.coin("X", "KUDOS:2")
    desktop.sync(shelf)
    phone.stop()
    put_back(phone.state_path, before)
    phone.start()
    in_step(shelf, phone, desktop)
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:1", "X": "KUDOS:2"}


def test_a_key_that_waited_when_the_wallet_was_lost_is_written_to_the_new_one(two, shelf, monkeypatch):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    desktop.sql("DELETE FROM coins")
    desktop.sync(shelf)
    killed_before_the_wallet_is_written(phone, shelf, monkeypatch)
    lose_wallet(phone)
    in_step(shelf, phone, desktop)
    desktop.coin("A", "KUDOS:2")
    in_step(shelf, desktop, phone)
    assert phone.coins() == {"A": "KUDOS:2"}


def without_the_others_news(phone, desktop, shelf):
    """The desktop changes X, of which the phone does not know; the phone deletes X, of which the desktop does not."""
    phone.coin("X", "KUDOS:1")
    in_step(shelf, phone, desktop)
    desktop.coin("X", "KUDOS:2")
    phone.sql("DELETE FROM coins")


def test_a_wiped_server_makes_nobody_forget_who_has_still_to_hear_of_a_delete(two, shelf):
    phone, desktop = two
    without_the_others_news(phone, desktop, shelf)
    shelf.blob = None
    in_step(shelf, phone)
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {}


def test_a_server_put_back_makes_nobody_forget_who_has_still_to_hear_of_a_delete(two, shelf):
    phone, desktop = two
    phone.sync(shelf)
    alone = shelf.blob
    without_the_others_news(phone, desktop, shelf)
    shelf.blob = alone
    in_step(shelf, phone)
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {}


def test_a_wiped_server_does_not_bring_a_forgotten_wallet_back(two, shelf, tmp_path):
    phone, desktop = two
    lost = Device("lost", tmp_path / "lost")
    lost.enroll(shelf)
    phone.coin("X", "KUDOS:1")
    in_step(shelf, lost, phone, desktop)
    lost.stop()
    phone.keeper.forget_wallet("LOST")
    phone.sync(shelf)
    desktop.fetch(shelf)
    shelf.blob = None
    in_step(shelf, desktop, phone)
    phone.sql("DELETE FROM coins")
    in_step(shelf, phone, desktop)
    in_step(shelf, phone, desktop)
    assert phone.tombstones() == desktop.tombstones() == 0


def test_a_row_of_a_forgotten_wallet_that_came_back_by_a_wiped_server_goes_again(two, shelf, tmp_path):
    phone, desktop = two
    lost = Device("lost", tmp_path / "lost")
    lost.enroll(shelf)
    phone.coin("X", "KUDOS:1")
    in_step(shelf, lost, phone, desktop)
    lost.stop()
    phone.keeper.forget_wallet("LOST")
    phone.sync(shelf)
    shelf.blob = None
    desktop.sync(shelf)  # which has not heard of that
    phone.sql("DELETE FROM coins")
    in_step(shelf, phone, desktop)
    in_step(shelf, phone, desktop)
    assert phone.tombstones() == desktop.tombstones() == 0


def test_a_newcomer_whose_wallet_cannot_be_read_yet_is_waited_for(two, shelf, tmp_path):
    phone, desktop = two
    phone.coin("X", "KUDOS:1")
    in_step(shelf, phone, desktop)
    newcomer = Device("newcomer", tmp_path / "newcomer")
    newcomer.wallet_path.unlink()
    newcomer.enroll(shelf)
    newcomer.sync(shelf)
    phone.sql("DELETE FROM coins")
    in_step(shelf, phone, desktop)
    in_step(shelf, phone, desktop)
    assert phone.tombstones() == desktop.tombstones() == 1
    in_step(shelf, newcomer, phone, desktop)
    assert phone.tombstones() == desktop.tombstones() == 0


def test_a_forgotten_wallet_is_one_of_the_circle_again_with_its_first_upload(two, shelf, tmp_path):
    phone, desktop = two
    phone.coin("X", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.keeper.forget_wallet("DESKTOP")
    phone.sync(shelf)
    desktop.wallet_path.unlink()
    desktop.sync(shelf)
    assert desktop.element("circle", "DESKTOP").live
    phone.sql("DELETE FROM coins")
    phone.sync(shelf)
    phone.sync(shelf)
    assert phone.tombstones() == 1
    in_step(shelf, desktop, phone)
    uploads = shelf.uploads
    in_step(shelf, desktop, phone)
    assert (phone.tombstones(), shelf.uploads) == (0, uploads)


def test_a_wallet_missing_in_the_clocks_says_so_at_once(two, shelf):
    phone, desktop = two
    phone.sync(shelf)
    alone = Shelf(blob=shelf.blob)
    in_step(shelf, phone, desktop)
    assert not desktop.keeper.has_to_say(shelf.url, acknowledge=False)
    store = desktop.keeper.store
    store.servers.note_clocks(shelf.url, {"PHONE": store.replica.seen()}, 0.0)
    assert desktop.keeper.has_to_say(alone.url, acknowledge=False)


def test_a_running_copy_does_not_delete_again_what_was_inserted_since(two, shelf, tmp_path):
    phone, desktop = two
    phone.coin("X", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.sql("DELETE FROM coins")
    phone.sync(shelf)
    (tmp_path / "copy").mkdir()
    for path in (phone.wallet_path, phone.state_path):
        for each in path.parent.glob(f"{path.name}*"):
            shutil.copy(each, tmp_path / "copy")
    copy = Device("phone", tmp_path / "copy", seed=99)
    copy.keeper.store.writer = phone.keeper.store.writer
    in_step(shelf, desktop, phone)  # the delete is collected
    phone.coin("A", "KUDOS:1")
    phone.sync(shelf)
    desktop.coin("X", "KUDOS:2")
    desktop.sync(shelf)
    in_step(shelf, copy, phone, desktop)
    in_step(shelf, copy, phone, desktop)
    assert phone.coins() == desktop.coins() == copy.coins() == {"A": "KUDOS:1", "X": "KUDOS:2"}
    copy.stop()
