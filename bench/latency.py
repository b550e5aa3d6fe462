"""How long a status request takes over the real daemon's socket, idle and while it syncs, beside a bare nng echo.

One client asks the daemon and the echo in turn, every few milliseconds. The daemon's own answer says whether a sync
ran at that moment, and so which of the measurements this one belongs to. Three kinds of sync are looked at: the first
one of a wallet (everything is captured, sealed and stored), the first one of a newcomer (everything is opened, joined
and written to its wallet), and one for which both wallets had changed 1 %.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import trio
from rich.table import Table

from bench.daemons import Home, enroll, homes, join, let_both_change
from bench.echo import echo_request, echoing
from bench.section import Figures, Wanted, milliseconds
from bench.statistics import median, percentile
from ipc.nng import RequestSocket

PAUSE = 0.002  # seconds between two requests: a frontend that is in a hurry, but no flood
IDLE_SECONDS = 5.0


class Sample(NamedTuple):
    """The seconds that a status request and an echo right after it took, and whether the daemon was syncing."""

    status: float
    echo: float
    syncing: bool


class Latency(NamedTuple):
    """Seconds that status requests and echoes took, in one situation."""

    situation: str
    requests: int
    status_median_s: float
    status_p99_s: float
    status_max_s: float
    echo_median_s: float
    echo_p99_s: float

    @property
    def ratio(self) -> float:
        """How many times as long as an echo a status request takes, by the medians."""
        return self.status_median_s / self.echo_median_s


def section(wanted: Wanted) -> Figures:
    """Measure at the largest size."""
    results = measure(wanted.sizes[-1], wanted.rounds, IDLE_SECONDS)
    table = Table("status over the socket", "requests", "median", "p99", "longest", "echo", "its p99", "ratio")
    for row in results:
        seconds = (row.status_median_s, row.status_p99_s, row.status_max_s, row.echo_median_s, row.echo_p99_s)
        table.add_row(row.situation, f"{row.requests:,}", *map(milliseconds, seconds), f"{row.ratio:.2f}")
    return Figures([row._asdict() for row in results], table)


def best_idle_ratio(entities: int, seconds: float) -> float:
    """Ask an idle daemon that has no server; return how many times as long as an echo that takes at its best.

    The best are the fastest tenth of each, which hardly depend on what else the machine does.
    """
    with homes(entities) as (home,):
        home.start()
        with echoing(_echo_path(home)):
            samples = trio.run(_sampled, home, partial(trio.sleep, seconds))
    return percentile([each.status for each in samples], 10) / percentile([each.echo for each in samples], 10)


def measure(entities: int, rounds: int, idle_seconds: float) -> list[Latency]:
    """Measure requests to daemons of wallets of this size, idle and during syncs.

    A situation that was over before a request met it, as it happens with a tiny wallet, is left out.
    """
    with homes(entities, 0) as (first, second):
        first.start()
        with echoing(_echo_path(first)), echoing(_echo_path(second)):
            return trio.run(_measure, first, second, rounds, idle_seconds)


async def _measure(first: Home, second: Home, rounds: int, idle_seconds: float) -> list[Latency]:
    whole = await _while_syncing(first, partial(_enroll, first))
    idle = await _sampled(first, partial(trio.sleep, idle_seconds))
    await first.pause()
    await trio.to_thread.run_sync(second.start)
    newcomer = await _while_syncing(second, partial(_join, second, first))
    changed: list[Sample] = []
    for number in range(rounds):
        await let_both_change(first, second, number)
        changed += await _while_syncing(first, first.resume_and_sync)
    samples_by_situation = {
        "idle": [each for each in idle if not each.syncing],
        "a wallet's first sync": whole,
        "a newcomer's first sync": newcomer,
        "1 % changed on both": changed,
    }
    return [summed_up(situation, samples) for situation, samples in samples_by_situation.items() if samples]


def summed_up(situation: str, samples: list[Sample]) -> Latency:
    """Return the figures of some samples."""
    statuses, echoes = [each.status for each in samples], [each.echo for each in samples]
    return Latency(
        situation=situation,
        requests=len(samples),
        status_median_s=median(statuses),
        status_p99_s=percentile(statuses, 99),
        status_max_s=max(statuses),
        echo_median_s=median(echoes),
        echo_p99_s=percentile(echoes, 99),
    )


async def _enroll(home: Home) -> None:
    await trio.to_thread.run_sync(enroll, home)
    await home.sync()


async def _join(newcomer: Home, home: Home) -> None:
    await trio.to_thread.run_sync(join, newcomer, home)
    await newcomer.sync()


async def _while_syncing(home: Home, work: Callable[[], Awaitable[None]]) -> list[Sample]:
    """Ask for the status while this is done, and return the samples that met a sync."""
    return [sample for sample in await _sampled(home, work) if sample.syncing]


async def _sampled(home: Home, work: Callable[[], Awaitable[None]]) -> list[Sample]:
    """Ask for the status, and for an echo, in turn: once, and then for as long as this takes."""
    samples: list[Sample] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(_ask, home, samples)
        await work()
        nursery.cancel_scope.cancel()
    return samples


async def _ask(home: Home, samples: list[Sample], task_status: trio.TaskStatus[None]) -> None:
    async with home.client() as client:
        request = echo_request(len(msgspec.json.encode(await client.status())))
        with RequestSocket(_echo_path(home)) as echo:
            while True:
                began = time.perf_counter()
                status = await client.status()
                answered = time.perf_counter()
                await echo.exchange(request)
                echoed = time.perf_counter()
                syncing = any(server.state == "syncing" for server in status.servers)
                samples.append(Sample(answered - began, echoed - answered, syncing))
                if len(samples) == 1:
                    task_status.started()
                await trio.sleep(PAUSE)


def _echo_path(home: Home) -> Path:
    return home.folder / "echo.ipc"
