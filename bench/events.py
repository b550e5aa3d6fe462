"""How long it takes from a commit in the wallet to the event that tells of it on the daemon's socket.

The configured delay before a change is synced is none here, so the event is the one that says that the sync begins.
Commits come one by one, at moments that have nothing to do with the rhythm in which the daemon watches.
"""

import random
import sqlite3
import time
from contextlib import closing
from typing import NamedTuple

import trio
from rich.table import Table

from bench.daemons import Home, enroll, homes
from bench.devices import change_coins
from bench.section import Figures, Wanted, milliseconds
from bench.statistics import median, percentile
from ipc import EventStream, Gap

COMMITS_PER_ROUND = 10
LONGEST = 120.0  # seconds, after which the event will not come any more


class EventLatency(NamedTuple):
    """Seconds from a commit to its event, and on to the end of the sync."""

    entities: int
    commits: int
    event_median_s: float
    event_p99_s: float
    synced_median_s: float


def section(wanted: Wanted) -> Figures:
    """Measure at every size."""
    results = [measure(size, wanted.rounds) for size in wanted.sizes]
    table = Table("entities", "commits", "commit to event", "p99", "commit to the sync's end")
    for row in results:
        seconds = (row.event_median_s, row.event_p99_s, row.synced_median_s)
        table.add_row(f"{row.entities:,}", f"{row.commits}", *map(milliseconds, seconds))
    return Figures([row._asdict() for row in results], table)


def measure(entities: int, rounds: int) -> EventLatency:
    """Commit a change of one row so many times ten, each after the sync before has ended."""
    with homes(entities) as (home,):
        home.start()
        samples = trio.run(_measure, home, rounds * COMMITS_PER_ROUND)
    told, synced = zip(*samples, strict=True)
    return EventLatency(entities, len(samples), median(told), percentile(told, 99), median(synced))


async def _measure(home: Home, commits: int) -> list[tuple[float, float]]:
    await trio.to_thread.run_sync(enroll, home)
    await home.sync()
    chance, samples = random.Random(1), []  # noqa: S311 - the same in every run
    async with home.client() as client, client.events() as stream:
        with closing(sqlite3.connect(home.wallet)) as wallet:
            for number in range(commits):
                await trio.sleep(chance.uniform(0.5, 1.0))
                await _skip(stream)
                change_coins(wallet, 1, number + 1)  # row 0 does not exist
                began = time.perf_counter()
                with trio.fail_after(LONGEST):
                    told = await _until(stream, "sync.started")
                    synced = await _until(stream, "sync.ended")
                samples.append((told - began, synced - began))
    return samples


async def _until(stream: EventStream, name: str) -> float:
    """Wait for an event of this name, and return when it came."""
    while True:
        event = await anext(stream)
        assert not isinstance(event, Gap), "events were lost"
        if event.event == name:
            return time.perf_counter()


async def _skip(stream: EventStream) -> None:
    """Take the events that lie ready: those of a sync that followed another."""
    with trio.move_on_after(0):
        while True:
            await anext(stream)
