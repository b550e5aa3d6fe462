"""Daemons are killed again and again while both wallets are written to: nothing is lost, and nothing comes back."""

import random
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from support.opened_blobs import open_blob
from support.processes import Device, Place, open_wallet, settle
from support.taler_rows import coins, insert_denomination, put_coin

KILLS_PER_WALLET = 25
LIFE = (0.3, 0.9)  # seconds from the start of a process to its end; it answers, and begins to sync, after some 0.4
RESTLESS = {"interval": "1 s", "active_interval": "1 s", "change_delay_max": "0 s"}
SHARED = [f"SHARED{number}" for number in range(5)]
NO_BRAKE = {"count": 10**9, "share": 1}  # who deletes here means it


def test_killed_fifty_times_during_traffic_both_wallets_agree_and_nothing_is_lost(place: Place) -> None:
    phone, desktop = both = place.pair(sync=RESTLESS, guard=NO_BRAKE)
    url = phone.server.url
    programs = [WalletProgram(device) for device in both]
    with ThreadPoolExecutor() as pool:
        ended = threading.Event()
        running = [pool.submit(program.run, ended) for program in programs]
        for killing in [pool.submit(kill_again_and_again, device) for device in both]:
            killing.result()
        ended.set()
        for each in running:
            each.result()
    for device in both:
        device.start()
    settle(phone, desktop)

    expected = {coin: version for program in programs for coin, version in program.coins.items()}
    assert sum(program.deleted for program in programs) > 20
    assert len(expected) > 100
    assert coins(phone) == coins(desktop)
    assert {coin: version for coin, version in coins(phone).items() if coin not in SHARED} == expected
    for device in both:
        assert device.sql("PRAGMA integrity_check") == [("ok",)]
        assert device.sql("PRAGMA foreign_key_check") == []
        assert (device.tombstones(), device.unapplied()) == (0, 0)
        assert [line for line in device.log_lines() if '"level": "info"' not in line] == []
    assert open_blob(phone, url).tombstones == []


class WalletProgram:
    """Inserts, changes and deletes coins of its own, and changes those that both wallets have."""

    def __init__(self, device: Device) -> None:
        self.coins: dict[str, int] = {}
        self.deleted = 0
        self._device = device
        self._chance = random.Random(device.name)

    def run(self, ended: threading.Event) -> None:
        """Write one small transaction after another."""
        with closing(open_wallet(self._device.wallet)) as connection:
            insert_denomination(connection)
            while not ended.wait(0.01):
                connection.execute("BEGIN IMMEDIATE")
                for _ in range(self._chance.randint(1, 4)):
                    self._write(connection)
                connection.execute("COMMIT")

    def _write(self, connection: sqlite3.Connection) -> None:
        what = self._chance.random()
        if what < 0.4 or len(self.coins) < 10:
            self._put(connection, f"{self._device.name}{len(self.coins) + self.deleted}")
        elif what < 0.7:
            self._put(connection, self._chance.choice(list(self.coins)))
        elif what < 0.8:
            put_coin(connection, self._chance.choice(SHARED), self._chance.randrange(10**6))
        else:
            coin = self._chance.choice(list(self.coins))
            connection.execute("DELETE FROM coins WHERE coin_pub = ?", (coin,))
            del self.coins[coin]
            self.deleted += 1

    def _put(self, connection: sqlite3.Connection, coin: str) -> None:
        self.coins[coin] = self.coins.get(coin, 0) + 1
        put_coin(connection, coin, self.coins[coin])


def kill_again_and_again(device: Device) -> None:
    """Kill the daemon at any moment, a little before it answers included."""
    chance = random.Random(f"{device.name} is killed")
    for _ in range(KILLS_PER_WALLET):
        time.sleep(chance.uniform(*LIFE))  # not a wait for anything: any moment will do
        device.kill()
        device.spawn()
    device.kill()
