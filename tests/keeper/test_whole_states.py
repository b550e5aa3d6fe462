"""A whole state is kept of each day, and brings a circle back whose servers and state are lost or spoilt."""

import pytest
from support.devices import ROOT, Device, Shelf, in_step

from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import server_keys
from daemon.keeper.intake import StillUnjoined
from daemon.keeper.store import Rules
from daemon.wallet.trouble import WalletTrouble

DAY = 24 * 3600.0


def keep(device: Device, shelf: Shelf) -> None:
    """Keep what lies on the shelf, as a sync does after it was stored or joined."""
    spool = device.folder / "kept spool"
    spool.write_bytes(shelf.blob)
    device.keeper.keep_blob(shelf.url, spool, server_keys(ROOT, shelf.identity))


def days(device: Device) -> list[str]:
    return [blob.day for blob in device.keeper.store.blobs.all()]


def restore(device: Device, *, changed: bool = False):
    """Bring back the oldest state that is kept."""
    oldest = device.keeper.store.blobs.all()[-1]
    revived = device.keeper.restore_blob(oldest, "s", changed=changed)
    return dict(revived.restored), dict(revived.changed)


@pytest.fixture
def phone(two, shelf):
    """A wallet with two coins, in step, with that state kept."""
    phone, desktop = two
    phone.coin("A", "1")
    phone.coin("B", "1")
    in_step(shelf, phone, desktop)
    keep(phone, shelf)
    return phone


def test_one_state_is_kept_of_each_day_and_the_newest_however_old(phone, shelf):
    phone.clock.now += 3600
    keep(phone, shelf)
    assert len(days(phone)) == 1
    folder = phone.folder / "blobs"
    assert sorted(path.suffix for path in folder.iterdir()) == [".blob", ".json"]
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}
    for _ in range(20):
        phone.clock.now += DAY
        keep(phone, shelf)
    assert len(days(phone)) == len(list(folder.glob("*.blob"))) == 14
    phone.clock.now += 400 * DAY
    newest = days(phone)[0]
    phone.keeper.store.blobs.prune(phone.clock.now, 14, 2**29)
    assert days(phone) == [newest]


def test_states_take_no_more_room_than_they_may_and_none_where_none_are_wanted(phone, shelf):
    store, size = phone.keeper.store, len(shelf.blob)
    for _ in range(5):
        phone.clock.now += DAY
        keep(phone, shelf)
    store.rules = Rules(blob_bytes=3 * size)
    keep(phone, shelf)
    assert len(days(phone)) == 3
    store.rules = Rules(blob_bytes=size - 1)
    phone.clock.now += DAY
    keep(phone, shelf)
    assert days(phone) == []
    store.rules = Rules(blob_days=0)
    keep(phone, shelf)
    assert list((phone.folder / "blobs").iterdir()) == []


def test_what_a_killed_keeping_left_is_removed_and_no_state_lost(phone, shelf):
    before = days(phone)
    folder = phone.folder / "blobs"
    (folder / "2027-01-15-00.blob").write_bytes(b"moved, and then killed before its note")
    (folder / "2027-01-16.json").write_bytes(b"{")
    phone.keeper.store.blobs.prune(phone.clock.now, 14, 2**29)
    assert days(phone) == before
    assert len(list(folder.glob("*.blob"))) == 1


def test_a_kept_state_says_nothing_to_whoever_lacks_the_wallets_key(phone):
    content = b"".join(path.read_bytes() for path in (phone.folder / "blobs").iterdir())
    assert server_keys(ROOT, "shelf").blob_key not in content
    assert b"coin" not in content


def test_what_is_gone_everywhere_comes_back_everywhere(phone, two, shelf):
    _, desktop = two
    desktop.sql("DELETE FROM coins")
    desktop.coin("C", "1")
    in_step(shelf, desktop, phone)
    for device in two:  # a small wallet's rows go at once; the history of it is lost as well
        assert device.coins() == {"C": "1"}
        device.keeper.store.history.forget_before(phone.clock.now + 1)
    assert restore(phone) == ({"coins": 2}, {})
    assert phone.coins() == {"A": "1", "B": "1", "C": "1"}
    in_step(shelf, phone, desktop)
    assert desktop.coins() == phone.coins()
    assert restore(phone) == ({}, {})


def test_what_was_changed_stays_unless_it_is_asked_for_and_can_then_be_had_back_too(phone, two, shelf):
    _, desktop = two
    desktop.coin("A", "spoilt")
    in_step(shelf, desktop, phone)
    assert restore(phone) == ({}, {})
    assert phone.coins() == {"A": "spoilt", "B": "1"}
    assert restore(phone, changed=True) == ({}, {"coins": 1})
    in_step(shelf, phone, desktop)
    assert phone.coins() == desktop.coins() == {"A": "1", "B": "1"}
    (kept,) = phone.keeper.store.history.last(1)
    assert b"spoilt" in phone.keeper.store.vault.open(kept.sealed)


def test_a_lost_state_database_and_a_lost_server_leave_the_newer_rows_of_the_wallet_alone(phone, two):
    phone.coin("A", "newer")
    phone.stop()
    for path in phone.folder.glob("state.db*"):
        path.unlink()
    phone.start()
    phone.sql("DELETE FROM coins WHERE coin_pub = 'B'")
    assert restore(phone) == ({"coins": 1}, {})  # by the join alone, with the stamp that the others know
    assert phone.coins() == {"A": "newer", "B": "1"}
    again = Shelf(identity="another server")
    phone.enroll(again)
    phone.sync(again)
    assert phone.coins() == {"A": "newer", "B": "1"}


def test_a_wallet_lost_with_state_and_servers_is_filled_from_the_kept_state(phone, tmp_path):
    phone.stop()
    for path in (*phone.folder.glob("state.db*"), *phone.folder.glob("wallet.db*")):
        path.unlink()
    empty = Device("empty", tmp_path / "empty")
    empty.stop()
    (tmp_path / "empty" / "wallet.db").rename(phone.wallet_path)
    phone.start()
    assert restore(phone) == ({"coins": 2}, {})
    assert phone.coins() == {"A": "1", "B": "1"}


def test_while_servers_have_to_be_asked_nothing_is_restored_over_a_strange_wallet(phone, shelf):
    phone.sql("DELETE FROM walletsync_marker")
    phone.coin("A", "newer")
    with pytest.raises(StillUnjoined):
        restore(phone, changed=True)
    assert phone.coins() == {"A": "newer", "B": "1"}
    phone.sync(shelf)
    assert restore(phone) == ({}, {})


def test_a_wallet_that_is_not_there_is_told(phone):
    phone.wallet_path.rename(phone.folder / "away")
    with pytest.raises(WalletTrouble):
        restore(phone)


def test_a_damaged_state_is_refused_and_changes_nothing(phone):
    (path,) = (phone.folder / "blobs").glob("*.blob")
    path.write_bytes(path.read_bytes()[:-1])
    phone.sql("DELETE FROM coins WHERE coin_pub = 'A'")
    with pytest.raises(BlobUnreadable):
        restore(phone)
    assert phone.coins() == {"B": "1"}
