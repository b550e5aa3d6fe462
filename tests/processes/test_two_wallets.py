"""Two daemons on two wallet databases and one folder keep the wallets in step by themselves."""

import sqlite3
import threading

from support.opened_blobs import open_blob
from support.processes import Device, Place, open_wallet, settle, wait_until
from support.taler_rows import (
    coins,
    delete_exchange,
    exchanges,
    insert_ghost,
    insert_purchase,
    insert_withdrawal,
    put_coins,
    put_exchange,
)

SECONDS = 8.0  # in which a change reaches the other wallet by itself: what is noticed, and the folder watch's own pause


def wait_for(device: Device, expected: dict[object, object]) -> None:
    wait_until(lambda: exchanges(device) == expected, f"{device.name} has {expected}", SECONDS)


def test_an_insert_a_change_and_a_delete_reach_the_other_wallet_by_themselves_within_seconds(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, "https://a.example/", "KUDOS")
    wait_for(desktop, {"https://a.example/": "KUDOS"})
    put_exchange(desktop, "https://a.example/", "EUR")
    wait_for(phone, {"https://a.example/": "EUR"})
    delete_exchange(phone, "https://a.example/")
    wait_for(desktop, {})


def test_changes_on_both_wallets_at_once_reach_both(place: Place) -> None:
    phone, desktop = place.pair()
    phone_coins = {f"PHONE{number}": number for number in range(200)}
    desktop_coins = {f"DESKTOP{number}": number for number in range(200)}
    writers = [
        threading.Thread(target=put_coins, args=(phone, phone_coins)),
        threading.Thread(target=put_coins, args=(desktop, desktop_coins)),
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for device in (phone, desktop):
        wait_until(lambda: coins(device) == phone_coins | desktop_coins, f"{device.name} has all coins", SECONDS)  # noqa: B023


def test_a_delete_beats_an_unaware_change_whatever_their_lamport_times(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, "https://a.example/", "KUDOS")
    put_exchange(phone, "https://b.example/", "KUDOS")
    settle(phone, desktop)
    assert desktop.stop() == 0
    delete_exchange(phone, "https://a.example/")
    for number in range(5):  # so that the phone is far ahead of the desktop, whose delete of b then has a small time
        put_exchange(phone, f"https://c{number}.example/", "KUDOS")
        phone.sync()
    put_exchange(phone, "https://b.example/", "CHANGED")
    phone.sync()
    put_exchange(desktop, "https://a.example/", "CHANGED")
    delete_exchange(desktop, "https://b.example/")
    desktop.start()
    settle(desktop, phone)
    assert set(exchanges(phone)) == {f"https://c{number}.example/" for number in range(5)}
    assert exchanges(phone) == exchanges(desktop)


def test_no_tombstone_is_left_in_replicas_or_blob_once_both_have_acknowledged(place: Place) -> None:
    phone, desktop = place.pair()
    url = phone.server.url
    put_coins(phone, {f"COIN{number}": number for number in range(10)})
    settle(phone, desktop)
    desktop.stop()
    phone.sql("DELETE FROM coins WHERE max_age < 5")
    phone.sync()
    assert phone.tombstones() == 5
    assert len(open_blob(phone, url).tombstones) == 5
    desktop.start()
    settle(phone, desktop)
    assert (phone.tombstones(), desktop.tombstones()) == (0, 0)
    assert open_blob(phone, url).tombstones == []
    assert len(coins(desktop)) == 5


def test_purchases_not_claimed_and_withdrawals_not_accepted_never_leave(place: Place) -> None:
    phone, desktop = place.pair()
    url = phone.server.url
    insert_purchase(phone, "UNCLAIMED", 10, None)
    insert_purchase(phone, "CLAIMED", 30, "CONTRACT")
    insert_withdrawal(phone, "UNACCEPTED", 30, None)
    insert_withdrawal(phone, "ACCEPTED", 30, 2)
    settle(phone, desktop)
    assert desktop.sql("SELECT proposal_id FROM purchases") == [("CLAIMED",)]
    assert desktop.sql("SELECT withdrawal_group_id FROM withdrawals") == [("ACCEPTED",)]
    opened = open_blob(phone, url)
    assert opened.keys_of("purchases") == {'["CLAIMED"]'}
    assert opened.keys_of("withdrawals") == {'["ACCEPTED"]'}
    assert "UNCLAIMED" not in opened.text
    assert "UNACCEPTED" not in opened.text


def test_a_ghost_never_leaves_and_goes_in_the_transaction_that_brings_its_purchase(place: Place) -> None:
    phone, desktop = place.pair()
    insert_ghost(phone, "CONTRACT")
    put_exchange(phone, "https://a.example/", "KUDOS")
    settle(phone, desktop)
    assert "CONTRACT" not in open_blob(phone, phone.server.url).text
    assert desktop.sql("SELECT * FROM ghost_deposits") == []

    with Watcher(phone) as watcher:
        insert_purchase(desktop, "PROPOSAL", 54, "CONTRACT")
        wait_until(lambda: (0, 1) in watcher.seen, "the purchase has come", SECONDS)
    assert watcher.seen == {(1, 0), (0, 1)}


class Watcher:
    """Counts ghosts and purchases in one read transaction after another, in a thread of its own."""

    def __init__(self, device: Device) -> None:
        self.seen: set[tuple[int, int]] = set()
        self._device = device
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        wait_until(lambda: self.seen, "the watcher has looked")
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        connection = open_wallet(self._device.wallet)
        while not self._ended.is_set():
            connection.execute("BEGIN")
            ghosts, purchases = (_count(connection, table) for table in ("ghost_deposits", "purchases"))
            connection.execute("COMMIT")
            self.seen.add((ghosts, purchases))
        connection.close()


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
