from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc.cli.historyview import short_key
from ipc.cli.words import REASON_WORDS, STATE_WORDS, clean, count, distance, listed, relative, size
from ipc.state import ServerState, SyncReason

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (None, "never"),
        ("2026-01-31T12:00:00.000Z", "just now"),
        ("2026-01-31T11:59:59.000Z", "just now"),
        ("2026-01-31T12:00:01.500Z", "in a moment"),
        ("2026-01-31T11:59:15.000Z", "45 s ago"),
        ("2026-01-31T11:57:00.000Z", "3 min ago"),
        ("2026-01-31T12:15:00.000Z", "in 15 min"),
        ("2026-01-31T10:00:00.000Z", "2 h ago"),
        ("2026-01-30T11:00:00.000Z", "25 h ago"),
        ("2025-12-31T12:00:00.000Z", "31 days ago"),
        ("2026-01-31T13:00:00.000+01:00", "just now"),
    ],
)
def test_times_are_told_as_distances(time, words):
    assert relative(time, NOW) == words


@given(st.integers(0, 10**9))
def test_a_distance_never_claims_more_than_there_is(seconds):
    number, unit = distance(seconds).split()
    unit_seconds = {"s": 1, "min": 60, "h": 3600, "days": 86400}[unit]
    assert 0 <= seconds - int(number) * unit_seconds < unit_seconds


def test_distance_of_a_moment_in_the_past_and_the_future_is_the_same():
    later, earlier = (NOW + timedelta(hours=3)).isoformat(), (NOW - timedelta(hours=3)).isoformat()
    assert relative(later, NOW).removeprefix("in ") == relative(earlier, NOW).removesuffix(" ago") == "3 h"


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (34_567, "35 kB"), (1_234_567, "1.2 MB"), (5 * 10**12, "5000 GB")],
)
def test_sizes_have_two_digits_or_more(number, words):
    assert size(number) == words


def test_counts_have_a_singular():
    assert [count(number, "server") for number in (0, 1, 1234)] == ["0 servers", "1 server", "1,234 servers"]


def test_names_are_joined_as_in_a_sentence():
    assert [listed("abc"[:number]) for number in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


@given(st.text())
def test_cleaned_text_has_no_control_characters_and_keeps_its_length(text):
    cleaned = clean(text)
    assert len(cleaned) == len(text)
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in cleaned)


def test_ordinary_names_stay_as_they_are():
    for name in ("phone#1", "Büro", "電話", "👩‍👧 family"):
        assert clean(name) == name


def test_every_state_and_every_reason_has_words():
    assert set(STATE_WORDS) == set(get_args(ServerState))
    assert set(REASON_WORDS) == set(get_args(SyncReason))
    assert len(set(STATE_WORDS.values())) == len(STATE_WORDS)


@pytest.mark.parametrize(
    ("key", "words"),
    [('["A",7]', "A 7"), ('["0123456789012345678901234567890"]', "01234567…"), ("odd", "odd"), ("7", "7")],
)
def test_a_key_is_written_for_people_also_where_it_is_none(key, words):
    assert short_key(key) == words
