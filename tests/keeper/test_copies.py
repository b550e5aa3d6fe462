"""A conflict copy is joined as what it is: a blob that some wallet has stored, and no server holds."""

import pytest
from support.devices import ROOT, Device, Shelf

from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import server_keys
from daemon.keeper.answer import Spooled
from daemon.keeper.intake import TakenIn

KEYS = server_keys(ROOT, "shelf")


def take_in_copy(device: Device, blob: bytes) -> TakenIn:
    """Have a device find this blob beside that of the shelf."""
    spool = device.folder / "copy"
    spool.write_bytes(blob)
    return device.keeper.take_in_copy("file:///shelf/", Spooled(spool, "of the copy", len(blob), KEYS))


@pytest.fixture
def diverged(tmp_path):
    """Two devices that both had X, and each of which stored a change before it knew of the other's."""
    phone, desktop, shelf = Device("phone", tmp_path / "phone"), Device("desktop", tmp_path / "desktop"), Shelf()
    for device in (phone, desktop):
        device.enroll(shelf)
    phone.coin("X", "1")
    for device in (phone, desktop, phone):
        device.sync(shelf)
    copy = Shelf(blob=shelf.blob)
    phone.coin("P", "1")
    phone.sync(shelf)
    desktop.coin("D", "1")
    desktop.sql("DELETE FROM coins WHERE coin_pub = 'X'")
    desktop.sync(copy)
    yield phone, shelf, copy.blob
    phone.stop()
    desktop.stop()


def test_a_copy_is_joined_and_nothing_of_it_is_taken_for_the_servers(diverged):
    phone, shelf, copy = diverged
    before, clocks = phone.keeper.record(shelf.url), phone.keeper.store.servers.clocks(shelf.url)
    assert not phone.keeper.has_to_say(shelf.url, acknowledge=False)
    taken = take_in_copy(phone, copy)
    assert (taken.merged.taken, taken.merged.removed) == (1, 1)
    assert phone.coins() == {"P": "1", "D": "1"}
    after = phone.keeper.record(shelf.url)
    assert (after.revision, after.seen, after.sealed_bytes) == (before.revision, before.seen, before.sealed_bytes)
    assert phone.keeper.store.servers.clocks(shelf.url) == clocks
    assert phone.keeper.has_to_say(shelf.url, acknowledge=False)


def test_a_delete_that_came_by_a_copy_is_not_forgotten_before_all_have_acknowledged_it(diverged):
    phone, shelf, copy = diverged
    take_in_copy(phone, copy)
    phone.sync(shelf)
    assert phone.tombstones() == 1


def test_a_copy_that_brings_nothing_new_is_no_reason_to_say_anything(diverged):
    phone, shelf, copy = diverged
    take_in_copy(phone, copy)
    phone.sync(shelf)
    assert not take_in_copy(phone, copy).merged.changed
    assert not phone.keeper.has_to_say(shelf.url, acknowledge=False)


def test_all_servers_are_told_of_what_went_by_a_copy(diverged):
    phone, _, copy = diverged
    other = Shelf("file:///other/", "other")
    phone.enroll(other)
    phone.sync(other)
    assert not phone.keeper.has_to_say(other.url, acknowledge=False)
    take_in_copy(phone, copy)
    assert phone.keeper.has_to_say(other.url, acknowledge=False)


def test_what_the_wallet_changed_meanwhile_is_captured_before_a_copy_is_joined(diverged):
    phone, _, copy = diverged
    phone.coin("X", "2")
    take_in_copy(phone, copy)
    assert phone.coins() == {"P": "1", "D": "1"}, "the delete had not seen the change, and wins"


def test_an_unreadable_copy_changes_nothing(diverged):
    phone, shelf, copy = diverged
    before = phone.keeper.record(shelf.url)
    with pytest.raises(BlobUnreadable):
        take_in_copy(phone, copy[:-1])
    assert phone.coins() == {"X": "1", "P": "1"}
    assert phone.keeper.record(shelf.url) == before
