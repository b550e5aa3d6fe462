"""A world that never forgets a delete shows the same entities at every step of the same schedule."""

from unittest import mock

from simulation.running import working_folder
from simulation.steps import Schedule, Settings, draw_steps
from simulation.world import World

from daemon.keeper import export, merge

LASTING = Settings(lasting_share=1.0, steps=250)
SEEDS = 16


def shown_after_each_step(seed):
    """Carry out a schedule in which no wallet is forgotten; return what all tables showed after each step."""
    with working_folder() as folder:
        world = World(seed, folder)
        schedule = Schedule(world, LASTING)
        try:
            shown = []
            for step in draw_steps(seed, LASTING):
                schedule.carry_out(step)
                shown.append({device.name: device.rows() for device in world.devices})
            collected = sum(len(device.keeper.store.replica.entries_with_deletes()) for device in world.devices)
            return shown, collected
        finally:
            world.close()


def test_forgetting_deletes_is_never_seen_by_a_person():
    kept_more = 0
    for seed in range(SEEDS):
        with_collection, left = shown_after_each_step(seed)
        never = lambda *_arguments: False  # noqa: E731
        with mock.patch.object(merge, "all_acknowledged", never), mock.patch.object(export, "all_acknowledged", never):
            without, kept = shown_after_each_step(seed)
        assert with_collection == without, f"seed {seed}"
        kept_more += kept - left
    assert kept_more > 0
