import pytest
from support.devices import Device, Shelf


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
