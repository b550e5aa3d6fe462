"""What short commands cost from the start of their process to its end, beside a Python that does nothing.

Status bars and scripts ask for the status that way, often. Commands run by turns, so that what disturbs one disturbs
the others; the processor's time is that of the kernel, and the best of all rounds.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from bench.daemons import Home, homes
from bench.section import Figures, Wanted, milliseconds
from bench.statistics import Lap, median

RUNS_PER_ROUND = 5


class Cost(NamedTuple):
    """One command: the processor's time at best, and the median of the time by the clock."""

    command: str
    work_s: float
    clock_s: float


def section(wanted: Wanted) -> Figures:
    """Measure with the smallest wallet: a daemon's answer does not depend on its size."""
    with homes(wanted.sizes[0]) as (home,):
        home.start()
        costs = measure(home, wanted.rounds * RUNS_PER_ROUND)
    table = Table("command", "processor's time", "by the clock")
    for cost in costs:
        table.add_row(cost.command, milliseconds(cost.work_s), milliseconds(cost.clock_s))
    return Figures([cost._asdict() for cost in costs], table)


def measure(home: Home, runs: int) -> list[Cost]:
    """Run every command so often against a running daemon."""
    walletsync = [str(Path(sys.executable).with_name("walletsync"))]
    command_by_name = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "walletsync --version": [*walletsync, "--version"],
        "walletsync status --json": [*walletsync, "status", "--json", "--home", str(home.folder)],
        "walletsync status": [*walletsync, "status", "--home", str(home.folder)],
    }
    laps_by_name: dict[str, list[Lap]] = {name: [] for name in command_by_name}
    for _ in range(runs):
        for name, command in command_by_name.items():
            laps_by_name[name].append(_run(command))
    return [
        Cost(name, min(lap.work for lap in laps), median([lap.clock for lap in laps]))
        for name, laps in laps_by_name.items()
    ]


def _run(command: list[str]) -> Lap:
    began, worked = time.perf_counter(), _work_of_children()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - our own command
    return Lap(clock=time.perf_counter() - began, work=_work_of_children() - worked)


def _work_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
