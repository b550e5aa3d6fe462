"""Two devices that are one wallet: seen by the row of clocks that they share, and never where there is just one."""

import itertools
import shutil

import pytest
from support.devices import Device, Shelf, in_step

from daemon.blob.errors import BlobUnreadable

COINS = itertools.count()


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def devices(tmp_path, shelf):
    phone, desktop = Device("phone", tmp_path / "phone"), Device("desktop", tmp_path / "desktop")
    for device in (phone, desktop):
        device.enroll(shelf)
        device.coin(f"OF {device.name}", "1")
    in_step(shelf, phone, desktop)
    yield phone, desktop
    phone.stop()
    desktop.stop()


def copied(device: Device, tmp_path) -> Device:
    """Copy a whole device, wallet and state, as a copy of its home does."""
    device.stop()
    shutil.copytree(device.folder, tmp_path / "copy")
    device.start()
    return Device(device.name, tmp_path / "copy", seed=1)


def sightings(device: Device, shelf: Shelf, rounds: int, *others: Device) -> list[bool]:
    """Have all devices change something and sync in turn; return whether this one saw a living copy each time."""
    seen = []
    for _ in range(rounds):
        for other in others:
            other.coin(f"{other.folder.name} {next(COINS)}", "1")
            other.sync(shelf)
        device.coin(f"{device.folder.name} {next(COINS)}", "1")
        seen.append(device.sync(shelf).copy_lives)
    return seen


def test_a_copy_that_lives_is_seen_at_the_second_sight_by_both(devices, shelf, tmp_path):
    phone, _ = devices
    copy = copied(phone, tmp_path)
    assert sightings(phone, shelf, 4, copy) == [False, True, True, True]
    assert sightings(copy, shelf, 2, phone)[-1]
    in_step(shelf, phone, copy)
    assert phone.coins() == copy.coins()
    assert len(phone.coins()) == 2 + 2 * (4 + 2)
    copy.stop()


def test_wallets_that_are_several_are_not_taken_for_copies(devices, shelf):
    phone, desktop = devices
    assert sightings(phone, shelf, 5, desktop) == [False] * 5
    phone.restart()
    assert sightings(phone, shelf, 3, desktop) == [False] * 3


def test_a_backup_that_was_put_back_is_no_living_copy(devices, shelf, tmp_path):
    """What a former life has put there is seen once; from then on the row is this life's own."""
    phone, desktop = devices
    phone.stop()
    shutil.copytree(phone.folder, tmp_path / "backup")
    phone.start()
    sightings(phone, shelf, 2, desktop)
    phone.stop()
    shutil.rmtree(phone.folder)
    shutil.copytree(tmp_path / "backup", phone.folder)
    phone.start()
    assert sightings(phone, shelf, 4, desktop) == [False] * 4


def test_a_server_that_was_put_back_is_no_living_copy(devices, shelf):
    phone, desktop = devices
    old = shelf.blob
    sightings(phone, shelf, 2, desktop)
    shelf.blob = old
    assert sightings(phone, shelf, 3, desktop) == [False] * 3


def test_a_blob_that_cannot_be_joined_proves_nothing(devices, shelf, tmp_path):
    """A former life's row in a damaged blob is read again and again; that does not make it a copy that lives."""
    phone, _ = devices
    copy = copied(phone, tmp_path)
    copy.coin("X", "1")
    copy.sync(shelf)
    whole, shelf.blob = shelf.blob, shelf.blob[:-1]
    for _ in range(3):
        with pytest.raises(BlobUnreadable):
            phone.fetch(shelf)
    shelf.blob = whole
    assert not phone.sync(shelf).copy_lives
    copy.stop()
