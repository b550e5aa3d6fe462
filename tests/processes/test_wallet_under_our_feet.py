"""The wallet migrates, is tidied up, locked, or on a bad disk, while its daemon runs: noticed, and nothing is lost."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from support.mounts import Mounts, fill
from support.processes import Device, Place, open_wallet, settle, wait_until
from support.taler_rows import delete_exchange, exchanges, put_exchange

A, B = (f"https://{name}.example/" for name in "ab")
READ_EXCHANGES = """
import json, sqlite3, sys
rows = sqlite3.connect(sys.argv[1], timeout=20).execute("SELECT base_url, currency FROM exchanges")
print(json.dumps(rows.fetchall()))
"""


def add_a_column(device: Device, new: str, old: str) -> None:
    device.sql("ALTER TABLE exchanges ADD COLUMN remark TEXT DEFAULT 'none'")
    put_exchange(device, new, "KUDOS")
    delete_exchange(device, old)


def rebuild_the_table(device: Device, new: str, old: str) -> None:
    """Rebuild a table as SQLite recommends, and change rows in the same transaction, which no trigger notes."""
    with closing(sqlite3.connect(device.wallet, timeout=20, isolation_level=None)) as wallet:
        (sql,) = wallet.execute("SELECT sql FROM sqlite_master WHERE name = 'exchanges'").fetchone()
        wallet.execute("PRAGMA foreign_keys = OFF")
        wallet.execute("BEGIN IMMEDIATE")
        wallet.execute(re.sub(r"\bexchanges\b", "new_exchanges", sql, count=1))
        wallet.execute("INSERT INTO new_exchanges SELECT * FROM exchanges")
        wallet.execute("DROP TABLE exchanges")
        wallet.execute("ALTER TABLE new_exchanges RENAME TO exchanges")
        wallet.execute("INSERT INTO exchanges (base_url, currency) VALUES (?, 'KUDOS')", (new,))
        wallet.execute("DELETE FROM exchanges WHERE base_url = ?", (old,))
        wallet.execute("COMMIT")


def drop_our_triggers(device: Device, new: str, old: str) -> None:
    with closing(open_wallet(device.wallet)) as wallet:
        wallet.execute("BEGIN IMMEDIATE")
        for (name,) in wallet.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE 'walletsync%' AND type = 'trigger'"
        ):
            wallet.execute(f'DROP TRIGGER "{name}"')
        wallet.execute("INSERT INTO exchanges (base_url, currency) VALUES (?, 'KUDOS')", (new,))
        wallet.execute("DELETE FROM exchanges WHERE base_url = ?", (old,))
        wallet.execute("COMMIT")


def vacuum_and_checkpoint(device: Device, new: str, old: str) -> None:
    put_exchange(device, new, "KUDOS")
    for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "REINDEX", "ANALYZE"):
        device.sql(statement)
    delete_exchange(device, old)


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_what_the_wallet_does_to_its_file_under_a_running_daemon_loses_nothing(place: Place, journal_mode: str) -> None:
    phone, desktop = place.device("phone"), place.device("desktop")
    phone.sql(f"PRAGMA journal_mode = {journal_mode}")
    phone.start()
    phone.enroll(place.folder())
    desktop.start()
    desktop.join(phone.invite())
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    old = A
    for number, do in enumerate((add_a_column, rebuild_the_table, drop_our_triggers, vacuum_and_checkpoint)):
        new, elsewhere = f"https://new-{number}.example/", f"https://elsewhere-{number}.example/"
        do(phone, new, old)
        put_exchange(desktop, elsewhere, "KUDOS")
        settle(phone, desktop)
        assert exchanges(phone) == exchanges(desktop)
        assert exchanges(phone).keys() >= {new, elsewhere}
        assert old not in exchanges(phone)
        put_exchange(phone, elsewhere, "CHANGED")  # which the triggers note again
        settle(phone, desktop)
        assert exchanges(desktop)[elsewhere] == "CHANGED"
        old = new
    assert phone.sql("PRAGMA journal_mode") == [(journal_mode.lower(),)]
    assert phone.events("capture.log_disagreed") == phone.events("wallet.unfit") == []


def test_a_wallet_locked_for_longer_than_we_wait_is_told_and_gets_what_it_missed(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(desktop, A, "KUDOS")
    desktop.sync()
    with closing(open_wallet(phone.wallet)) as program:
        program.execute("BEGIN IMMEDIATE")
        program.execute("INSERT INTO exchanges (base_url, currency) VALUES (?, 'KUDOS')", (B,))
        wait_until(lambda: phone.status().wallet.state == "locked", "the lock lasts too long", seconds=60)
        assert "stayed locked" in str(phone.status().wallet.reason)
        program.execute("COMMIT")
    settle(phone, desktop)
    assert phone.status().wallet.state == "ok"
    assert exchanges(phone) == exchanges(desktop) == dict.fromkeys((A, B), "KUDOS")


def test_a_wallet_on_a_full_and_on_a_read_only_disk_is_told_and_gets_what_it_missed(
    place: Place, mounts: Mounts
) -> None:
    card = place.path / "card"
    card.mkdir()
    seen_from_here = mounts.tmpfs(card, "size=3m")
    phone = place.device("phone", wallet={"path": str(card / "wallet.db")})
    shutil.copy(phone.wallet, seen_from_here)
    phone.prefix = mounts.prefix
    desktop = place.device("desktop")
    phone.start()
    phone.enroll(place.folder())
    desktop.start()
    desktop.join(phone.invite())
    settle(phone, desktop)

    def on_the_card() -> dict[str, str]:
        """Return the exchanges as a program of the phone's sees them: SQLite follows no link into another namespace."""
        command = [*mounts.prefix, sys.executable, "-c", READ_EXCHANGES, str(card / "wallet.db")]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))

    filler = fill(seen_from_here)
    put_exchange(desktop, A, "KUDOS" + "x" * 50_000)
    settle(desktop)
    phone.sync()
    wait_until(lambda: phone.status().wallet.state == "readonly", "the disk is full")
    assert "the disk is full" in str(phone.status().wallet.reason)
    filler.unlink()
    settle(phone, desktop)
    assert phone.status().wallet.state == "ok"
    assert on_the_card() == exchanges(desktop)

    phone.stop()
    mounts.run("mount", "-o", "remount,ro", str(card))
    put_exchange(desktop, B, "KUDOS")
    settle(desktop)
    phone.start()
    phone.sync()
    wait_until(lambda: phone.status().wallet.state == "readonly", "the disk cannot be written")
    mounts.run("mount", "-o", "remount,rw", str(card))
    settle(phone, desktop)
    assert on_the_card() == exchanges(desktop)
    assert set(exchanges(desktop)) == {A, B}
