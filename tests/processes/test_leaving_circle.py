"""A wallet that leaves its circle as a whole: what is forgotten, what is kept, and where it may go next."""

import json

from support.opened_blobs import folder_of, open_blob
from support.processes import Device, Place, settle, wait_until
from support.taler_rows import delete_exchange, exchanges, put_exchange

A, B, C, D = (f"https://{name}.example/" for name in "abcd")


def root_of(device: Device) -> str | None:
    """Return the root secret as it lies on the disk."""
    root: str | None = json.loads(device.paths.secrets.read_bytes())["root"]
    return root


def leave_circle(device: Device) -> None:
    """Leave the circle, as a person does."""
    done = device.cli("leave", "--circle", "--yes")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_circle_is_forgotten_and_what_the_wallet_holds_is_kept(place: Place) -> None:
    phone, desktop = place.pair()
    url, own_id = phone.server.url, desktop.status().wallet.id
    put_exchange(desktop, A, "KUDOS")
    settle(phone, desktop)
    root = root_of(desktop)
    assert own_id in open_blob(phone, url).head.clocks
    leave_circle(desktop)
    assert (root_of(desktop), desktop.status().servers, exchanges(desktop)) == (None, [], {A: "KUDOS"})
    wait_until(lambda: own_id not in open_blob(phone, url).head.clocks, "its row is gone")
    assert root is not None
    assert root.encode() not in desktop.paths.state_database.read_bytes()
    assert desktop.cli("leave", "--circle", "--yes").returncode == 4
    assert "this wallet is in no circle" in desktop.cli("leave", "--circle", "--yes").stderr
    wait_until(lambda: [told["servers"] for told in desktop.events("circle.left")] == [1], "it is told")


def test_what_is_to_be_done_at_a_server_that_is_away_is_done_after_a_restart_when_it_is_back(place: Place) -> None:
    phone, desktop = place.pair()
    url, own_id = phone.server.url, desktop.status().wallet.id
    phone.stop()
    away = place.path / "away"
    folder_of(url).rename(away)
    leave_circle(desktop)
    assert desktop.stop() == 0
    away.rename(folder_of(url))
    assert own_id in open_blob(phone, url).head.clocks
    desktop.start()
    wait_until(lambda: own_id not in open_blob(phone, url).head.clocks, "its row is gone")


def test_a_second_circle_is_refused_until_the_first_is_left(place: Place) -> None:
    phone, desktop = place.device("phone"), place.device("desktop")
    for device, name in ((phone, "one"), (desktop, "two")):
        device.start()
        device.enroll(place.folder(name))
    root = root_of(desktop)
    refused = desktop.cli("join", "-", entered=phone.invite())
    assert refused.returncode == 4
    assert "has to leave that one first, by `leave --circle`" in refused.stderr
    assert (root_of(desktop), len(desktop.status().servers)) == (root, 1)
    leave_circle(desktop)
    assert desktop.cli("join", "-", entered=phone.invite()).returncode == 0
    assert root_of(desktop) == root_of(phone)


def test_into_another_circle_a_wallet_brings_what_it_holds_and_nothing_else(place: Place) -> None:
    """What was deleted in the first circle stays in the second, and so do the first one's wallets."""
    phone, desktop = place.pair()
    for url in (A, B):
        put_exchange(phone, url, "KUDOS")
    settle(phone, desktop)
    phone.stop()  # so that the delete stays a tombstone
    delete_exchange(desktop, A)
    assert desktop.sync()[0].outcome == "ok"
    assert desktop.tombstones() == 1
    other = place.device("other")
    put_exchange(other, A, "KUDOS")
    put_exchange(other, C, "KUDOS")
    other.start()
    other.enroll(place.folder("another server"))
    other.sync()
    leave_circle(desktop)
    desktop.join(other.invite())
    settle(other, desktop)
    assert exchanges(desktop) == exchanges(other) == dict.fromkeys((A, B, C), "KUDOS")
    for device in (other, desktop):
        assert sorted(wallet.shown_as for wallet in device.status().wallets) == ["desktop", "other"]


def test_back_in_the_same_circle_what_was_deleted_meanwhile_does_not_come_back(place: Place) -> None:
    phone, desktop = place.pair()
    for url in (A, B):
        put_exchange(phone, url, "KUDOS")
    settle(phone, desktop)
    server, own_id = phone.server.url, desktop.status().wallet.id
    leave_circle(desktop)
    wait_until(lambda: own_id not in open_blob(phone, server).head.clocks, "its row is gone")
    delete_exchange(phone, A)
    put_exchange(phone, C, "KUDOS")
    settle(phone)
    assert phone.tombstones() == 0
    put_exchange(desktop, D, "KUDOS")
    desktop.join(phone.invite())
    settle(phone, desktop)
    assert exchanges(phone) == exchanges(desktop) == dict.fromkeys((B, C, D), "KUDOS")
    assert [wallet.shown_as for wallet in phone.status().wallets if not wallet.me] == ["desktop"]


def test_a_new_circle_of_its_own_on_the_same_server_is_another_account(place: Place) -> None:
    phone, desktop = place.pair()
    url, own_id = phone.server.url, desktop.status().wallet.id
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    leave_circle(desktop)
    desktop.enroll(url)
    put_exchange(desktop, B, "KUDOS")
    settle(phone, desktop)
    assert (exchanges(phone), exchanges(desktop)) == ({A: "KUDOS"}, {A: "KUDOS", B: "KUDOS"})
    assert len(list(folder_of(url).glob("*.blob"))) == 2
    wait_until(lambda: own_id not in open_blob(phone, url).head.clocks, "its row is gone from the first account")


def test_a_wallet_that_cannot_be_used_joins_no_other_circle_and_stays_as_it_is(place: Place) -> None:
    phone, desktop = place.pair()
    leave_circle(desktop)
    hidden = desktop.folder / "hidden.db"
    desktop.wallet.rename(hidden)
    refused = desktop.cli("enroll", place.folder("another server"))
    assert (refused.returncode, root_of(desktop)) == (6, None)
    hidden.rename(desktop.wallet)
    assert phone.status().servers
    desktop.join(phone.invite())
    settle(phone, desktop)


def test_a_lost_state_database_is_told_and_one_server_brings_all_back(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    url, wallet_id = phone.server.url, phone.status().wallet.id
    phone.stop()
    for file in phone.paths.state_folder.glob("state.db*"):
        file.unlink()
    phone.start()
    wait_until(lambda: phone.events("circle.unreachable"), "it is told")
    status = phone.status()
    assert (status.wallet.in_circle, status.servers, status.wallet.id) == (True, [], wallet_id)
    assert "knows none of its servers" in phone.cli("status").stdout
    assert phone.cli("enroll", url).returncode == 0
    settle(phone, desktop)
    assert exchanges(phone) == exchanges(desktop) == {A: "KUDOS"}
    assert [wallet.shown_as for wallet in desktop.status().wallets if not wallet.me] == ["phone"]
