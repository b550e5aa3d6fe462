"""The wallet database, or what the daemon knows of it, is restored or replaced: it is healed, and nothing is lost."""

from collections.abc import Mapping

import pytest
from support.processes import Device, Place, make_wallet, settle, wait_until
from support.taler_rows import coins, delete_exchange, exchanges, put_coins, put_exchange
from support.wallet_swaps import copy_wallet, replace_wallet

A, B, C, D = (f"https://{name}.example/" for name in "abcd")


def wait_for(device: Device, expected: Mapping[str, str]) -> None:
    wait_until(lambda: exchanges(device) == expected, f"{device.name} has {expected}")


def test_a_wallet_that_is_replaced_by_an_older_copy_while_running_is_healed_not_read_as_deletes(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    old = copy_wallet(phone, "old.db")
    delete_exchange(desktop, A)
    put_exchange(desktop, B, "KUDOS")
    put_exchange(phone, C, "KUDOS")
    settle(phone, desktop)
    replace_wallet(phone, old)
    wait_for(phone, {B: "KUDOS", C: "KUDOS"})
    settle(phone, desktop)
    assert exchanges(phone) == exchanges(desktop) == {B: "KUDOS", C: "KUDOS"}


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_wallet_restored_from_an_older_copy_while_the_daemon_is_stopped_is_healed_at_its_start(
    place: Place, journal: str
) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    phone.stop()
    assert phone.sql(f"PRAGMA journal_mode = {journal}") == [(journal.lower(),)]
    old = copy_wallet(phone, "old.db")
    phone.start()
    put_exchange(phone, B, "KUDOS")
    put_exchange(desktop, A, "CHANGED")
    settle(phone, desktop)
    phone.stop()
    replace_wallet(phone, old)
    put_exchange(phone, C, "KUDOS")  # after the restore: a change of the wallet's own
    put_exchange(desktop, D, "KUDOS")
    desktop.sync()
    phone.start()
    expected = {A: "CHANGED", B: "KUDOS", C: "KUDOS", D: "KUDOS"}
    wait_for(phone, expected)
    wait_for(desktop, expected)
    assert len(phone.events("wallet.healing")) <= 2


def test_a_wallet_that_is_replaced_by_an_empty_one_is_filled_again_and_deletes_nothing(place: Place) -> None:
    phone, desktop = place.pair()
    put_coins(phone, {f"COIN{number}": number for number in range(50)})
    settle(phone, desktop)
    empty = phone.folder / "empty.db"
    make_wallet(empty)
    replace_wallet(phone, empty)
    wait_until(lambda: len(coins(phone)) == 50, "the new wallet is filled")
    settle(phone, desktop)
    assert coins(phone) == coins(desktop)
    assert len(coins(desktop)) == 50


def test_a_state_database_that_is_deleted_costs_the_enrolment_and_nothing_else(place: Place) -> None:
    phone, desktop = place.pair()
    url = phone.server.url
    for exchange in (A, B):
        put_exchange(phone, exchange, "KUDOS")
    settle(phone, desktop)
    phone.stop()
    put_exchange(phone, C, "KUDOS")
    delete_exchange(phone, A)
    put_exchange(desktop, D, "KUDOS")
    desktop.sync()
    for path in phone.paths.state_folder.glob("state.db*"):
        path.unlink()
    phone.start()
    assert phone.status().servers == []
    assert phone.enroll(url) == url
    for device in (phone, desktop):
        wait_for(device, {B: "KUDOS", C: "KUDOS", D: "KUDOS"})
    settle(phone, desktop)
    assert [wallet.shown_as for wallet in desktop.status().wallets].count("phone") == 1
    assert (phone.tombstones(), desktop.tombstones()) == (0, 0)
