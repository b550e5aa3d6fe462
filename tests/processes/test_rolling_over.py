"""Three daemons on one folder: the circle is rolled over by the command line, and one device is left out."""

import json
import random
import time

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


def test_killed_again_and_again_it_comes_through_and_the_left_out_one_can_come_back(place: Place) -> None:
    """Each of two daemons is killed at random moments after its person's word, and started again."""
    chance = random.Random("moments")
    phone, desktop = place.pair()
    laptop = place.device("laptop")
    laptop.start()
    laptop.join(phone.invite())
    put_exchange(laptop, "https://before.example/", "KUDOS")
    settle(phone, desktop, laptop)

    def kill_and_start(device: Device) -> None:
        moment = time.monotonic() + chance.uniform(0, 0.3)
        wait_until(lambda: time.monotonic() >= moment, "some moment")
        device.kill()
        device.start()

    code = document(phone, "rotate", "--keep", "desktop", "--yes")["code"]
    kill_and_start(phone)
    wait_until(lambda: desktop.status().notes, "the desktop has met the note")
    kill_and_start(desktop)
    (note,) = desktop.status().notes
    assert (note.code, note.waits) == (code, True)
    document(desktop, "approve", note.id, "--yes")
    assert desktop.cli("approve", note.id, "--yes").returncode == 4, "there is nothing to approve twice"
    kill_and_start(desktop)
    kill_and_start(phone)
    put_exchange(phone, "https://after.example/", "KUDOS")
    everything = {"https://before.example/": "KUDOS", "https://after.example/": "KUDOS"}
    wait_until(lambda: exchanges(desktop) == everything, "the desktop has all")
    wait_until(lambda: not phone.status().rotations and not desktop.status().rotations, "all is done")

    wait_until(lambda: laptop.server.state == "moved", "the laptop knows that it was left out")
    refused = laptop.cli("invite")
    assert refused.returncode == 4
    assert "left this wallet out" in refused.stderr
    put_exchange(laptop, "https://meanwhile.example/", "KUDOS")
    assert laptop.cli("join", "-", entered=desktop.invite()).returncode == 0
    everything["https://meanwhile.example/"] = "KUDOS"
    for device in (phone, desktop, laptop):
        wait_until(lambda device=device: exchanges(device) == everything, f"{device.name} has all")  # type: ignore[misc]
    assert laptop.status().notes == []
