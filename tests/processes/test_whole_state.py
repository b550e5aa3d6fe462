"""Servers and state are lost or spoilt: the whole state that is kept of a day brings all of it back, by one command."""

import json
import shutil
from datetime import date, timedelta

from support.processes import Device, Place, make_wallet, settle
from support.taler_rows import coins, delete_exchange, exchanges, put_coins, put_exchange

A, B = "https://a.example/", "https://b.example/"


def kept_days(device: Device) -> list[str]:
    history = device.cli("history", "--json")
    assert history.returncode == 0, history
    return [blob["day"] for blob in json.loads(history.stdout)["blobs"]]


def test_a_circle_whose_server_state_and_wallet_are_gone_is_brought_back(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    put_coins(phone, {f"COIN{number}": number for number in range(30)})
    settle(phone, desktop)
    before = coins(phone)
    for device in (phone, desktop):
        (day, *_) = kept_days(device)
        device.stop()
    shutil.rmtree(place.path / "server")
    for path in (*phone.paths.state_folder.glob("state.db*"), *phone.folder.glob("wallet.db*")):
        path.unlink()
    make_wallet(phone.wallet)
    phone.start()
    assert phone.status().servers == []
    restored = phone.cli("restore", "--blob", day, "--yes", "--json")
    assert restored.returncode == 0, restored
    assert json.loads(restored.stdout)["restored"]["coins"] == 30
    assert coins(phone) == before
    assert exchanges(phone) == {A: "KUDOS"}
    phone.enroll(place.folder("new"))
    settle(phone)
    assert coins(phone) == before


def test_a_circle_that_a_broken_wallet_spoilt_is_as_it_was_on_all_wallets(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    put_exchange(phone, B, "KUDOS")
    settle(phone, desktop)
    yesterday = keep_as_of_yesterday(phone)
    put_exchange(desktop, A, "SPOILT")
    delete_exchange(desktop, B)
    settle(desktop, phone)
    assert exchanges(phone) == {A: "SPOILT"}
    restored = phone.cli("restore", "--blob", yesterday, "--changed", "--yes")
    assert restored.returncode == 0, restored
    assert "Brought back: 1 of exchanges." in restored.stdout
    assert "Again as it was: 1 of exchanges." in restored.stdout
    settle(phone, desktop)
    assert exchanges(phone) == exchanges(desktop) == {A: "KUDOS", B: "KUDOS"}


def test_a_state_of_a_day_that_is_not_kept_is_refused_with_the_days_that_are(place: Place) -> None:
    phone, _ = place.pair()
    refused = phone.cli("restore", "--blob", "1999-12-31", "--yes")
    assert refused.returncode == 4
    assert f"there are {kept_days(phone)[0]}" in refused.stderr


def keep_as_of_yesterday(device: Device) -> str:
    """Have what is kept of today be of a day before, and return that day: another one is kept of today."""
    (note,) = (device.paths.state_folder / "blobs").glob("*.json")
    content = json.loads(note.read_text())
    yesterday = (date.fromisoformat(content["day"]) - timedelta(days=1)).isoformat()
    note.unlink()
    note.with_name(f"{yesterday}.json").write_text(json.dumps(content | {"day": yesterday}))
    return yesterday
