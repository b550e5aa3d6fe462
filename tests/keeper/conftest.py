import pytest
from support.devices import Device, Shelf
from support.quick_folder import quick_folder


@pytest.fixture
def tmp_path(tmp_path):
    """A folder in memory where there is one: these tests commit a lot, and a crash here is a crash of the process."""
    with quick_folder(tmp_path) as made:
        yield made


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def two(tmp_path, shelf):
    phone, desktop = Device("phone", tmp_path / "phone"), Device("desktop", tmp_path / "desktop")
    for device in (phone, desktop):
        device.enroll(shelf)
    yield phone, desktop
    for device in (phone, desktop):
        device.stop()
