"""A wallet is detached from its daemon, and attached again by the next start."""

import pytest
from support.processes import Device, Place, settle, wait_until
from support.taler_rows import exchanges, put_exchange

from ipc import Refused
from ipc.frame import WALLET_UNFIT

A, B, C = (f"https://{name}.example/" for name in "abc")


def schema(device: Device) -> list[tuple[object, ...]]:
    return device.sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")


def detach(device: Device) -> int:
    """Detach as a person does, and return how the daemon ended."""
    done = device.cli("detach", "--yes")
    assert done.returncode == 0, done.stderr
    return device.ended()


def test_detached_the_schema_is_as_before_and_the_next_start_attaches_without_loss(place: Place) -> None:
    phone, desktop = place.device("phone"), place.device("desktop")
    before = schema(phone)
    phone.start()
    phone.enroll(place.folder())
    desktop.start()
    desktop.join(phone.invite())
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    assert schema(phone) != before

    put_exchange(phone, B, "KUDOS")  # whose sync may be under way: it must add nothing again
    assert detach(phone) == 0
    assert schema(phone) == before
    assert set(exchanges(phone)) == {A, B}
    assert [event["path"] for event in phone.events("wallet.detached")] == [str(phone.wallet)]

    put_exchange(phone, C, "KUDOS")
    phone.start()
    settle(phone, desktop, phone)
    assert schema(phone) != before
    assert set(exchanges(phone)) == set(exchanges(desktop)) == {A, B, C}


def test_a_wallet_that_cannot_be_detached_is_refused_and_the_daemon_goes_on(place: Place) -> None:
    phone = place.device("phone")
    phone.start()
    kept = phone.wallet.rename(phone.folder / "away.db")
    with phone.client() as client, pytest.raises(Refused, match="there is no wallet database at") as refused:
        client.detach()
    assert refused.value.code == WALLET_UNFIT
    assert phone.cli("detach", "--yes").returncode == 6
    kept.rename(phone.wallet)
    wait_until(lambda: phone.status().wallet.state == "ok", "the wallet is found again")
    assert detach(phone) == 0
