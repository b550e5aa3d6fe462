import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.units import BYTES_BY_UNIT, SECONDS_BY_UNIT, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15 min", 900),
        ("30 s", 30),
        ("1 day", 86400),
        ("2 days", 172800),
        ("90min", 5400),
        ("1.5 h", 5400),
        ("250 ms", 0.25),
        ("1 week", 604800),
        (" 5 s ", 5),
    ],
)
def test_a_duration_becomes_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("64 MiB", 2**26), ("4KiB", 4096), ("1 GB", 10**9), ("1.5 KiB", 1536)])
def test_a_size_becomes_bytes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "15", "min", "15 minutes", "-5 s", "1e3 s", "1 h 30 min", "٣ s", "5  s", "inf s"])
def test_what_is_no_duration_is_refused_with_the_units_there_are(text):
    with pytest.raises(ValueError, match=r'is no duration: write a number and one of ms, s, min, .* as in "15 min"'):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "64", "64 mib", "64 s", "1.5 B", "0.0001 KiB"])
def test_what_is_no_size_in_whole_bytes_is_refused_with_the_units_there_are(text):
    with pytest.raises(ValueError, match=r'is no size: write a number and one of B, kB, .* as in "64 MiB"'):
        parse_size(text)


@given(number=st.integers(0, 10**6), unit=st.sampled_from(sorted(SECONDS_BY_UNIT)))
def test_every_unit_of_time_multiplies(number, unit):
    assert parse_duration(f"{number} {unit}") == number * SECONDS_BY_UNIT[unit]


@given(number=st.integers(0, 10**6), unit=st.sampled_from(sorted(BYTES_BY_UNIT)))
def test_every_unit_of_size_multiplies(number, unit):
    assert parse_size(f"{number}{unit}") == number * BYTES_BY_UNIT[unit]
