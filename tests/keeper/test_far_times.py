"""A time impossibly far ahead is held, until a person has this wallet take it."""

import pytest
from support.devices import Device, Shelf, in_step

from daemon.keeper.merge import FARTHEST_AHEAD, TimePoisoned
from daemon.state.far_times import FarTime

BROKEN = "0123456789abcdef"


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def phone(tmp_path, shelf):
    """A phone that is in step with a desktop which then breaks, and says so."""
    phone, desktop = Device("phone", tmp_path / "phone"), Device("desktop", tmp_path / "desktop")
    for device in (phone, desktop):
        device.enroll(shelf)
    phone.coin("A", "1")
    in_step(shelf, phone, desktop)
    with desktop.keeper.store.state.transaction():
        desktop.keeper.store.replica.see({BROKEN: FARTHEST_AHEAD * 2})
    desktop.coin("B", "1")
    desktop.sync(shelf)
    desktop.stop()
    yield phone
    phone.stop()


def held(device: Device) -> list[FarTime]:
    return device.keeper.overview().far_times


def meet(device: Device, shelf: Shelf) -> None:
    with pytest.raises(TimePoisoned):
        device.fetch(shelf)


def test_it_is_held_once_however_often_it_is_met(phone, shelf):
    meet(phone, shelf)
    (far,) = held(phone)
    phone.clock.now += 3600
    meet(phone, shelf)
    assert held(phone) == [far]
    assert far.server == shelf.url
    assert phone.coins() == {"A": "1"}


def test_approved_it_is_taken_and_all_counts_on_from_there(phone, shelf):
    for _ in range(2):  # the writer that began it, and the desktop's own, which counted on from there
        meet(phone, shelf)
        (far,) = held(phone)
        phone.keeper.approve_time(far.number)
    phone.sync(shelf)
    assert held(phone) == []
    assert phone.coins() == {"A": "1", "B": "1"}
    phone.coin("A", "2")
    phone.sync(shelf)
    element = phone.element("coins", "A")
    assert element is not None
    assert element.stamp is not None
    assert element.stamp.time > FARTHEST_AHEAD * 2


def test_a_server_that_shows_it_no_longer_holds_nothing(phone, shelf, tmp_path):
    meet(phone, shelf)
    other = Device("other", tmp_path / "other")
    other.enroll(empty := Shelf())
    other.coin("C", "1")
    other.sync(empty)
    shelf.blob = empty.blob
    phone.sync(shelf)
    assert held(phone) == []
    other.stop()


def test_one_even_farther_ahead_than_what_was_approved_is_held_anew(phone, shelf):
    far_times = phone.keeper.store.far_times
    far_times.hold(shelf.url, BROKEN, FARTHEST_AHEAD, 1.0)
    phone.keeper.approve_time(held(phone)[0].number)
    assert far_times.approved() == {BROKEN: FARTHEST_AHEAD}
    far_times.hold(shelf.url, BROKEN, FARTHEST_AHEAD * 3, 2.0)
    (far,) = held(phone)
    assert (far.time, far_times.approved()) == (FARTHEST_AHEAD * 3, {})


def test_what_is_not_held_cannot_be_approved(phone, shelf):
    meet(phone, shelf)
    (far,) = held(phone)
    with pytest.raises(LookupError):
        phone.keeper.approve_time(far.number + 1)
    phone.keeper.approve_time(far.number)
    with pytest.raises(LookupError):
        phone.keeper.approve_time(far.number)
