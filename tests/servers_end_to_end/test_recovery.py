"""From a sheet of paper to the whole wallet, on a machine that has nothing else, over each kind of server."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from support.cli_wallets import TALER, world
from support.processes import Device, Place
from support.servers_beside import taler_beside
from support.servers_daemon import CREDENTIALS
from support.sheets import invitation_of, text_of_picture
from support.taler_double import TalerDouble

from ipc.cli.demo.ledger import count_by_set, differences
from ipc.cli.demo.plausible.wallet import write_wallet

PASSPHRASE = "an old house with a blue door"


@pytest.fixture(params=["folder", "taler", "taler before 2023-09", "s3"])
def url(request, place: Place, monkeypatch) -> Iterator[str]:
    """A server of each kind, which both machines reach at the same address."""
    match request.param:
        case "folder":
            yield place.folder()
        case "s3":
            for name, value in CREDENTIALS.items():
                monkeypatch.setenv(name, value)
            yield request.getfixturevalue("bucket").url
        case dialect:
            with taler_beside(TalerDouble(quoted=dialect == "taler")) as beside:
                yield beside.url


def backed_up_phone(place: Place, url: str) -> Device:
    """Make a wallet with something in every set, all of which lies on the server."""
    phone = place.device("phone")
    with closing(sqlite3.connect(phone.wallet)) as wallet:
        write_wallet(wallet, world())
    phone.start()
    phone.enroll(url)
    assert [each.outcome for each in phone.sync()] == ["ok"]
    return phone


def lost(phone: Device) -> sqlite3.Connection:
    """Have all that is the phone's go, and return what its wallet held."""
    held = sqlite3.connect(":memory:")
    phone.kill()
    with closing(sqlite3.connect(phone.wallet)) as wallet:
        wallet.backup(held)
    shutil.rmtree(phone.folder)
    return held


def as_the_sheet_says(machine: Device, entered: str) -> None:
    """Follow the steps that stand on a sheet."""
    made = machine.cli("init", "--wallet", str(machine.wallet), "--profile", "taler", "--create")
    assert (made.returncode, made.stderr) == (0, "")
    machine.start()
    joined = machine.cli("join", "-", entered=entered)
    assert joined.returncode == 0, joined.stderr
    waited = machine.cli("sync", "--wait")
    assert waited.returncode == 0, waited.stdout + waited.stderr


def test_a_machine_with_nothing_but_the_sheet_gets_the_whole_wallet(place: Place, url: str) -> None:
    phone = backed_up_phone(place, url)
    picture = place.path / "sheet.svg"
    assert phone.cli("recovery", "--out", str(picture)).returncode == 0
    wallet = lost(phone)
    machine = place.bare("machine")
    as_the_sheet_says(machine, invitation_of(text_of_picture(picture.read_text())))
    with closing(sqlite3.connect(machine.wallet)) as restored, closing(wallet):
        assert list(differences(wallet, restored, TALER)) == []
        assert min(count_by_set(restored, TALER).values()) > 0


def test_a_sheet_that_is_sealed_needs_its_passphrase_and_nothing_else(place: Place) -> None:
    phone = backed_up_phone(place, place.folder())
    printed = phone.cli("recovery", "--passphrase", entered=f"{PASSPHRASE}\n")
    assert printed.returncode == 0
    assert PASSPHRASE not in printed.stdout + printed.stderr
    invitation = invitation_of(printed.stdout)
    wallet = lost(phone)
    machine = place.bare("machine")
    as_the_sheet_says(machine, f"{invitation}\n{PASSPHRASE}\n")
    with closing(sqlite3.connect(machine.wallet)) as restored, closing(wallet):
        assert list(differences(wallet, restored, TALER)) == []


def test_a_sheet_needs_a_circle_and_a_server(place: Place) -> None:
    phone = place.device("phone")
    phone.start()
    refused = phone.cli("recovery")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "there is no circle to invite to yet" in refused.stderr
    url = place.folder()
    phone.enroll(url)
    assert phone.cli("leave", url, "--yes").returncode == 0
    refused = phone.cli("recovery", "--out", str(place.path / "sheet.txt"))
    assert refused.returncode == 4
    assert "no server is enrolled" in refused.stderr
    assert not (place.path / "sheet.txt").exists()
