"""The daemon's real syncers and plans over weeks, with servers that fail and daemons that are killed at any await."""

import pytest
import structlog
from simulation.years import play


@pytest.mark.parametrize("seed", range(4))
def test_after_weeks_of_faults_all_wallets_are_what_they_should_be(seed):
    with structlog.testing.capture_logs():
        problems, counts = play(seed, days=12, wallets=2 + seed % 3, servers=1 + seed // 2, taler_servers=seed % 2)
    assert problems == []
    assert counts["edits"]
    assert counts["killed"]


def test_the_same_seed_plays_the_same_weeks_twice():
    with structlog.testing.capture_logs():
        assert play(9, days=6, wallets=2, servers=2, taler_servers=1) == play(
            9, days=6, wallets=2, servers=2, taler_servers=1
        )
