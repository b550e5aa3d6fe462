"""A wallet wiped by mistake harms no other wallet, and is whole again by one command."""

import sqlite3
import time
from contextlib import closing

import pytest
from support.processes import Device, Place, make_wallet, open_wallet, settle, wait_until
from support.wallet_swaps import copy_wallet, replace_wallet

from config.profile import load_profile
from ipc.cli.demo.ledger import count_by_set, differences
from ipc.cli.demo.plausible.wallet import counts_of, write_wallet
from ipc.cli.demo.plausible.world import World
from ipc.cli.exits import ExitCode

PROFILE = load_profile("taler")
ENTITIES = 400


def differ(one: Device, other: Device) -> list[str]:
    """Say where two wallets do not agree, in all that is synced."""
    with closing(open_wallet(one.wallet)) as here, closing(open_wallet(other.wallet)) as there:
        return list(differences(here, there, PROFILE))


def held_by(device: Device) -> int:
    """Return how many rows this wallet has of what is synced."""
    with closing(open_wallet(device.wallet)) as wallet:
        return sum(count_by_set(wallet, PROFILE).values())


def wipe(device: Device) -> None:
    """Delete all rows of all tables, as a wallet does that begins anew."""
    with closing(sqlite3.connect(device.wallet, timeout=20)) as wallet:
        tables = wallet.execute(
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"
        ).fetchall()
        for (table,) in tables:
            if not table.startswith(("walletsync_", "sqlite_")):
                wallet.execute(f'DELETE FROM "{table}"')
        wallet.commit()


@pytest.fixture
def phone(place: Place) -> Device:
    return place.pair()[0]


@pytest.fixture
def desktop(phone: Device, place: Place) -> Device:
    """The other wallet; the phone's holds something of everything."""
    other = place.devices[1]
    with closing(open_wallet(phone.wallet)) as wallet:
        wallet.isolation_level = ""
        write_wallet(wallet, World("wiped", counts_of(ENTITIES), int(time.time())))
    settle(phone, other)
    assert differ(phone, other) == []
    assert held_by(other) == ENTITIES
    return other


def test_all_rows_deleted(phone: Device, desktop: Device) -> None:
    wipe(phone)
    waiting = phone.cli("sync", "--wait")
    assert waiting.returncode == ExitCode.SYNC_WAITS, waiting
    assert "`walletsync reject H1" in waiting.stdout
    settle(phone, desktop)
    assert held_by(desktop) == ENTITIES
    assert phone.cli("reject", "H1", "--yes").returncode == 0
    wait_until(lambda: differ(phone, desktop) == [], "the phone is whole again")
    assert held_by(desktop) == ENTITIES
    settle(phone, desktop)
    assert (phone.status().held, desktop.status().held) == ([], [])
    assert differ(phone, desktop) == []


def test_the_file_replaced_by_an_empty_one(phone: Device, desktop: Device) -> None:
    empty = phone.folder / "empty.db"
    make_wallet(empty)
    replace_wallet(phone, empty)
    assert phone.cli("sync", "--wait").returncode == 0
    assert differ(phone, desktop) == []
    settle(phone, desktop)
    assert held_by(desktop) == held_by(phone) == ENTITIES


def test_the_file_replaced_by_one_without_a_single_byte(phone: Device, desktop: Device) -> None:
    nothing = phone.folder / "nothing.db"
    nothing.touch()
    replace_wallet(phone, nothing)
    refused = phone.cli("sync", "--wait")
    assert refused.returncode == ExitCode.WALLET_UNFIT
    assert "is missing" in refused.stdout
    settle(desktop)
    assert held_by(desktop) == ENTITIES
    phone.wallet.unlink()
    make_wallet(phone.wallet)  # the wallet program begins anew
    assert phone.cli("sync", "--wait").returncode == 0
    assert differ(phone, desktop) == []
    assert held_by(desktop) == ENTITIES


def test_the_file_restored_from_last_month(phone: Device, desktop: Device) -> None:
    old = copy_wallet(phone, "old.db")
    with closing(open_wallet(desktop.wallet)) as wallet:
        wallet.execute("DELETE FROM tips WHERE rowid IN (SELECT rowid FROM tips LIMIT 1)")
        wallet.execute("UPDATE purchases SET status = 52 WHERE rowid = 1")
    with closing(open_wallet(phone.wallet)) as wallet:
        wallet.execute("UPDATE coins SET max_age = 18 WHERE rowid <= 3")
    settle(phone, desktop)
    replace_wallet(phone, old)
    assert phone.cli("sync", "--wait").returncode == 0
    assert differ(phone, desktop) == []
    settle(phone, desktop)
    assert differ(phone, desktop) == []
    assert held_by(desktop) == held_by(phone) == ENTITIES - 1
    assert desktop.sql("SELECT count(*) FROM coins WHERE max_age = 18") == [(3,)]
