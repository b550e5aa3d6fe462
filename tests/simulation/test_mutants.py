"""The simulation can fail: each mutant of a rule is caught, within a stated number of seeds."""

import pytest
from simulation.mutants import MUTANTS, clocks_united
from simulation.running import run_seed
from simulation.steps import Settings
from support.devices import Device, Shelf, in_step

SEEDS_BY_MUTANT = {
    "inserts_win": range(4, 8),
    "stamped_after_the_join": range(4, 8),
    "list_lost": range(28, 32),
    "compared_with_the_replica": range(4),
    "clocks_united": range(8, 12),
    "flat_clock_rule": range(4, 8),
    "rows_left_behind": range(32, 36),
    "erased_as_if_seen": range(12, 16),
    "left_servers_waited_for": range(4),
    "had_back_as_it_was": range(4, 8),
    "writer_kept_across_runs": range(1),
    "uploads_whenever_blobs_differ": range(1),
}


@pytest.mark.parametrize("name", SEEDS_BY_MUTANT)
def test_a_mutant_is_caught_by_one_of_its_seeds(name):
    with MUTANTS[name]():
        assert any(run_seed(seed, Settings()).problem for seed in SEEDS_BY_MUTANT[name])


@pytest.mark.parametrize("name", SEEDS_BY_MUTANT)
def test_the_same_seeds_violate_nothing_without_the_mutant(name):
    assert [run_seed(seed, Settings()).problem for seed in SEEDS_BY_MUTANT[name]] == [None] * len(SEEDS_BY_MUTANT[name])


def tombstones_after_forgetting_a_lost_wallet(folder):
    """Lose a wallet for good, forget it, delete something: what is left of that?"""
    shelf = Shelf()
    phone, desktop, lost = (Device(name, folder / name) for name in ("phone", "desktop", "lost"))
    for device in (phone, desktop, lost):
        device.enroll(shelf)
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop, lost)
    phone.keeper.forget_wallet("LOST")
    in_step(shelf, phone, desktop)
    desktop.sql("DELETE FROM coins")
    in_step(shelf, phone, desktop)
    in_step(shelf, phone, desktop)
    return phone.tombstones() + desktop.tombstones()


def test_clocks_united_with_remembered_ones_bring_a_forgotten_wallet_back(tmp_path):
    with clocks_united():
        assert tombstones_after_forgetting_a_lost_wallet(tmp_path / "mutant") > 0
    assert tombstones_after_forgetting_a_lost_wallet(tmp_path / "rule") == 0


def test_every_mutant_is_caught_by_one_of_these_tests():
    assert SEEDS_BY_MUTANT.keys() == MUTANTS.keys()
