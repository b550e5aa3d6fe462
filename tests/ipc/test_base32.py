"""Crockford base32, GNUnet's variant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc import base32


@pytest.mark.parametrize(
    ("data", "text"),
    [("", ""), ("00", "00"), ("ff", "ZW"), ("666f6f", "CSQPY"), ("0001020304050607", "000G40R40M30E")],
)
def test_known_texts(data, text):
    assert base32.encode(bytes.fromhex(data)) == text
    assert base32.decode(text) == bytes.fromhex(data)


@given(st.binary(max_size=100))
def test_what_is_written_is_read_in_any_case(data):
    text = base32.encode(data)
    assert len(text) == base32.encoded_length(len(data))
    assert base32.decode(text, len(data)) == base32.decode(text.lower()) == data


def test_keys_and_hashes_have_their_known_lengths():
    assert base32.encoded_length(32) == 52
    assert base32.encoded_length(64) == 103


def test_what_people_mistype_is_read_as_what_they_meant():
    assert base32.decode("oOiIlLuU") == base32.decode("001111VV")


def test_fill_bits_are_ignored():
    assert base32.decode("ZZ", 1) == base32.decode("ZW", 1) == b"\xff"


@pytest.mark.parametrize("text", ["0", "000", "000000", "0" * 51])
def test_a_length_that_is_never_written_is_refused(text):
    with pytest.raises(base32.Base32Error, match="characters"):
        base32.decode(text)


def test_another_length_than_the_expected_one_is_refused():
    with pytest.raises(base32.Base32Error, match="52 are 32 bytes"):
        base32.decode("0" * 51, 32)
    with pytest.raises(base32.Base32Error, match="has 53 characters"):
        base32.decode("0" * 53, 32)


@pytest.mark.parametrize("text", ["0-", "0=", " 0", "0\n", "ıI", "é0", "ſ0", "0０"])  # noqa: RUF001
def test_a_strange_character_is_refused_without_being_quoted(text):
    with pytest.raises(base32.Base32Error, match=r"character [12]") as refused:
        base32.decode(text)
    assert text not in str(refused.value)


@given(st.text(max_size=60))
def test_arbitrary_text_is_refused_or_read_and_nothing_worse(text):
    try:
        data = base32.decode(text)
    except base32.Base32Error:
        return
    assert len(base32.encode(data)) == len(text)
