"""What a sync takes of the daemon's memory above what it has when idle, and how long its event loop stands still.

Real daemons, each a process of its own, and each started anew before a sync, so that none has memory left of the sync
before: each sync is the first after a start, which also scans the wallet. The kernel tells the most that a process had
resident (VmHWM), whoever allocated it. The measure is the plaintext of the blob. A heartbeat in the event loop tells
how late each beat comes; beside a busy machine's delays that is how long the loop stood still.
"""

import os
import re
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trio
from rich.table import Table

from bench import heartbeat
from bench.daemons import Home, enroll, homes, join, let_both_change
from bench.devices import LIMITS
from bench.section import Figures, Wanted, milliseconds
from bench.statistics import percentile
from daemon.blob.keys import server_keys
from daemon.blob.seal import Context, open_sealed
from daemon.keys import load_or_create
from daemon.server.base import Description, Fetched
from daemon.server.folder import FolderServer
from daemon.worker import inline

IDLE_SECONDS = 3.0
DISK_FROM = 500_000
"""Wallets of so many entities and more lie on disk: with all that is made of them they would fill the memory."""


class Peak(NamedTuple):
    """One sync: bytes that the daemon had before it and at most during it, and the beats of its event loop."""

    entities: int
    situation: str
    plain_bytes: int
    idle_bytes: int
    peak_bytes: int
    seconds: float
    beat_p99_s: float
    beat_max_s: float

    @property
    def share(self) -> float:
        """What the sync took above idle, as a share of the plaintext."""
        return (self.peak_bytes - self.idle_bytes) / self.plain_bytes


def section(wanted: Wanted) -> Figures:
    """Measure at every size."""
    peaks = [peak for size in wanted.sizes for peak in measure(size)]
    table = Table("entities", "sync", "took", "idle", "peak", "plaintext", "share", "beats late: p99", "at most")
    for peak in peaks:
        table.add_row(
            f"{peak.entities:,}",
            peak.situation,
            f"{peak.seconds:,.1f} s",
            *(f"{size / 1e6:,.1f} MB" for size in (peak.idle_bytes, peak.peak_bytes, peak.plain_bytes)),
            f"{peak.share:.2f}",
            milliseconds(peak.beat_p99_s),
            milliseconds(peak.beat_max_s),
        )
    return Figures([{**peak._asdict(), "share": peak.share} for peak in peaks], table)


def measure(entities: int) -> list[Peak]:
    """Measure both wallets' first syncs, and one with 1 % changed."""
    parent = Path("/var/tmp") if entities >= DISK_FROM else None  # noqa: S108 - a disk, if any
    with homes(entities, 0, parent=parent) as (first, second):
        return trio.run(_measure, entities, first, second)


async def _measure(entities: int, first: Home, second: Home) -> list[Peak]:
    """Go through a wallet's life. Each daemon is paused before it ends, and so begins to work when it is told to."""
    measured = [
        await _watched(first, "a wallet's first sync", partial(_enroll, first)),
        await _watched(second, "a newcomer's first sync", partial(_join, second, first)),
    ]
    await trio.to_thread.run_sync(second.start)
    await trio.to_thread.run_sync(first.start)
    await let_both_change(first, second, 1)
    first.stop()
    measured.append(await _watched(first, "1 % changed on both", first.resume_and_sync))
    plain_bytes = await _plain_bytes(first)
    return [peak._replace(entities=entities, plain_bytes=plain_bytes) for peak in measured]


async def _enroll(home: Home) -> None:
    await trio.to_thread.run_sync(enroll, home)
    await home.sync()
    await home.pause()


async def _join(newcomer: Home, home: Home) -> None:
    await trio.to_thread.run_sync(home.start)
    await trio.to_thread.run_sync(join, newcomer, home)
    await newcomer.sync()
    home.stop()


async def _watched(home: Home, situation: str, work: Callable[[], Awaitable[None]]) -> Peak:
    """Run the home's daemon, with a heartbeat, for as long as this takes, and see what it needs."""
    await trio.to_thread.run_sync(partial(home.start, heartbeat.__name__))
    await trio.sleep(IDLE_SECONDS)
    idle_bytes = _resident_bytes(home.pid, "VmRSS")
    _forget_peak(home.pid)
    began = time.monotonic()
    await work()
    ended = time.monotonic()
    peak_bytes = _resident_bytes(home.pid, "VmHWM")
    home.stop()
    late = [beat.late for beat in heartbeat.read_beats(home.folder) if began <= beat.at <= ended]
    return Peak(
        entities=0,
        situation=situation,
        plain_bytes=0,
        idle_bytes=idle_bytes,
        peak_bytes=peak_bytes,
        seconds=ended - began,
        beat_p99_s=percentile(late, 99),
        beat_max_s=max(late),
    )


def _resident_bytes(pid: int, name: str) -> int:
    match = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None, name
    return int(match[1]) * 1024


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


async def _plain_bytes(home: Home) -> int:
    """Return the size of the plaintext in the blob on the home's server."""
    secrets, _ = load_or_create(home.paths.secrets, os.urandom)
    server = FolderServer(home.folder.parent / "server", inline, os.urandom)
    description = await server.describe()
    assert isinstance(description, Description)
    assert secrets.root is not None
    keys = server_keys(secrets.root.reveal(), description.identity)
    spool = home.folder / "blob"
    assert isinstance(await server.fetch(keys.account, None, spool), Fetched)
    context = Context("state", keys.account.public_key, description.identity)
    with spool.open("rb") as sealed:
        return sum(map(len, open_sealed(sealed, keys.blob_key, context, LIMITS)))
