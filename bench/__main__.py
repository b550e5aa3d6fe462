"""``make bench``: measures every part, or those that ``--only`` names; prints tables; JSON and a plot on request."""

import json
import os
import platform
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console

from bench import commands, cycles, events, idle, latency, memory, peers, plot, sizes
from bench.section import Section, Wanted

SECTION_BY_NAME: Mapping[str, Section] = {
    "cycles": cycles.section,
    "latency": latency.section,
    "commands": commands.section,
    "events": events.section,
    "memory": memory.section,
    "peers": peers.section,
    "idle": idle.section,
    "bytes": sizes.section,
}


WIDTH = 120  # columns at least, where nobody looks: a table that is redirected stays whole


@click.command()
@click.option("--size", "sizes", multiple=True, type=int, default=(1000, 10_000, 100_000), help="Entities; repeatable.")
@click.option("--rounds", default=6, show_default=True, help="Repetitions of each measurement.")
@click.option("--only", multiple=True, type=click.Choice(list(SECTION_BY_NAME)), help="Measure this; repeatable.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file, too.")
@click.option("--plot", "plot_file", type=click.Path(path_type=Path), help="Draw the cycles into this SVG file.")
def main(
    sizes: tuple[int, ...], rounds: int, only: tuple[str, ...], json_file: Path | None, plot_file: Path | None
) -> None:
    """Measure what walletsync costs, beside the floor and its peers."""
    console, machine = Console(), describe_machine()
    console.width = max(console.width, WIDTH)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()))
    data_by_name: dict[str, object] = {"machine": machine}
    for name in only or SECTION_BY_NAME:
        figures = SECTION_BY_NAME[name](Wanted(sorted(sizes), rounds))
        data_by_name[name] = figures.data
        console.print(figures.table)
        if name == "cycles" and plot_file is not None:
            plot_file.write_text(plot.draw(figures.data))
    console.print(f"load average at the end: {_load()}")
    if json_file is not None:
        json_file.write_text(json.dumps(data_by_name, indent=2) + "\n")


def describe_machine() -> dict[str, str]:
    """Return what the figures depend on, besides the code."""
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "load average": _load(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _load() -> str:
    return " ".join(f"{each:.2f}" for each in os.getloadavg())


if __name__ == "__main__":
    main()
