"""The scan of the whole suite for secrets finds one that is planted."""

import base64
import hashlib

import pytest
from support.processes import Device, Place
from support.spilled_secrets import SCAN, secrets_of_home, spellings, spilled

from ipc.base32 import encode

SECRET = hashlib.blake2b(b"planted", digest_size=32).digest()


@pytest.mark.parametrize("number", range(9))
def test_a_secret_is_found_in_every_spelling(number: int) -> None:
    spelling = list(spellings(SECRET))[number]
    assert spilled([SECRET], b'{"message": "' + spelling + b'"}') == [SECRET]
    assert spilled([SECRET], b'{"message": "' + spelling[: len(spelling) // 2] + b'"}') == []


def test_what_is_in_a_url_or_between_other_letters_is_found() -> None:
    assert spilled([SECRET], f"https://x/?key={base64.urlsafe_b64encode(SECRET).decode()}".encode()) == [SECRET]


@pytest.fixture
def device(place: Place) -> Device:
    device = place.device("phone")
    device.start()
    device.enroll(place.folder())
    device.sync()
    return device


@pytest.fixture
def place() -> Place:
    with Place() as made:
        yield made


def test_the_secrets_of_a_home_are_its_seed_its_root_and_the_keys_made_from_them(device: Device) -> None:
    assert len(secrets_of_home(device.paths.state_folder)) == 4


def test_one_that_is_planted_in_a_daemons_log_fails_the_test(device: Device) -> None:
    for secret in secrets_of_home(device.paths.state_folder):
        planted = device.log.read_bytes() + encode(secret).encode()
        with pytest.raises(AssertionError, match="1 of 4 secrets are in a daemon's log"):
            SCAN.of_home(device.paths.state_folder, planted)


def test_one_that_goes_over_a_socket_fails_the_test(device: Device) -> None:
    secret = max(secrets_of_home(device.paths.state_folder))
    with device.client() as client, pytest.raises(Exception, match=r"no server|enrolled servers"):
        client.sync(secret.hex())
    try:
        with pytest.raises(AssertionError, match="what went over sockets"):
            SCAN.of_home(device.paths.state_folder, b"")
    finally:
        SCAN.traffic.clear()
