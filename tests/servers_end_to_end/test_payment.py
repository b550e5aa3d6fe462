"""A server that wants to be paid: a person is told, the daemon pays nothing, and goes on once it is paid."""

from collections.abc import Iterator

import pytest
from support.processes import Device, Place, wait_until
from support.servers_beside import TalerBeside, taler_beside
from support.servers_daemon import hasty, served_daemon, until
from support.taler_double import TalerDouble
from support.taler_rows import exchanges, put_exchange

from ipc.errors import Refusal

PAY = "taler://pay/merchant.example.org/ORDER-0001/"


@pytest.fixture
def seller() -> Iterator[TalerBeside]:
    with taler_beside(TalerDouble(free=False, fee="KUDOS:0.1")) as beside:
        yield beside


def only_backups_and_config(double: TalerDouble) -> bool:
    """Tell whether nothing else was ever asked: whoever pays talks to a merchant, and to the exchange."""
    return {request.path.split("/")[1] for request in double.requests} <= {"backups", "config"}


def events_of_payment(device: Device) -> set[str]:
    """Return the names of the events that tell what is to be paid, and how."""
    with device.client() as client:
        events = client.events_since(0).events
    return {event.event for event in events if event.data.get("payment") == {"uri": PAY, "amount": "KUDOS:0.1"}}


def test_a_payment_is_told_and_never_made_and_the_sync_goes_on_by_itself_once_it_is_paid(
    place: Place, seller: TalerBeside
) -> None:
    phone = place.device("phone", sync={"retry_max": "1 s"}, log={"level": "debug"})
    phone.start()
    folder = phone.enroll(place.folder())
    url = phone.enroll(seller.url)
    put_exchange(phone, "https://a.example/", "KUDOS")

    def server_at(address: str):
        return next(server for server in phone.status().servers if server.url == address)

    wait_until(lambda: server_at(url).state == "payment_required", "the payment is asked for")
    payment = server_at(url).payment
    assert payment is not None
    assert (payment.uri, payment.amount) == (PAY, "KUDOS:0.1")
    wait_until(lambda: {"server.state", "sync.ended"} <= events_of_payment(phone), "events say so")
    (said,) = [line for line in phone.events("sync.failed") if line["level"] == "warning"]
    assert said["kind"] == "payment_required"
    assert said["message"] == "the server wants to be paid: KUDOS:0.1 a year"
    assert "taler://" not in phone.log.read_text()
    assert f"wants to be paid KUDOS:0.1: {PAY}" in " ".join(phone.cli("status").stdout.split())
    waiting = phone.cli("sync", "--wait", url)
    assert waiting.returncode == 9
    assert server_at(folder).error is None

    requests = len(seller.double.requests)
    wait_until(lambda: len(seller.double.requests) > requests + 1, "it was tried again")
    assert seller.uploads() == 0, "nobody paid"
    seller.double.pay("ORDER-0001")
    wait_until(lambda: server_at(url).state == "idle", "it went on by itself")
    assert server_at(url).payment is None
    assert seller.uploads() == 1
    assert only_backups_and_config(seller.double)

    desktop = place.device("desktop", sync={"retry_max": "1 s"})
    desktop.start()
    desktop.join(phone.invite())
    wait_until(lambda: exchanges(desktop) == {"https://a.example/": "KUDOS"}, "the paid account is everyone's")


async def test_an_order_that_cannot_be_paid_any_more_is_made_anew_when_a_person_asks_for_it(quick_path, seller):
    async with served_daemon("phone", quick_path) as phone:
        url = (await phone.membership.enroll(seller.url, None)).url

        def payment() -> str | None:
            due = phone.status_of(url).payment
            return due.uri if due else None

        await until(lambda: payment() == PAY, "the payment is asked for")
        assert await phone.sync() == ["payment_required"]
        assert payment() == PAY, "asking again makes no order"
        assert await phone.sync(new_order=True) == ["payment_required"]
        assert payment() == PAY.replace("0001", "0002")
        assert await phone.sync() == ["payment_required"]
        assert payment() == PAY.replace("0001", "0002"), "one request makes one order"
        seller.double.pay("ORDER-0002")
        await until(lambda: phone.status_of(url).state == "idle", "it went on by itself")
        with pytest.raises(Refusal, match="does not wait for a payment"):
            await phone.sync(new_order=True)
        assert seller.uploads() == 1
        assert only_backups_and_config(seller.double)


async def test_an_order_is_remembered_over_a_restart(quick_path, seller):
    patient = hasty(retry_max=600)  # so that nothing is tried before status was looked at
    async with served_daemon("phone", quick_path, timing=patient) as phone:
        url = (await phone.membership.enroll(seller.url, None)).url
        await until(lambda: phone.status_of(url).payment, "the payment is asked for")
    (quick_path / "phone" / "spool").rmdir()
    seller.go_down()
    async with served_daemon("phone", quick_path, timing=patient) as phone:
        await phone.circle.start_enrolled()
        await until(lambda: phone.status_of(url).payment, "the payment is still asked for")
        due = phone.status_of(url).payment
        assert due is not None
        assert (due.uri, due.amount) == (PAY, "KUDOS:0.1")
