"""The wallet database is absent, unfit, locked or odd: the daemon waits, leaves it alone, and goes on by itself."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from support.processes import Device, Place, make_wallet, open_wallet, settle, wait_until
from support.taler_rows import delete_exchange, exchanges, put_exchange
from support.wallet_swaps import copy_wallet, replace_wallet

from ipc.cli.exits import ExitCode

A, B = "https://a.example/", "https://b.example/"


def wait_for_state(device: Device, state: str) -> None:
    wait_until(lambda: device.status().wallet.state == state, f"{device.name}'s wallet is {state}")


def wait_for(device: Device, expected: Mapping[str, str]) -> None:
    wait_until(lambda: exchanges(device) == expected, f"{device.name} has {expected}")


def test_a_wallet_that_is_created_after_the_start_is_filled_from_the_circle(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    phone.stop()
    for path in phone.folder.glob("wallet.db*"):
        path.unlink()
    phone.start()
    wait_for_state(phone, "absent")
    assert "no wallet database" in str(phone.status().wallet.reason)
    waited = phone.cli("sync", "--wait")
    assert waited.returncode == ExitCode.WALLET_UNFIT
    assert "there is no wallet database" in " ".join(waited.stdout.split())
    put_exchange(desktop, B, "KUDOS")
    settle(desktop, phone)
    make_wallet(phone.wallet)
    wait_for(phone, {A: "KUDOS", B: "KUDOS"})
    settle(phone, desktop)
    assert exchanges(desktop) == {A: "KUDOS", B: "KUDOS"}
    assert [len(phone.events(name)) for name in ("wallet.absent", "wallet.ok")] == [1, 1]


@pytest.mark.parametrize(
    ("breaking", "mending", "reason"),
    [
        ("ALTER TABLE refunds RENAME TO other", "ALTER TABLE other RENAME TO refunds", "the table refunds is missing"),
        (
            "ALTER TABLE exchanges RENAME COLUMN currency TO other",
            "ALTER TABLE exchanges RENAME COLUMN other TO currency",
            "the table exchanges lacks currency",
        ),
    ],
    ids=["table", "column"],
)
def test_a_wallet_that_lacks_something_is_left_alone_and_said_so_once_until_it_is_mended(
    place: Place, breaking: str, mending: str, reason: str
) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    phone.sql(breaking)
    wait_for_state(phone, "unfit")
    assert reason in str(phone.status().wallet.reason)
    put_exchange(desktop, B, "KUDOS")
    settle(desktop, phone, desktop)
    assert [reason in str(event["message"]) for event in phone.events("wallet.unfit")] == [True]
    phone.sql(mending)
    for device in (phone, desktop):
        wait_for(device, {A: "KUDOS", B: "KUDOS"})


def test_a_file_that_is_no_database_is_left_as_it_is(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    phone.stop()
    good = copy_wallet(phone, "good.db")
    rubbish = phone.folder / "rubbish"
    rubbish.write_bytes(b"no database" * 1000)
    replace_wallet(phone, rubbish)
    phone.start()
    phone.sync()
    assert phone.status().wallet.state == "unfit"
    assert "file is not a database" in str(phone.status().wallet.reason)
    assert phone.wallet.read_bytes() == b"no database" * 1000
    put_exchange(desktop, B, "KUDOS")
    settle(desktop, phone)
    replace_wallet(phone, good)
    wait_for(phone, {A: "KUDOS", B: "KUDOS"})


def test_an_exclusive_lock_of_the_wallet_is_waited_for(place: Place) -> None:
    phone, desktop = place.pair()
    phone.stop()
    phone.sql("PRAGMA journal_mode = DELETE")  # in which readers have to wait, too
    phone.start()
    with closing(open_wallet(phone.wallet)) as program:
        program.execute("BEGIN EXCLUSIVE")
        program.execute("INSERT INTO exchanges (base_url, currency) VALUES (?, 'KUDOS')", (A,))
        put_exchange(desktop, B, "KUDOS")
        desktop.sync()
        wait_until(lambda: phone.server.state == "syncing", "a sync of the phone waits for the lock")
        time.sleep(1)  # for which the lock is held on
        assert phone.status().wallet.state == "ok"
        program.execute("COMMIT")
    for device in (phone, desktop):
        wait_for(device, {A: "KUDOS", B: "KUDOS"})
    assert phone.events("wallet.unusable") == []


def test_a_row_that_no_blob_could_hold_stays_where_it_is_and_cuts_nobody_off(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    put_exchange(phone, "k" * 5000, "KUDOS")
    put_exchange(phone, B, "x" * 9_000_000)
    settle(phone, desktop)
    assert set(exchanges(phone)) == {A, B, "k" * 5000}
    assert exchanges(desktop) == {A: "KUDOS"}
    (said,) = phone.events("capture.left_out")
    assert said["set_name"] == "exchanges"
    put_exchange(phone, B, "KUDOS")
    delete_exchange(phone, "k" * 5000)
    settle(phone, desktop)
    assert exchanges(desktop) == exchanges(phone) == {A: "KUDOS", B: "KUDOS"}


def test_a_wallet_in_a_folder_that_is_not_there_is_waited_for(place: Place) -> None:
    phone = place.device("phone", wallet={"path": str(place.path / "not mounted" / "wallet.db")})
    phone.start()
    wait_for_state(phone, "absent")
    assert phone.stop() == 0


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_something_else_in_the_place_of_the_wallet_is_left_alone(place: Place, make: Callable[[Path], None]) -> None:
    phone = place.device("phone")
    phone.wallet.unlink()
    make(phone.wallet)
    phone.start()
    wait_for_state(phone, "unfit")
    assert phone.status().wallet.reason == f"{phone.wallet} is no file: a wallet database should be there, or nothing"
    phone.wallet.unlink() if phone.wallet.is_fifo() else phone.wallet.rmdir()
    make_wallet(phone.wallet)
    wait_for_state(phone, "ok")


def test_a_wallet_behind_a_symbolic_link_is_noticed_at_once_also_when_the_link_changes(place: Place) -> None:
    phone, desktop = place.pair()
    phone.stop()
    elsewhere = place.path / "elsewhere"
    elsewhere.mkdir()
    for path in phone.folder.glob("wallet.db*"):
        path.rename(elsewhere / path.name.replace("wallet", "money"))
    phone.wallet.symlink_to(elsewhere / "money.db")
    phone.start()
    settle(phone, desktop)
    put_exchange(phone, A, "KUDOS")
    wait_until(lambda: A in exchanges(desktop), "the change has come", seconds=8)


def test_a_system_whose_watches_are_used_up_costs_promptness_and_nothing_else(place: Place) -> None:
    phone = place.device("phone")
    phone.prefix = without_watches()
    phone.start()
    phone.enroll(place.folder())
    put_exchange(phone, A, "KUDOS")
    phone.sync()
    assert phone.status().sets["exchanges"].live == 1
    assert phone.stop() == 0


def without_watches() -> Sequence[str]:
    """Return what to put in front of a command so that it can watch no files; skip the test where there is no way."""
    limit = "echo 0 > /proc/sys/user/max_inotify_instances"
    prefix = ("unshare", "--user", "--map-root-user", "sh", "-c", f'{limit} && exec "$0" "$@"')
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode != 0:
        pytest.skip("no user namespace of our own here, in which watches could be forbidden")
    return prefix
