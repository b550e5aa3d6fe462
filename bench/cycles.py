"""Whole cycles against the floor, in one process and interleaved, so that what disturbs one disturbs the other.

A cycle is what the daemon does in a sync, without its event loop: fetch, open, capture, join, apply, seal, store.
"""

import gc
import io
import itertools
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import trio
from rich.table import Table

from bench.daemons import MEMORY
from bench.devices import LIMITS, URL, Device, make_wallet
from bench.floor import floor
from bench.section import Figures, Wanted, milliseconds
from bench.statistics import Lap, lap, median, median_and_spread, since
from daemon.blob.schema import decode
from daemon.blob.seal import Context, open_sealed
from daemon.server.folder import FolderServer
from daemon.worker import inline


def section(wanted: Wanted) -> Figures:
    """Measure cycles at every size, and how their time grows from size to size."""
    results = [measure(size, wanted.rounds) for size in wanted.sizes]
    table = Table(
        "entities", "1 % changed", "spread", "floor", "ratio", "by work", "nothing changed", "plaintext", "growth"
    )
    for row, growth in zip(results, [None, *_exponents(results)], strict=True):
        table.add_row(
            f"{row['entities']:,.0f}",
            milliseconds(row["cycle_s"]),
            milliseconds(row["cycle_spread_s"]),
            milliseconds(row["floor_s"]),
            f"{row['ratio']:.2f}",
            f"{row['work_ratio']:.2f}",
            milliseconds(row["idle_cycle_s"]),
            f"{row['plain_bytes'] / 1e6:,.2f} MB",
            "" if growth is None else f"size ^ {growth:.2f}",
        )
    return Figures(results, table)


def _exponents(results: list[dict[str, float]]) -> list[float]:
    """Return, from size to size, the power of the size that the time of a cycle grows with."""
    return [
        math.log(larger["cycle_s"] / smaller["cycle_s"]) / math.log(larger["entities"] / smaller["entities"])
        for smaller, larger in pairwise(results)
    ]


@contextmanager
def two_wallets(entities: int) -> Iterator[tuple[Device, Device]]:
    """Make a wallet of this size and an empty one, in step through a folder."""
    parent = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=parent, prefix="walletsync-bench-") as name:
        root, ids = Path(name), itertools.count(1)
        devices = []
        for number, size in enumerate((entities, 0)):
            folder = root / f"device{number}"
            folder.mkdir()
            make_wallet(folder / "wallet.db", size)
            shared = root / "server"
            shared.mkdir(exist_ok=True)
            server = FolderServer(shared, inline, lambda length: next(ids).to_bytes(length))
            devices.append(Device(f"device{number}", folder, server))
        try:
            trio.run(_bring_in_step, devices)
            yield devices[0], devices[1]
        finally:
            for device in devices:
                device.close()


def measure(entities: int, rounds: int) -> dict[str, float]:
    """Measure one size: an idle cycle, one with 1 % changed, and the floor, in seconds; and bytes.

    Those of ``work`` are of the processor's time and the best of all rounds, and so nearly the same on a busy machine.
    """
    with two_wallets(entities) as (first, second):
        return measure_between(first, second, entities, rounds)


def measure_between(first: Device, second: Device, entities: int, rounds: int) -> dict[str, float]:
    """Measure between two wallets that are in step and hold so many entities."""
    plain, sealed = blob_of(first)
    changed = max(1, entities // 100)
    cycles: list[Lap] = []
    floors: list[Lap] = []
    idles: list[Lap] = []
    sent: list[int] = []
    for number in range(rounds):
        active, other = (first, second) if number % 2 == 0 else (second, first)
        other.change(changed // 2 or 1, seed=2 * number)
        trio.run(other.cycle)
        active.change(changed // 2 or 1, seed=2 * number + 1)
        gc.collect()
        floors.append(floor(plain))
        began = lap()
        sent.append(trio.run(active.cycle))
        cycles.append(since(began))
        trio.run(_quieten, [other, active])
        began = lap()
        trio.run(active.cycle)
        idles.append(since(began))
    cycle, spread = median_and_spread([each.clock for each in cycles])
    bare, idle = (median([each.clock for each in laps]) for laps in (floors, idles))
    return {
        "entities": entities,
        "cycle_s": cycle,
        "cycle_spread_s": spread,
        "floor_s": bare,
        "ratio": cycle / bare,
        "cycle_work_s": min(each.work for each in cycles),
        "work_ratio": min(each.work for each in cycles) / min(each.work for each in floors),
        "idle_cycle_s": idle,
        "idle_work_s": min(each.work for each in idles),
        "plain_bytes": len(plain),
        "sealed_bytes": len(sealed),
        "sealed_bytes_per_entity": len(sealed) / entities,
        "sent_bytes": median(sent),
    }


async def _bring_in_step(devices: list[Device]) -> None:
    for device in devices:
        await device.enroll()
    await _quieten(devices)


async def _quieten(devices: list[Device]) -> None:
    for _ in range(2):
        for device in devices:
            await device.cycle(acknowledge=True)


def blob_of(device: Device) -> tuple[bytes, bytes]:
    """Return the plaintext and the sealed bytes of what the device would store."""
    sink = io.BytesIO()
    device.keeper.seal_blob(URL, device.keys, sink)
    sealed = sink.getvalue()
    context = Context("state", device.keys.account.public_key, device.keeper.record(URL).identity)
    plain = b"".join(open_sealed(io.BytesIO(sealed), device.keys.blob_key, context, LIMITS))
    head, entries = decode([plain], LIMITS)
    assert head.seen
    assert sum(1 for _ in entries) > 0
    return plain, sealed
