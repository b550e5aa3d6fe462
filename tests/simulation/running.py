"""Runs seeds, makes failing ones short, and tells their stories."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simulation.steps import Schedule, Settings, Step, draw_steps
from simulation.world import START, Violated, World

TMPFS = Path("/dev/shm")


@dataclass
class Ended:
    """How a run ended: what was wrong (``None``: nothing), what happened, in words and in numbers."""

    seed: int
    problem: str | None
    story: list[str]
    counts: Counter[str] = field(default_factory=Counter)
    days: float = 0.0
    steps: int = 0

    @property
    def verdict(self) -> str | None:
        """The kind of problem, in a word or two."""
        return self.problem and self.problem.split(":")[0].split("(")[0].split("'")[0]


@contextmanager
def working_folder() -> Iterator[Path]:
    """Make a folder on tmpfs where there is one, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="walletsync-simulation-", dir=TMPFS if TMPFS.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def run(seed: int, steps: list[Step], settings: Settings) -> Ended:
    """Carry out steps in a new world."""
    with working_folder() as folder:
        world = World(seed, folder)
        problem = None
        try:
            Schedule(world, settings).run(steps)
        except Violated as violated:
            problem = str(violated)
        finally:
            world.close()
        days = abs(world.wall - START) / (24 * 3600)
        return Ended(seed, problem, world.story, world.counts, days, len(steps))


def run_seed(seed: int, settings: Settings) -> Ended:
    """Run the schedule of a seed."""
    return run(seed, draw_steps(seed, settings), settings)


def minimised(steps: list[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """Leave out steps as long as it still fails."""
    size = len(steps) // 2
    while size:
        start, smaller = 0, False
        while start < len(steps):
            shorter = steps[:start] + steps[start + size :]
            if fails(shorter):
                steps, smaller = shorter, True
            else:
                start += size
        if size > 1 or not smaller:
            size //= 2
    return steps


def shortest_story(ended: Ended, settings: Settings) -> Ended:
    """Run a failing seed again and again with fewer steps, as long as it is the same kind of failure."""

    def fails(steps: list[Step]) -> bool:
        return run(ended.seed, steps, settings).verdict == ended.verdict

    return run(ended.seed, minimised(draw_steps(ended.seed, settings), fails), settings)
