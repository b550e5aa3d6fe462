"""Secrets show themselves to nobody."""

import base64
import copy
import gc
import json
import pickle

import pytest

from daemon.secret import SHOWN, Secret, mask

KEY = bytes(range(100, 132))
PHRASE = "correct horse\nbattery 'staple'"

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def crockford(content: bytes) -> str:
    """Write bytes five bits at a time, the last digit filled up with zeros."""
    bits = "".join(f"{byte:08b}" for byte in content)
    bits += "0" * (-len(bits) % 5)
    return "".join(CROCKFORD[int(bits[at : at + 5], 2)] for at in range(0, len(bits), 5))


@pytest.mark.parametrize("secret", [Secret(KEY), Secret(PHRASE)], ids=["bytes", "text"])
def test_a_secret_is_revealed_only_by_name(secret: Secret[bytes] | Secret[str]) -> None:
    assert secret.reveal() in (KEY, PHRASE)
    assert {repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", f"{secret!a}"} == {SHOWN}
    assert str([secret]) == f"[{SHOWN}]"
    assert "%s %r" % (secret, secret) == f"{SHOWN} {SHOWN}"  # noqa: UP031 - this way of formatting too


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars, hash, bytes, list, len])
def test_a_secret_cannot_be_copied_written_or_taken_apart(write: object) -> None:
    with pytest.raises(TypeError):
        write(Secret(KEY))  # type: ignore[operator]


def test_secrets_with_the_same_content_are_equal() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret(KEY[::-1])
    assert Secret(KEY) != KEY


@pytest.mark.parametrize(
    "form",
    [
        KEY.hex(),
        KEY.hex().upper(),
        repr(KEY),
        str(bytearray(KEY)),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode(),
        base64.b32encode(KEY).decode(),
        crockford(KEY),
        crockford(KEY).lower(),
        KEY.decode("latin-1"),
    ],
)
def test_the_content_of_a_living_secret_is_masked_in_every_common_form(form: str) -> None:
    secret = Secret(KEY)
    masked = mask(f"before {form} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert SHOWN in masked
    assert form not in masked
    assert secret.reveal() == KEY


@pytest.mark.parametrize("form", [PHRASE, repr(PHRASE)])
def test_a_long_passphrase_is_masked(form: str) -> None:
    secret = Secret(PHRASE)
    assert "battery" not in mask(f"before {form} after")
    assert secret.reveal() == PHRASE


def test_a_short_secret_is_not_masked_since_that_would_betray_it() -> None:
    secret = Secret("wallet")
    assert mask("the wallet is absent") == "the wallet is absent"
    assert secret.reveal() == "wallet"


def test_a_secret_that_is_gone_is_forgotten() -> None:
    other_key = KEY[::-1]
    secret = Secret(other_key)
    assert mask(other_key.hex()) == SHOWN
    del secret
    gc.collect()
    assert mask(other_key.hex()) == other_key.hex()
