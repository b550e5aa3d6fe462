"""Enrolling, joining and leaving with folders whose names, paths and disks are not what one would wish."""

import sqlite3
from contextlib import closing

from support.opened_blobs import folder_of, open_blob
from support.processes import Device, Place, settle, wait_until
from support.taler_rows import coins, delete_exchange, exchanges, put_coins, put_exchange

A = "https://a.example/"
MANY = 5_000  # rows whose first join takes long enough to be met


def departures(device: Device) -> int:
    """Count the servers that were left and where something is still to be done."""
    with closing(sqlite3.connect(device.paths.state_database)) as state:
        return int(state.execute("SELECT count(*) FROM departure").fetchone()[0])


def test_names_with_spaces_percent_signs_and_letters_of_all_kinds_work_everywhere(place: Place) -> None:
    phone = place.device("mein händy 100%41 📱")
    desktop = place.device("desktop", wallet={"nickname": phone.name})
    for device in (phone, desktop):
        device.start()
    url = place.folder("Ordner für 50% 'sync' #1?")
    taken_up = phone.cli("enroll", url)
    assert (taken_up.returncode, taken_up.stderr) == (0, "")
    desktop.join(phone.invite())
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    assert exchanges(desktop) == {A: "KUDOS"}
    names = [wallet.shown_as for wallet in phone.status().wallets]
    assert names == [f"{phone.name}#1", f"{phone.name}#2"]
    assert names[0] in phone.cli("wallets").stdout
    assert phone.cli("sync", "--wait", "Ordner").returncode == 0


def test_one_folder_by_two_paths_is_refused_with_what_to_do(place: Place) -> None:
    phone = place.device("phone")
    phone.start()
    url = place.folder()
    phone.enroll(url)
    link = place.path / "link"
    link.symlink_to(folder_of(url))
    refused = phone.cli("enroll", f"file://{link}/")
    assert refused.returncode == 4
    assert f"already enrolled as {url}" in refused.stderr
    assert f"`walletsync enroll file://{link}/ --as {url}`" in refused.stderr


def test_an_invitation_to_a_folder_that_lies_elsewhere_on_this_device_can_be_put_right(place: Place) -> None:
    phone, desktop = place.device("phone"), place.device("desktop")
    for device in (phone, desktop):
        device.start()
    url = place.folder()
    phone.enroll(url)
    put_exchange(phone, A, "KUDOS")
    phone.sync()
    here = place.path / "here"
    folder_of(url).rename(here)
    desktop.join(phone.invite())
    assert [(each.outcome, each.message) for each in desktop.sync()] == [
        ("unreachable", f"the folder {folder_of(url)} does not exist: is its disk mounted?")
    ]
    assert not folder_of(url).exists()
    refused = desktop.cli("enroll", f"{here.as_uri()}/")
    assert f"`walletsync enroll {here.as_uri()}/ --as {url}`" in refused.stderr
    assert desktop.cli("enroll", f"{here.as_uri()}/", "--as", url).returncode == 0
    wait_until(lambda: exchanges(desktop) == {A: "KUDOS"}, "the desktop has joined")
    assert [each.url for each in desktop.status().servers] == [f"{here.as_uri()}/"]


def test_an_account_under_a_new_address_keeps_what_is_known_of_it(place: Place) -> None:
    """Clocks and identity stay: the tombstone still waits for the phone, and the phone still finds the blob."""
    phone, desktop = place.pair()
    url = desktop.server.url
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    link = place.path / "link"
    link.symlink_to(folder_of(url))
    phone.stop()
    delete_exchange(desktop, A)
    desktop.sync()
    assert desktop.tombstones() == 1
    uploads = len(desktop.events("sync.stored"))
    assert desktop.cli("enroll", f"file://{link}", "--as", url.rstrip("/")).returncode == 0
    assert desktop.sync()[0].outcome == "ok"
    desktop.stop()
    desktop.start()
    assert (desktop.server.url, desktop.tombstones()) == (f"file://{link}/", 1)
    assert {wallet.shown_as for wallet in desktop.status().wallets if f"file://{link}/" in wallet.last_seen} == {
        "phone",
        "desktop",
    }
    assert len(desktop.events("sync.stored")) == uploads
    phone.start()
    settle(phone, desktop)
    assert (exchanges(phone), phone.tombstones(), desktop.tombstones()) == ({}, 0, 0)
    wait_until(lambda: [told["former"] for told in desktop.events("server.readdressed")] == [url], "it is told")
    invitation = desktop.invite()
    phone.join(invitation)  # names the same account under the other address: nothing to be taken up
    assert [each.url for each in phone.status().servers] == [url]


def test_what_is_no_identity_or_another_folders_is_refused(place: Place) -> None:
    phone = place.device("phone")
    phone.start()
    url, other = place.folder(), place.folder("other")
    phone.enroll(url)
    for identity, complaint in (
        ("hello", "that is no server's identity"),
        ("file:///elsewhere/", "folder: and the line of its walletsync.id"),
        ("folder:lower", "that is no server's identity"),
        (url, "names another identity"),
        (f"folder:{'0' * 26}", "is its disk mounted"),
    ):
        if identity == url:
            (folder_of(other) / "walletsync.id").write_text(f"{'0' * 26}\n")
        done = phone.cli("enroll", other, "--as", identity)
        assert done.returncode == 4, identity
        (folder_of(other) / "walletsync.id").unlink(missing_ok=True)
        assert complaint in done.stderr
    assert [each.url for each in phone.status().servers] == [url]


def test_a_server_that_is_enrolled_anew_by_another_path_is_not_emptied_for_having_been_left(place: Place) -> None:
    phone, desktop = place.pair()
    url = desktop.server.url
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    folder, elsewhere = folder_of(url), place.path / "elsewhere"
    phone.stop()
    folder.rename(elsewhere)
    assert desktop.cli("leave", url, "--erase", "--yes").returncode == 0
    assert departures(desktop) == 1
    desktop.enroll(f"{elsewhere.as_uri()}/")
    folder.symlink_to(elsewhere)
    desktop.stop()
    assert departures(desktop) == 0
    desktop.start()
    phone.start()
    settle(phone, desktop)
    assert phone.events("server.went_back") + desktop.events("server.went_back") == []
    assert len(open_blob(phone, url).keys_of("exchanges")) == 1
    assert exchanges(phone) == exchanges(desktop) == {A: "KUDOS"}


def test_a_first_join_that_is_killed_in_the_middle_is_finished_by_the_next_start(place: Place) -> None:
    phone, desktop = place.device("phone"), place.device("desktop")
    for device in (phone, desktop):
        put_coins(device, {f"{device.name}{number}": number for number in range(MANY)})
        device.start()
    phone.enroll(place.folder())
    phone.sync()
    desktop.join(phone.invite())
    wait_until(lambda: desktop.server.state == "syncing", "the desktop joins")
    desktop.kill()
    desktop.start()
    settle(phone, desktop)
    assert len(coins(desktop)) == 2 * MANY
    assert coins(phone) == coins(desktop)
    assert desktop.sql("PRAGMA integrity_check") == [("ok",)]
