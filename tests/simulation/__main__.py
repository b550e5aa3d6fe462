"""``make simulate SEEDS=10000``: run schedules on all cores, and say what happened. ``SEED=123`` tells one story.

``FIRST=20000`` plays other seeds than those from 0 on.
"""

import multiprocessing
import sys
import time
from collections import Counter
from functools import partial

import click
from simulation.running import Ended, run_seed, shortest_story
from simulation.steps import COMINGS_AND_GOINGS, FAULTS, Settings

STORIES_TOLD = 3
STEPS = {name for name, _ in FAULTS + COMINGS_AND_GOINGS} | {"settle"}


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many schedules.")
@click.option("--first", default=0, show_default=True, help="The seed of the first.")
@click.option("--processes", type=int, help="How many schedules are played at a time; by default one on each core.")
@click.option("--seed", type=int, help="Replay this one, made as short as it still fails.")
def main(seeds: int, first: int, processes: int | None, seed: int | None) -> None:
    """Play random schedules of wallets, servers and faults, and compare with the oracle."""
    settings = Settings()
    if seed is not None:
        sys.exit(_replay(seed, settings))
    began, counts, failed, days, steps = time.monotonic(), Counter[str](), [], 0.0, 0
    with multiprocessing.Pool(processes) as pool:
        work = partial(run_seed, settings=settings)
        for ended in pool.imap_unordered(work, range(first, first + seeds), chunksize=8):
            counts += ended.counts
            days += ended.days
            steps += ended.steps
            if ended.problem is not None:
                failed.append(ended.seed)
                click.echo(f"seed {ended.seed}: {ended.problem}")
    for each in failed[:STORIES_TOLD]:
        _replay(each, settings)
    click.echo(
        f"{seeds:,} seeds, {steps:,} steps, {len(failed)} violations, {days:,.0f} simulated days,"
        f" {time.monotonic() - began:.0f} s"
    )
    for title, names in _grouped(counts).items():
        click.echo(f"{title}: " + ", ".join(f"{name.lstrip('_')} {counts[name]:,}" for name in names))
    sys.exit(1 if failed else 0)


def _grouped(counts: Counter[str]) -> dict[str, list[str]]:
    """Return the names of what was counted, by what they are."""
    names_by_title: dict[str, list[str]] = {"steps": [], "people": [], "servers' faults": [], "outcomes": []}
    for name in sorted(counts):
        if name in STEPS:
            title = "steps"
        elif name.startswith("_"):
            title = "people"
        else:
            title = "servers' faults" if name.startswith(("fetch ", "store ")) else "outcomes"
        names_by_title[title].append(name)
    return names_by_title


def _replay(seed: int, settings: Settings) -> int:
    ended = run_seed(seed, settings)
    if ended.problem is None:
        click.echo(f"seed {seed} violates nothing")
        return 0
    _tell(shortest_story(ended, settings))
    click.echo(f"replay it with: make simulate SEED={seed}")
    return 1


def _tell(ended: Ended) -> None:
    click.echo("\n".join(ended.story))
    click.echo(f"seed {ended.seed}: {ended.problem}")


if __name__ == "__main__":
    main()
