"""Bytes: of a blob beside the entropy of the random keys in it, of what a change moves, and of a year of changes.

The entropy floor is the least that random key material can be made to take: five bits for each digit of every distinct
base32 string of 26 digits or more. All else (amounts, times, contracts, which coin belongs to what) is not counted, so
no format reaches the floor.

Blobs are stored whole, so a change moves a whole blob up, and to every other wallet down, however small it is.

The year: two wallets, restarted every day, sync once a day each. Every day each changes some coins, and adds some
entries to histories and deletes as many old ones, which makes tombstones. At the end as many entities are live as at
the beginning; what a blob holds more than then is what the year left.
"""

import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import NamedTuple

import trio
from rich.table import Table

from bench.cycles import blob_of, two_wallets
from bench.devices import DAY, NOW, Device, change_coins
from bench.section import Figures, Wanted

DAYS = 365
DAILY = 3
"""So many coins change, and so many entries of histories come and go, on each wallet and day."""

_KEY = re.compile(rb"[0-9A-HJKMNP-TV-Z]{26,}")
_BITS_OF_A_DIGIT = 5


class Sizes(NamedTuple):
    """One wallet's blob, what a change of one entity and of 1 % moves, and the same after a year."""

    entities: int
    plain_bytes: int
    sealed_bytes: int
    entropy_bytes: int
    moved_by_one_bytes: int
    moved_by_percent_bytes: int
    year_plain_bytes: int
    year_sealed_bytes: int
    year_operations: int
    year_tombstones: int
    year_writers: int


def section(wanted: Wanted) -> Figures:
    """Measure at every size; a year takes long, and passes at the smallest size alone."""
    results = [measure(size, DAYS if size == wanted.sizes[0] else 0) for size in wanted.sizes]
    table = Table("bytes", *(f"{row.entities:,} entities" for row in results))
    for name, written in _ROWS.items():
        table.add_row(name, *map(written, results))
    for name, written in _YEAR_ROWS.items():
        table.add_row(name, *(written(row) if row.year_operations else "" for row in results))
    return Figures([row._asdict() for row in results], table)


_ROWS: Mapping[str, Callable[[Sizes], str]] = {
    "plaintext, per entity": lambda row: f"{row.plain_bytes / row.entities:.0f} B",
    "sealed, per entity": lambda row: f"{row.sealed_bytes / row.entities:.0f} B",
    "entropy floor of its keys, per entity": lambda row: f"{row.entropy_bytes / row.entities:.0f} B",
    "sealed / floor": lambda row: f"{row.sealed_bytes / row.entropy_bytes:.2f}",
    "stored when one entity changed": lambda row: f"{row.moved_by_one_bytes / 1e6:.2f} MB",
    "stored when 1 % changed": lambda row: f"{row.moved_by_percent_bytes / 1e6:.2f} MB",
}
_YEAR_ROWS: Mapping[str, Callable[[Sizes], str]] = {
    "after a year: operations": lambda row: f"{row.year_operations:,}",
    "after a year: plaintext": lambda row: f"{row.year_plain_bytes / row.plain_bytes - 1:+.1%}",
    "after a year: sealed": lambda row: f"{row.year_sealed_bytes / row.sealed_bytes - 1:+.1%}",
    "after a year: tombstones left": lambda row: f"{row.year_tombstones}",
    "after a year: writers known": lambda row: f"{row.year_writers}",
}


def measure(entities: int, days: int) -> Sizes:
    """Measure a wallet of this size, and let so many days pass."""
    with two_wallets(entities) as (first, second):
        plain, sealed = blob_of(first)
        keys = set(_KEY.findall(plain))
        first.change(1, seed=1)
        by_one = trio.run(first.cycle)
        trio.run(second.cycle)
        first.change(max(1, entities // 100), seed=2)
        by_percent = trio.run(first.cycle)
        trio.run(second.cycle)
        for day in range(1, days + 1):
            _live_a_day(first, second, day)
        year_plain, year_sealed = blob_of(first)
        counts = first.keeper.store.replica.counts().values()
        return Sizes(
            entities=entities,
            plain_bytes=len(plain),
            sealed_bytes=len(sealed),
            entropy_bytes=sum(len(key) * _BITS_OF_A_DIGIT // 8 for key in keys),
            moved_by_one_bytes=by_one,
            moved_by_percent_bytes=by_percent,
            year_plain_bytes=len(year_plain),
            year_sealed_bytes=len(year_sealed),
            year_operations=2 * 3 * DAILY * days,
            year_tombstones=sum(count.tombstones for count in counts),
            year_writers=len(first.keeper.store.replica.seen()),
        )


def _live_a_day(first: Device, second: Device, day: int) -> None:
    for number, device in enumerate((first, second)):
        device.restart(day)
        with closing(sqlite3.connect(device.wallet)) as connection:
            change_coins(connection, DAILY, 2 * day + number)
            _turn_history_over(connection, 2 * day + number, skip=number * DAILY)
        trio.run(device.cycle)
    for device in (first, second):  # so that each acknowledges what the other did
        trio.run(_acknowledge, device)


def _turn_history_over(connection: sqlite3.Connection, number: int, skip: int) -> None:
    """Add entries to the history of coins, and delete as many of the oldest, but for those that another deletes."""
    pubs = connection.execute(
        "SELECT coin_pub FROM coin_history ORDER BY timestamp, coin_pub, kind, entry_id LIMIT ? OFFSET ?", (DAILY, skip)
    ).fetchall()
    connection.execute(
        "DELETE FROM coin_history WHERE rowid IN"
        " (SELECT rowid FROM coin_history ORDER BY timestamp, coin_pub, kind, entry_id LIMIT ? OFFSET ?)",
        (DAILY, skip),
    )
    connection.executemany(
        "INSERT INTO coin_history VALUES (?, 'refreshed', ?, 'KUDOS:0.1', ?, NULL)",
        [(pub, f"{number:08}{place:08}", NOW + number * DAY // 2 + place) for place, (pub,) in enumerate(pubs)],
    )
    connection.commit()


async def _acknowledge(device: Device) -> None:
    await device.cycle(acknowledge=True)
