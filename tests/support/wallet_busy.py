"""A wallet program that never rests, and one that never trusts it: run as processes of their own.

    python wallet_busy.py write PATH SECONDS    change groups of coins, hundreds of times a second
    python wallet_busy.py check PATH SECONDS    read all the time, and look whether anything is half done

In every group the coins add up to what the group says. Each prints one JSON object at its end.
"""

import itertools
import json
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

OWN_TIMEOUT = 5.0  # what a wallet is willing to wait, in seconds
SCHEMA = """
CREATE TABLE groups (id TEXT PRIMARY KEY, total INTEGER NOT NULL);
CREATE TABLE coins (id TEXT PRIMARY KEY, grp TEXT NOT NULL REFERENCES groups (id), value INTEGER NOT NULL);
CREATE INDEX coins_by_group ON coins (grp);
"""
UNEVEN = """
SELECT count(*) FROM groups
WHERE total <> (SELECT coalesce(sum(value), 0) FROM coins WHERE grp = groups.id)
"""


def open_wallet(path: str) -> sqlite3.Connection:
    """Open the database as the wallet does."""
    wallet = sqlite3.connect(path, timeout=OWN_TIMEOUT, isolation_level=None)
    wallet.execute("PRAGMA foreign_keys = ON")
    wallet.execute("PRAGMA synchronous = OFF")  # the test is of locks, not of the disk
    return wallet


@contextmanager
def transaction(wallet: sqlite3.Connection) -> Iterator[None]:
    """Commit what the body changes, or nothing of it."""
    wallet.execute("BEGIN IMMEDIATE")
    try:
        yield
        wallet.execute("COMMIT")
    except BaseException:
        if wallet.in_transaction:
            wallet.execute("ROLLBACK")
        raise


def change_group(wallet: sqlite3.Connection, chance: random.Random, owner: str) -> None:
    """Make, change, split or delete one of the owner's groups. Part of the caller's transaction."""
    group = f"{owner}{chance.randrange(40)}"
    values = [chance.randrange(-50, 50) for _ in range(chance.randrange(4))]
    wallet.execute("DELETE FROM coins WHERE grp = ?", (group,))
    if not values:
        wallet.execute("DELETE FROM groups WHERE id = ?", (group,))
        return
    wallet.execute(
        "INSERT INTO groups VALUES (?, ?) ON CONFLICT DO UPDATE SET total = excluded.total", (group, sum(values))
    )
    wallet.executemany(
        "INSERT INTO coins VALUES (?, ?, ?)", [(f"{group}/{number}", group, v) for number, v in enumerate(values)]
    )


def write(path: str, seconds: float) -> dict[str, object]:
    """Change groups of our own all the time, at times in one long transaction."""
    chance, longest, done = random.Random(path), 0.0, 0
    errors: list[str] = []
    end = time.monotonic() + seconds
    with closing(open_wallet(path)) as wallet:
        while time.monotonic() < end:
            began = time.monotonic()
            try:
                with transaction(wallet):
                    longest = max(longest, time.monotonic() - began)
                    change_group(wallet, chance, "p")
                    if done % 200 == 199:
                        _linger(wallet, chance)
            except sqlite3.OperationalError as error:
                errors.append(str(error))
            done += 1
            time.sleep(0.001)
    return {"transactions": done, "errors": errors, "longest_wait": longest}


def _linger(wallet: sqlite3.Connection, chance: random.Random) -> None:
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        change_group(wallet, chance, "p")
        time.sleep(0.01)


def check(path: str, seconds: float) -> dict[str, object]:
    """Read all the time, each time one consistent state."""
    uneven, orphans, checks = 0, 0, itertools.count()
    errors: list[str] = []
    end = time.monotonic() + seconds
    with closing(open_wallet(path)) as wallet:
        while time.monotonic() < end:
            try:
                wallet.execute("BEGIN")
                uneven += wallet.execute(UNEVEN).fetchone()[0]
                orphans += len(wallet.execute("PRAGMA foreign_key_check").fetchall())
                wallet.execute("COMMIT")
            except sqlite3.OperationalError as error:
                errors.append(str(error))
            next(checks)
            time.sleep(0.002)
    return {"checks": next(checks), "uneven": uneven, "orphans": orphans, "errors": errors}


if __name__ == "__main__":
    WORK = {"write": write, "check": check}[sys.argv[1]]
    sys.stdout.write(json.dumps(WORK(sys.argv[2], float(sys.argv[3]))))
