"""How long to wait after conflicts."""

import pytest

from daemon.conflicts import LONGEST_DELAY, MOST_ROUNDS, NEVER_LONGER, longest_delay
from daemon.pulse import LONGEST_STEP


def test_after_the_first_conflict_a_wallet_tries_again_at_once():
    assert longest_delay(1, 5.0) == 0


def test_the_delay_doubles_with_every_conflict_and_is_measured_by_the_round():
    assert [longest_delay(conflicts, 1.0) for conflicts in (2, 3, 4)] == [4, 8, 16]
    assert [longest_delay(conflicts, 0.0) for conflicts in (2, 3, 4)] == pytest.approx([0.8, 1.6, 3.2])


def test_the_delay_has_an_end_also_where_rounds_take_long():
    assert longest_delay(1000, 0.01) == LONGEST_DELAY
    assert longest_delay(1000, 2.0) == 2 * MOST_ROUNDS
    assert longest_delay(1000, 1000.0) == NEVER_LONGER
    assert NEVER_LONGER < LONGEST_STEP
