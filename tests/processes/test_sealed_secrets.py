"""Keys that are sealed with a passphrase, or given as a credential, and real daemons that need them."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import Device, Place

PASSPHRASE = "an old house with a blue door"


def give(monkeypatch: pytest.MonkeyPatch, place: Place, **credentials: str) -> Path:
    """Have daemons started from now on be given credentials, as a service manager does."""
    folder = place.path / "credentials"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, text in credentials.items():
        (folder / f"walletsync-{name}").write_text(text)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def refused(device: Device) -> str:
    """Start a daemon that must end with 5, and return what it says."""
    device.spawn()
    assert device.ended() == 5
    return str(device.events("daemon.failed")[-1]["message"])


def sealed_phone(place: Place) -> Device:
    """Make a phone in a circle, with its keys sealed, that does not run."""
    phone = place.device("phone")
    phone.start()
    phone.enroll(place.folder())
    done = phone.cli("passphrase", entered=f"{PASSPHRASE}\n")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "The keys are sealed. walletsyncd needs the passphrase from its next start on.",
    )
    assert phone.sync()[0].outcome == "ok"
    assert phone.stop() == 0
    return phone


def test_sealed_keys_need_their_passphrase_at_the_next_start(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = sealed_phone(place)
    assert set(json.loads(phone.paths.secrets.read_bytes())) == {"argon2id", "box", "format"}
    assert "no terminal to ask for their passphrase on" in refused(phone)
    credentials = give(monkeypatch, place, passphrase="another one\n")
    assert "the passphrase is not the one that the secrets" in refused(phone)
    give(monkeypatch, place, passphrase=f"{PASSPHRASE}\n")
    phone.start()
    assert phone.sync()[0].outcome == "ok"
    assert PASSPHRASE not in phone.log.read_text()
    taken_off = phone.cli("passphrase", "--remove", "--yes")
    assert (taken_off.returncode, taken_off.stdout) == (0, "The keys are kept unsealed, for this user alone.\n")
    phone.stop()
    (credentials / "walletsync-passphrase").unlink()
    phone.start()
    assert phone.sync()[0].outcome == "ok"


def test_doctor_does_not_open_sealed_keys_and_finds_nothing_amiss(place: Place) -> None:
    phone = sealed_phone(place)
    found = phone.cli("doctor", "--json")
    (finding,) = [each for each in json.loads(found.stdout)["findings"] if each["about"] == "secrets"]
    assert (finding["verdict"], "sealed with a passphrase" in finding["message"]) == ("ok", True)


def test_a_daemon_in_a_terminal_asks_for_the_passphrase_and_does_not_show_it(place: Place) -> None:
    phone = sealed_phone(place)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "daemon", "--home", str(phone.folder)]
    phone.process = subprocess.Popen(
        command, cwd=phone.folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    output = b""
    while b"it is not shown): " not in output:
        output += os.read(ours, 4096)
    os.write(ours, f"{PASSPHRASE}\n".encode())
    phone.wait_until_ready()
    assert phone.stop() == 0
    os.set_blocking(ours, False)
    assert PASSPHRASE.encode() not in output + os.read(ours, 65536)
    os.close(ours)


def test_keys_from_a_credential_sync_but_nothing_can_change_them(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = sealed_phone(place)
    secrets = phone.paths.secrets.read_text()
    give(monkeypatch, place, passphrase=PASSPHRASE, secrets=secrets)
    assert "and in the credential walletsync-secrets: remove one of the two" in refused(phone)
    phone.paths.secrets.unlink()
    phone.start()
    assert phone.sync()[0].outcome == "ok"
    for done in (phone.cli("passphrase", "--remove", "--yes"), phone.cli("passphrase", entered="another\n")):
        assert done.returncode == 5
        assert "they come from a credential, which cannot be changed here" in done.stderr
    assert not phone.paths.secrets.exists()
    phone.stop()
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert "give them as the credential walletsync-secrets" in refused(phone)


def test_a_wallet_whose_keys_are_a_credential_can_join_no_circle(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    phone, desktop = place.device("phone"), place.device("desktop")
    for device in (phone, desktop):
        device.start()
    url = place.folder()
    phone.enroll(url)
    desktop.stop()
    give(monkeypatch, place, secrets=desktop.paths.secrets.read_text())
    desktop.paths.secrets.unlink()
    desktop.start()
    joined = desktop.cli("join", "-", entered=phone.invite())
    enrolled = desktop.cli("enroll", url)
    assert (joined.returncode, enrolled.returncode) == (5, 5)
    assert "they come from a credential" in joined.stderr
    assert desktop.status().servers == []
