"""Invitations: whole they open, and whatever else is a clear refusal that quotes nothing of them."""

import json
import os

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import pwhash

from daemon import passphrase as sealing
from daemon.invitation import PREFIX, VERSION, Invitation, InvitationUnusable, read_invitation, write_invitation
from daemon.secret import Secret
from ipc import base32
from ipc.messages import InvitedServer

ROOT = bytes(range(100, 132))
SERVERS = [InvitedServer(id="K3Y", url="file:///media/stick/"), InvitedServer(id="https://a/", url="https://a/")]
MINE = Invitation(Secret(ROOT), SERVERS)
URI = write_invitation(MINE, None, os.urandom)
PASSPHRASE = "an old house with a blue door"


@pytest.fixture
def cheap(monkeypatch):
    """One guess costs next to nothing."""
    monkeypatch.setattr(pwhash.argon2id, "MEMLIMIT_MODERATE", pwhash.argon2id.MEMLIMIT_MIN)
    monkeypatch.setattr(pwhash.argon2id, "OPSLIMIT_MODERATE", 1)


def made_of(content: object) -> str:
    return VERSION + base32.encode(json.dumps(content).encode())


def plain() -> dict[str, object]:
    return json.loads(base32.decode(URI.removeprefix(VERSION)))


def read_or_refused(uri: str) -> Invitation | str:
    try:
        return read_invitation(uri, None)
    except InvitationUnusable as error:
        return str(error)


def why_not(uri: str, passphrase: str | None = None) -> str:
    with pytest.raises(InvitationUnusable) as caught:
        read_invitation(uri, passphrase)
    message = str(caught.value)
    assert len(uri) < 40 or uri[30:] not in message
    assert not passphrase or passphrase not in message
    return message


def test_an_invitation_gives_back_what_was_put_into_it():
    assert read_invitation(URI, None) == MINE
    assert read_invitation(f"  {URI[:50]} {URI[50:90]}\n{URI[90:].lower()}\n", None) == MINE


def test_an_invitation_names_the_last_circles_that_its_own_was_rolled_over_from():
    former = [f"CIRCLE{number}" for number in range(12)]
    read = read_invitation(write_invitation(msgspec.structs.replace(MINE, former=former), None, os.urandom), None)
    assert read == msgspec.structs.replace(MINE, former=former[-8:])


def test_an_invitation_without_a_check_is_taken_as_it_is():
    content = plain()
    del content["check"]
    assert read_invitation(made_of(content), None) == MINE


@settings(max_examples=200, deadline=None)
@given(st.integers(len(VERSION), len(URI) - 1), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_wrong_character_never_makes_another_invitation(place, character):
    mistyped = URI[:place] + character + URI[place + 1 :]
    assert read_or_refused(mistyped) in (MINE, "that invitation is damaged: a part of it is missing or mistyped")


@pytest.mark.parametrize("length", range(len(VERSION), len(URI), 7))
def test_an_invitation_that_is_cut_off_is_damaged(length):
    assert "is damaged" in why_not(URI[:length])


@pytest.mark.parametrize("text", ["", "hello", "https://example.org/", "taler://pay/x", "WALLETSYNC"])
def test_what_is_something_else_is_told_how_an_invitation_begins(text):
    assert "that is no invitation: one begins with walletsync://join/1#" in why_not(text)


def test_an_invitation_of_a_later_version_asks_for_an_update():
    assert "does not know: update it" in why_not(URI.replace("/1#", "/2#"))
    assert "does not know: update it" in why_not(PREFIX)


@pytest.mark.parametrize(
    "content",
    [
        [],
        7,
        {},
        {"root": 5, "servers": []},
        {"root": "0" * 51, "servers": []},
        {"root": "0" * 52, "servers": [{"id": "x"}]},
        {"root": "0" * 52},
        {"box": 1, "argon2id": {}},
        {"box": "00", "argon2id": {"memory": 1, "operations": 1, "salt": "0" * 26}},
        {"box": "00", "argon2id": {"memory": 2**40, "operations": 1, "salt": "0" * 26}},
        {"box": "00", "argon2id": {"memory": 8192, "operations": 10**9, "salt": "0" * 26}},
        {"box": "00", "argon2id": {"memory": 8192, "operations": 1, "salt": "0"}},
        {"box": "!", "argon2id": {"memory": 8192, "operations": 1, "salt": "0" * 26}},
    ],
)
def test_content_that_is_none_is_damaged_before_anything_is_computed(content):
    assert "is damaged" in why_not(made_of(content), PASSPHRASE)


def test_deep_nesting_is_damaged_and_no_crash():
    assert "is damaged" in why_not(VERSION + base32.encode(b'{"root":' + b"[" * 20_000))


@pytest.mark.usefixtures("cheap")
def test_a_sealed_invitation_opens_with_its_passphrase_alone():
    sealed = write_invitation(MINE, PASSPHRASE, os.urandom)
    assert read_invitation(sealed, PASSPHRASE) == MINE
    assert "needs its passphrase" in why_not(sealed)
    for wrong in ("", PASSPHRASE.upper(), PASSPHRASE + " "):
        assert "not the one that this invitation was sealed with" in why_not(sealed, wrong)


@pytest.mark.usefixtures("cheap")
def test_a_box_that_was_changed_is_refused():
    content = json.loads(base32.decode(write_invitation(MINE, PASSPHRASE, os.urandom).removeprefix(VERSION)))
    box = bytearray(base32.decode(content["box"]))
    box[-1] ^= 1
    message = why_not(made_of(content | {"box": base32.encode(bytes(box))}), PASSPHRASE)
    assert "the passphrase is not the one" in message
    assert "was changed" in message


def test_a_guess_costs_what_the_documentation_says():
    content = json.loads(base32.decode(write_invitation(MINE, PASSPHRASE, os.urandom).removeprefix(VERSION)))
    assert (content["argon2id"]["memory"], content["argon2id"]["operations"]) == (256 * 2**20, 3)
    assert "256 MiB of memory and 3 passes" in (sealing.__doc__ or "").replace("\n", " ")
