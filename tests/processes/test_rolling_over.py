"""Three daemons on one folder: the circle is rolled over by the command line, and one device is left out."""

import json

from support.processes import Device, Place, settle, wait_until
from support.taler_rows import exchanges, put_exchange


def document(device: Device, *arguments: str) -> dict:
    done = device.cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_lost_device_is_left_out_and_the_other_one_follows_by_its_code(place: Place) -> None:
    phone, desktop = place.pair()
    laptop = place.device("laptop")
    laptop.start()
    laptop.join(phone.invite())
    put_exchange(laptop, "https://before.example/", "KUDOS")
    settle(phone, desktop, laptop)

    planned = phone.cli("rotate", "--keep", "desktop")
    assert planned.returncode == 2, "there is nobody to ask"
    assert "left out" in planned.stderr
    assert phone.cli("rotate", "--keep", "tablet", "--yes").returncode == 4
    made = document(phone, "rotate", "--keep", "desktop", "--yes")
    assert [wallet["shown_as"] for wallet in made["left_out"]] == ["laptop"]

    wait_until(lambda: desktop.status().notes, "the desktop has met the note")
    (note,) = desktop.status().notes
    assert (note.code, note.waits) == (made["code"], True)
    assert desktop.cli("sync", "--wait").returncode == 9
    assert made["code"] in desktop.cli("status").stdout
    assert "yet to follow" in phone.cli("status").stdout.lower()
    assert document(desktop, "approve", note.id, "--yes") == {"api": 1, "notes": []}

    put_exchange(phone, "https://after.example/", "KUDOS")
    everything = {"https://before.example/": "KUDOS", "https://after.example/": "KUDOS"}
    wait_until(lambda: exchanges(desktop) == everything, "the desktop has all")
    wait_until(lambda: not phone.status().rotations, "the phone knows that the desktop has come")
    laptop.sync()
    wait_until(lambda: laptop.server.state == "moved", "the laptop says so")
    assert exchanges(laptop) == {"https://before.example/": "KUDOS"}
    assert laptop.cli("approve", "R1", "--yes").returncode == 4
    for device in (phone, desktop):
        assert device.stop() == 0
        device.start()
    put_exchange(desktop, "https://later.example/", "KUDOS")
    wait_until(lambda: "https://later.example/" in exchanges(phone), "both go on after a restart")
