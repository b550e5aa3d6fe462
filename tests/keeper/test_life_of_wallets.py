"""Wallets that are copied, forgotten, come back, and servers that are put back or wiped."""

import shutil

import pytest
from support.devices import Device, Shelf, in_step

from daemon.blob.keys import server_keys
from daemon.keeper import store
from daemon.keeper.answer import SameBlob
from daemon.keeper.merge import FARTHEST_AHEAD, TimePoisoned


def cloned(device, tmp_path, name="copy"):
    """Copy a running device as a snapshot of its machine would: files, and what the run keeps in memory."""
    device.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    device.keeper.store.state.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(device.wallet_path, folder / "wallet.db")
    shutil.copy(device.state_path, folder / "state.db")
    copy = Device(device.name, folder, seed=99)
    copy.keeper.store.writer = device.keeper.store.writer
    copy.keeper.store.sealed = set(device.keeper.store.sealed)
    copy.keeper.store.scanned_at = device.keeper.store.scanned_at
    return copy


@pytest.mark.parametrize("first", [0, 1])
def test_two_running_copies_lose_nothing_that_lives(two, shelf, tmp_path, first):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    copy = cloned(phone, tmp_path)
    phone.coin("B", "KUDOS:2")
    for number in range(3):
        copy.coin(f"C{number}", "KUDOS:3")
    order = [phone, copy] if first == 0 else [copy, phone]
    in_step(shelf, *order, desktop)
    in_step(shelf, *order, desktop)
    whole = {"A": "KUDOS:1", "B": "KUDOS:2", "C0": "KUDOS:3", "C1": "KUDOS:3", "C2": "KUDOS:3"}
    assert phone.coins() == copy.coins() == desktop.coins() == whole
    assert phone.keeper.store.writer != copy.keeper.store.writer


@pytest.mark.parametrize("more", [0, 1, 3])
def test_a_running_copy_is_told_apart_however_many_operations_it_made(two, shelf, tmp_path, more, monkeypatch):
    monkeypatch.setattr(store, "GAPS", 1)  # so that both come to the same times
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    copy = cloned(phone, tmp_path)
    copy.coin("C", "KUDOS:3")
    for number in range(1 + more):
        phone.coin(f"B{number}", "KUDOS:2")
    phone.keeper.take_in(shelf.url, SameBlob())
    copy.sync(shelf)
    in_step(shelf, phone, copy, desktop)
    whole = {"A": "KUDOS:1", "C": "KUDOS:3"} | {f"B{number}": "KUDOS:2" for number in range(1 + more)}
    assert phone.coins() == copy.coins() == desktop.coins() == whole


def test_a_copy_that_is_started_takes_a_writer_of_its_own(two, shelf, tmp_path):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    copy = cloned(phone, tmp_path)
    copy.restart()
    phone.coin("B", "KUDOS:2")
    copy.coin("C", "KUDOS:3")
    in_step(shelf, phone, copy, desktop)
    assert phone.coins() == copy.coins() == desktop.coins() == {"A": "KUDOS:1", "B": "KUDOS:2", "C": "KUDOS:3"}


def test_a_lost_wallet_holds_tombstones_up_until_it_is_forgotten(two, shelf, tmp_path):
    phone, desktop = two
    lost = Device("lost", tmp_path / "lost")
    lost.enroll(shelf)
    phone.coin("A", "KUDOS:1")
    phone.coin("B", "KUDOS:1")
    in_step(shelf, phone, desktop, lost)
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    in_step(shelf, phone, desktop)
    assert phone.tombstones() == 1
    assert next(wallet for wallet in phone.keeper.overview().wallets if wallet.wallet_id == "LOST").holds_up == 1
    phone.keeper.forget_wallet("LOST")
    in_step(shelf, phone, desktop)
    assert phone.tombstones() == desktop.tombstones() == 0
    assert [wallet.shown_as for wallet in desktop.keeper.overview().wallets] == ["desktop", "phone"]


def test_a_forgotten_wallet_that_comes_back_resurrects_nothing_and_brings_its_own_work(two, shelf, tmp_path):
    phone, desktop = two
    lost = Device("lost", tmp_path / "lost")
    lost.enroll(shelf)
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop, lost)
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    phone.sync(shelf)
    phone.keeper.forget_wallet("LOST")
    in_step(shelf, phone, desktop)
    lost.coin("N", "KUDOS:7")
    in_step(shelf, lost, phone, desktop)
    for device in (phone, desktop, lost):
        assert device.coins() == {"N": "KUDOS:7"}
        assert "lost" in [wallet.shown_as for wallet in device.keeper.overview().wallets]


def test_a_server_put_back_to_an_old_blob_brings_nothing_back_and_gets_the_present_state(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    old = shelf.blob
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    phone.coin("B", "KUDOS:2")
    in_step(shelf, phone, desktop)
    assert phone.tombstones() == 0
    shelf.blob = old
    assert desktop.sync(shelf).merged.went_back
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"B": "KUDOS:2"}
    assert phone.tombstones() == desktop.tombstones() == 0


def test_a_wiped_server_is_filled_again(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    shelf.blob = None
    assert phone.sync(shelf).merged.went_back
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "KUDOS:1"}


def test_an_impossible_time_is_held_and_nothing_is_taken(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    with desktop.keeper.store.state.transaction():
        desktop.keeper.store.replica.see({"0123456789abcdef": FARTHEST_AHEAD * 2})
    desktop.coin("B", "KUDOS:1")
    desktop.sync(shelf)
    with pytest.raises(TimePoisoned):
        phone.fetch(shelf)
    assert phone.coins() == {"A": "KUDOS:1"}


def test_a_newcomer_takes_any_time(two, shelf, tmp_path):
    phone, _ = two
    with phone.keeper.store.state.transaction():
        phone.keeper.store.replica.see({"0123456789abcdef": FARTHEST_AHEAD * 2})
    phone.coin("A", "KUDOS:1")
    phone.sync(shelf)
    newcomer = Device("new", tmp_path / "new")
    newcomer.enroll(shelf)
    newcomer.sync(shelf)
    assert newcomer.coins() == {"A": "KUDOS:1"}


def test_a_wallet_on_two_servers_bridges_the_wallets_of_both(tmp_path):
    home, work = Shelf("file:///home/", "home"), Shelf("file:///work/", "work")
    left, bridge, right = (Device(name, tmp_path / name) for name in ("left", "bridge", "right"))
    left.enroll(home)
    bridge.enroll(home, work)
    right.enroll(work)

    def rounds():
        for _ in range(4):
            left.sync(home)
            bridge.sync(home, work)
            right.sync(work)

    left.coin("L", "KUDOS:1")
    right.coin("R", "KUDOS:1")
    rounds()
    left.sql("DELETE FROM coins WHERE coin_pub = 'R'")
    rounds()
    uploads = home.uploads, work.uploads
    rounds()
    assert left.coins() == bridge.coins() == right.coins() == {"L": "KUDOS:1"}
    assert [device.tombstones() for device in (left, bridge, right)] == [0, 0, 0]
    assert (home.uploads, work.uploads) == uploads
    keys = [server_keys(bytes(32), shelf.identity).account.public_key for shelf in (home, work)]
    assert keys[0] != keys[1]


def test_an_acknowledgement_waits_unless_a_person_asks(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.coin("A", "KUDOS:2")
    phone.sync(shelf)
    uploads = shelf.uploads
    desktop.sync(shelf, acknowledge=False)
    assert shelf.uploads == uploads
    desktop.sync(shelf, acknowledge=True)
    assert shelf.uploads == uploads + 1
