"""``make bench-check``: a few ratios on small wallets, compared with those of bench/baseline.json.

It fails where a ratio got worse by more than half. Only ratios are compared, since times say something of the machine;
cycles by the processor's time that they take; and of several runs the best counts, since what else runs on a machine
makes figures worse and never better. A run that
is good enough is not repeated. ``--write`` makes the baseline anew, which belongs in the commit that changes a ratio
for a good reason.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from bench import cycles, latency

BASELINE = Path(__file__).with_name("baseline.json")
WORSE = 1.5
"""A ratio may be so many times that of the baseline."""

BETTER = 0.7
"""Below so many times that of the baseline, the baseline should be made anew, or it guards nothing."""

RUNS = 4
SMALL, LARGE, ROUNDS, IDLE_SECONDS = 1000, 8000, 6, 1.5

Ratios = Mapping[str, float]


@click.command()
@click.option("--baseline", type=click.Path(path_type=Path), default=BASELINE, help="Compare with this file.")
@click.option("--write", is_flag=True, help="Write what was measured into that file.")
def main(baseline: Path, *, write: bool) -> None:
    """Fail where a ratio got worse by more than half."""
    if write:
        best = best_of(measure, RUNS, lambda ratios: False)
        baseline.write_bytes(msgspec.json.format(msgspec.json.encode(best, order="sorted"), indent=2) + b"\n")
        return
    known = msgspec.json.decode(baseline.read_bytes(), type=dict[str, float])
    measured = best_of(measure, RUNS, lambda ratios: not worse(ratios, known))
    sys.exit(report(measured, known, Console()))


def measure() -> Ratios:
    """Measure all ratios once. In each, less is better."""
    small, large = cycles.measure(SMALL, ROUNDS), cycles.measure(LARGE, ROUNDS)
    return {
        f"cycle of {SMALL:,} entities, 1 % changed / floor": small["work_ratio"],
        f"cycle of {LARGE:,} entities, 1 % changed / floor": large["work_ratio"],
        f"cycle with nothing changed, {LARGE:,} / {SMALL:,} entities": large["idle_work_s"] / small["idle_work_s"],
        f"blob of {LARGE:,} entities, sealed / plaintext bytes": large["sealed_bytes"] / large["plain_bytes"],
        "status over the socket / nng echo, idle": latency.best_idle_ratio(SMALL, IDLE_SECONDS),
    }


def best_of(measure: Callable[[], Ratios], runs: int, good_enough: Callable[[Ratios], bool]) -> Ratios:
    """Measure up to so many times, until it is good enough; return the best of each ratio."""
    best: Ratios = {}
    for _ in range(runs):
        measured = measure()
        best = {name: min(value, best.get(name, value)) for name, value in measured.items()}
        if good_enough(best):
            break
    return best


def worse(measured: Ratios, baseline: Ratios) -> list[str]:
    """Return the names of the ratios that got worse by more than half, or that the baseline does not know."""
    return [name for name, value in measured.items() if name not in baseline or value > WORSE * baseline[name]]


def report(measured: Ratios, baseline: Ratios, console: Console) -> int:
    """Print the comparison; return 1 where a ratio got worse, else 0."""
    failed = worse(measured, baseline)
    table = Table("ratio", "measured", "baseline", "")
    for name, value in measured.items():
        table.add_row(name, f"{value:.2f}", _written(baseline.get(name)), _verdict(value, baseline.get(name)))
    console.print(table)
    if failed:
        console.print(f"worse than {WORSE} times the baseline, or unknown to it: {'; '.join(failed)}")
    return 1 if failed else 0


def _written(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _verdict(value: float, known: float | None) -> str:
    if known is None or value > WORSE * known:
        return "worse"
    return "better: make the baseline anew" if value < BETTER * known else "as good"


if __name__ == "__main__":
    main()
