"""``make bench``: whole cycles against the floor, over several sizes, as a table and as JSON."""

import json
import math
import os
import platform
import sqlite3
import sys
from itertools import pairwise

import click
from rich.console import Console
from rich.table import Table

from bench.cycles import measure


@click.command()
@click.option("--size", "sizes", multiple=True, type=int, default=(1000, 10_000, 100_000), help="Entities; repeatable.")
@click.option("--rounds", default=6, help="Rounds per size.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(sizes: tuple[int, ...], rounds: int, *, as_json: bool) -> None:
    """Measure syncs with 1 % changed and with nothing changed against the floor."""
    results = [measure(size, rounds) for size in sorted(sizes)]
    machine, exponents = _machine(), _exponents(results)
    if as_json:
        json.dump({"machine": machine, "cycles": results, "exponents": exponents}, sys.stdout, indent=2)
    else:
        _print(machine, results, exponents)


def _print(machine: dict[str, str], results: list[dict[str, float]], exponents: list[float]) -> None:
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()))
    table = Table("entities", "1 % changed", "spread", "floor", "ratio", "nothing changed", "sealed, per entity")
    for row in results:
        table.add_row(
            f"{row['entities']:,.0f}",
            f"{row['cycle_s'] * 1000:,.1f} ms",
            f"{row['cycle_spread_s'] * 1000:,.1f} ms",
            f"{row['floor_s'] * 1000:,.1f} ms",
            f"{row['ratio']:.2f}",
            f"{row['idle_cycle_s'] * 1000:,.2f} ms",
            f"{row['sealed_bytes'] / 1e6:,.2f} MB, {row['sealed_bytes_per_entity']:.0f} B",
        )
    console.print(table)
    if exponents:
        console.print("time grows with size to the power of", ", ".join(f"{each:.2f}" for each in exponents))


def _exponents(results: list[dict[str, float]]) -> list[float]:
    """Return, from size to size, the power of the size that the time of a cycle grows with."""
    return [
        math.log(larger["cycle_s"] / smaller["cycle_s"]) / math.log(larger["entities"] / smaller["entities"])
        for smaller, larger in pairwise(results)
    ]


def _machine() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
    }


if __name__ == "__main__":
    main()
