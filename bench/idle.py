"""What a daemon costs that has nothing to do: its share of a core, and how often which of its threads wakes up.

The kernel tells both, thread by thread. watchfiles looks for events in a rhythm of its own, in one thread for each
folder watched (that of the wallet, and here that of the server); those are told apart by the rhythm, which no other
thread comes near.
"""

import re
import time
from pathlib import Path
from typing import NamedTuple

import trio
from rich.table import Table

from bench.daemons import enroll, homes
from bench.section import Figures, Wanted

SECONDS = 30.0
SETTLING = 10.0
"""Seconds after the last sync, in which the daemon still looks at the wallet now and then."""

WATCHING = 2.0
"""A thread that wakes up so many times a second watches a folder."""


class Thread(NamedTuple):
    """One thread so far: seconds of the processor's time, and how often it waited for something."""

    work_s: float
    waits: int


class Idle(NamedTuple):
    """One idle daemon: its share of a core, and wake-ups per second of the threads that watch and of all others."""

    entities: int
    share_of_core: float
    watching_threads: int
    watching_wakeups: float
    watching_share: float
    other_wakeups: float


def section(wanted: Wanted) -> Figures:
    """Measure at the smallest and the largest size."""
    results = [measure(size) for size in sorted({wanted.sizes[0], wanted.sizes[-1]})]
    table = Table("entities", "share of a core", "watching", "its wake-ups", "its share", "all other wake-ups")
    for row in results:
        table.add_row(
            f"{row.entities:,}",
            f"{row.share_of_core:.2%}",
            f"{row.watching_threads} threads",
            f"{row.watching_wakeups:.1f} /s",
            f"{row.watching_share:.2%}",
            f"{row.other_wakeups:.2f} /s",
        )
    return Figures([row._asdict() for row in results], table)


def measure(entities: int) -> Idle:
    """Let a daemon sync, come to rest, and idle for a while."""
    with homes(entities) as (home,):
        home.start()
        enroll(home)
        trio.run(home.sync)
        time.sleep(SETTLING)
        before, began = _threads(home.pid), time.monotonic()
        time.sleep(SECONDS)
        after, seconds = _threads(home.pid), time.monotonic() - began
    spent = [
        Thread((after[each].work_s - before[each].work_s) / seconds, after[each].waits - before[each].waits)
        for each in after.keys() & before.keys()
    ]
    watching = [thread for thread in spent if thread.waits / seconds >= WATCHING]
    return Idle(
        entities=entities,
        share_of_core=sum(thread.work_s for thread in spent),
        watching_threads=len(watching),
        watching_wakeups=sum(thread.waits for thread in watching) / seconds,
        watching_share=sum(thread.work_s for thread in watching),
        other_wakeups=sum(thread.waits for thread in spent if thread not in watching) / seconds,
    )


def _threads(pid: int) -> dict[str, Thread]:
    threads = {}
    for folder in Path(f"/proc/{pid}/task").iterdir():
        waits = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (folder / "status").read_text(), re.MULTILINE)
        assert waits is not None
        nanoseconds = int((folder / "schedstat").read_text().split()[0])
        threads[folder.name] = Thread(nanoseconds / 1e9, int(waits[1]))
    return threads
