"""What goes wrong at a sync server or on the way to it, and what it costs us; payment is among it."""

import json

import pytest
import trio
from support.taler_client import ACCOUNT, without_sockets
from support.taler_double import Delivery, TalerDouble
from support.taler_messages import Response

from daemon.server.base import Conflict, Failure, FailureKind, Fetched, NoBlob, Payment, Stored, Unchanged

BODY_1 = b"the first blob" * 100
BODY_2 = b"the second blob" * 100


@pytest.fixture
def double():
    return TalerDouble()


@pytest.fixture
async def files(double, tmp_path):
    async with without_sockets(double, tmp_path, {}) as files:
        yield files


def kind(outcome):
    assert isinstance(outcome, Failure), outcome
    return outcome.kind


async def stored(files, body, expected=None):
    outcome = await files.store(body, expected)
    assert isinstance(outcome, Stored)
    return outcome.revision


# Payment.


@pytest.fixture
def paid_double():
    return TalerDouble(free=False)


@pytest.fixture
async def customer(paid_double, tmp_path):
    async with without_sockets(paid_double, tmp_path, {}) as files:
        yield files


async def test_a_server_that_wants_money_says_how(paid_double, customer):
    await customer.server.describe()
    outcome = await customer.store(BODY_1, None)
    assert kind(outcome) is FailureKind.PAYMENT_REQUIRED
    assert outcome.payment == Payment("taler://pay/merchant.example.org/ORDER-0001/", "KUDOS:0.1")
    assert customer.server.memory["order"] == "ORDER-0001"


async def test_the_same_upload_goes_through_once_paid(paid_double, customer):
    assert await customer.fetch() == NoBlob()
    unpaid = await customer.store(BODY_1, None)
    assert await customer.store(BODY_1, None) == unpaid
    paid_double.pay(customer.server.memory["order"])
    assert isinstance(await customer.store(BODY_1, None), Stored)
    assert "payment" not in customer.server.memory
    assert "order" not in customer.server.memory


async def test_a_fee_that_is_no_amount_is_left_out(paid_double, customer):
    paid_double.fee = "dear"
    outcome = await customer.store(BODY_1, None)
    assert outcome.payment == Payment("taler://pay/merchant.example.org/ORDER-0001/", None)


async def test_the_price_is_the_one_that_holds_when_the_payment_is_asked_for(paid_double, customer):
    await customer.server.describe()
    paid_double.fee = "KUDOS:7"
    outcome = await customer.store(BODY_1, None)
    assert outcome.payment == Payment("taler://pay/merchant.example.org/ORDER-0001/", "KUDOS:7")


async def test_a_fresh_order_is_made_on_request_only(paid_double, customer):
    await customer.store(BODY_1, None)
    again = await customer.store(BODY_1, None)
    fresh = await customer.store(BODY_1, None, fresh=True)
    assert [again.payment.uri[-11:], fresh.payment.uri[-11:]] == ["ORDER-0001/", "ORDER-0002/"]


async def test_a_server_in_the_unquoted_dialect_is_paid_too(paid_double, customer):
    paid_double.quoted = False
    assert kind(await customer.store(BODY_1, None)) is FailureKind.PAYMENT_REQUIRED
    paid_double.pay("ORDER-0001")
    assert isinstance(await customer.store(BODY_1, None), Stored)


async def test_an_account_collected_for_age_asks_for_money_again(paid_double, customer):
    await customer.store(BODY_1, None)
    paid_double.pay("ORDER-0001")
    first = await stored(customer, BODY_1)
    paid_double.collect_garbage(ACCOUNT.public_key)
    assert await customer.fetch(first) == NoBlob()
    assert kind(await customer.store(BODY_2, None)) is FailureKind.PAYMENT_REQUIRED


async def test_a_payment_that_nobody_could_make_is_a_refusal(paid_double, customer):
    paid_double.status, paid_double.status_headers = 402, {"Taler": "https://evil.example/\x1b"}
    outcome = await customer.store(BODY_1, None)
    assert kind(outcome) is FailureKind.REFUSED
    assert outcome.payment is None


async def test_a_payment_that_timed_out_is_still_to_be_made(paid_double, customer):
    await customer.store(BODY_1, None)
    paid_double.status = 408
    assert kind(await customer.store(BODY_1, None)) is FailureKind.PAYMENT_REQUIRED


# Broken answers.


@pytest.mark.parametrize("delivery", [Delivery.DROPPED, Delivery.LOST, Delivery.CUT])
async def test_a_broken_fetch_leaves_no_spool(double, files, delivery):
    await stored(files, BODY_1)
    double.next_delivery_by_method["GET"] = delivery
    assert kind(await files.fetch()) is FailureKind.UNREACHABLE
    assert not files.spool.exists()


@pytest.mark.parametrize("delivery", [Delivery.STALLED, Delivery.STALLED_BODY])
async def test_a_stalled_fetch_ends_in_bounded_time(double, files, delivery, autojump_clock):
    await stored(files, BODY_1)
    double.next_delivery_by_method["GET"] = delivery
    start = trio.current_time()
    assert kind(await files.fetch()) is FailureKind.UNREACHABLE
    assert 60 <= trio.current_time() - start < 125
    assert not files.spool.exists()


async def test_a_slow_body_has_the_time_that_its_size_takes(double, tmp_path, autojump_clock):
    body = bytes(1_000_000)
    async with without_sockets(double, tmp_path, {}, latency=5.0) as files:
        first = await stored(files, body)
        start = trio.current_time()
        assert await files.fetch() == Fetched(first, 1_000_000)
        assert 75 < trio.current_time() - start < 120


async def test_a_stalled_upload_ends_in_bounded_time_and_is_asked_for(double, files, autojump_clock):
    first = await stored(files, BODY_1)
    double.next_delivery_by_method["POST"] = Delivery.STALLED
    start = trio.current_time()
    assert isinstance(await files.store(BODY_2, first), Stored)
    assert 60 <= trio.current_time() - start < 70


async def test_an_endless_body_is_not_read_to_its_end(double, files):
    await stored(files, BODY_1)
    double.next_delivery_by_method["GET"] = Delivery.ENDLESS
    outcome = await files.fetch()
    assert kind(outcome) is FailureKind.UNREADABLE
    assert "1,048,576" in outcome.message
    assert not files.spool.exists()


async def test_ten_gigabytes_are_not_even_begun(double, files):
    first = await stored(files, BODY_1)
    double.announces_ten_gigabytes = True
    assert kind(await files.fetch()) is FailureKind.UNREADABLE
    assert await files.fetch(first) == Unchanged()


async def test_a_forged_signature_is_unreadable(double, files):
    first = await stored(files, BODY_1)
    double.forged = True
    assert kind(await files.fetch()) is FailureKind.UNREADABLE
    assert kind(await files.store(BODY_1, None)) is FailureKind.UNREADABLE
    double.forged = False
    assert await files.fetch(first) == Unchanged()


async def test_a_web_page_is_no_blob(double, files):
    await stored(files, BODY_1)
    double.html = True
    assert kind(await files.fetch()) is FailureKind.REFUSED
    assert kind(await files.store(BODY_2, None)) is FailureKind.REFUSED
    outcome = await files.server.describe()
    assert kind(outcome) is FailureKind.REFUSED
    assert "no GNU Taler sync server" in outcome.message


async def test_a_compressed_blob_is_refused(double, files, monkeypatch):
    await stored(files, BODY_1)
    current = double._current
    monkeypatch.setattr(double, "_current", lambda backup, status: packed(current(backup, status)))
    assert kind(await files.fetch()) is FailureKind.REFUSED


def packed(response):
    return Response(response.status, response.header | {"Content-Encoding": "gzip"}, response.body)


async def test_a_server_that_is_down_is_unreachable(double, files):
    double.is_down = True
    assert kind(await files.server.describe()) is FailureKind.UNREACHABLE
    assert kind(await files.fetch()) is FailureKind.UNREACHABLE
    assert kind(await files.store(BODY_1, None)) is FailureKind.UNREACHABLE


async def test_an_answer_with_an_absurd_body_to_config_is_bounded(double, files):
    double.next_delivery_by_method["GET"] = Delivery.ENDLESS
    assert kind(await files.server.describe()) is FailureKind.REFUSED


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (206, FailureKind.REFUSED),
        (304, FailureKind.REFUSED),
        (401, FailureKind.REFUSED),
        (403, FailureKind.REFUSED),
        (404, FailureKind.GONE),
        (407, FailureKind.REFUSED),
        (408, FailureKind.UNREACHABLE),
        (410, FailureKind.GONE),
        (429, FailureKind.BUSY),
        (500, FailureKind.UNREACHABLE),
        (502, FailureKind.UNREACHABLE),
        (503, FailureKind.BUSY),
        (504, FailureKind.UNREACHABLE),
    ],
)
async def test_a_status_of_some_web_server_means_this(double, files, status, expected):
    double.status = status
    assert kind(await files.fetch()) is expected
    assert kind(await files.server.describe()) is expected


async def test_a_busy_server_says_when(double, files):
    double.status, double.status_headers = 503, {"Retry-After": "120"}
    outcome = await files.store(BODY_1, None)
    assert (kind(outcome), outcome.retry_after) == (FailureKind.BUSY, 120.0)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, 26, FailureKind.REFUSED),
        (400, 6103, FailureKind.REFUSED),
        (400, 6105, FailureKind.REFUSED),
        (400, 6101, FailureKind.REFUSED),
        (400, 6108, FailureKind.UNREACHABLE),
        (403, 6104, FailureKind.REFUSED),
        (413, 6106, FailureKind.TOO_LARGE),
        (413, 6107, FailureKind.TOO_LARGE),
        (500, 53, FailureKind.UNREACHABLE),
        (502, 6110, FailureKind.UNREACHABLE),
        (502, 6113, FailureKind.UNREACHABLE),
        (504, 6114, FailureKind.UNREACHABLE),
    ],
)
async def test_a_code_of_the_sync_server_means_this_for_an_upload(double, files, monkeypatch, status, code, expected):
    first = await stored(files, BODY_1)
    body = json.dumps({"code": code, "hint": "a hint"}).encode()
    monkeypatch.setattr(double, "_post", lambda key, request: Response(status, {"Content-Type": "text/plain"}, body))
    outcome = await files.store(BODY_2, first)
    assert kind(outcome) is expected


async def test_a_refusal_whose_body_breaks_off_still_has_its_status(double, files, monkeypatch):
    first = await stored(files, BODY_1)
    monkeypatch.setattr(double, "_post", lambda key, request: Response(403, {}, b'{"code": 6104, "hint": "no"}'))
    double.next_delivery_by_method["POST"] = Delivery.CUT
    assert kind(await files.store(BODY_2, first)) is FailureKind.REFUSED


async def test_an_old_servers_code_for_a_wrong_tag_is_understood(double, files, monkeypatch):
    post = double._post

    def old(key, request):
        if request.header["if-none-match"].startswith('"'):
            return Response(400, {}, b'{"code": 6003, "hint": "before November 2020"}')
        double.quoted = False
        return post(key, request)

    monkeypatch.setattr(double, "_post", old)
    assert isinstance(await files.store(BODY_1, None), Stored)
    assert files.server.memory["dialect"] == "unquoted"


async def test_another_web_servers_404_is_no_empty_account(double, files, monkeypatch):
    monkeypatch.setattr(double, "_get", lambda key, request: Response(404, {}, b'{"code": 21, "hint": "endpoint"}'))
    assert kind(await files.fetch()) is FailureKind.GONE


async def test_a_redirect_elsewhere_is_shown_and_not_followed(double, files):
    double.status, double.status_headers = 301, {"Location": "https://new.example.org/backups/X"}
    outcome = await files.fetch()
    assert kind(outcome) is FailureKind.REFUSED
    assert "https://new.example.org/" in outcome.message
    assert "--as" in outcome.message
    assert len(double.requests) == 1
    assert kind(await files.store(BODY_1, None)) is FailureKind.REFUSED
    assert len(double.requests) == 2


async def test_a_redirect_loop_ends(double, files):
    double.status, double.status_headers = 302, {"Location": "/config"}
    assert kind(await files.server.describe()) is FailureKind.REFUSED
    assert len(double.requests) == 4


async def test_an_upload_does_not_follow_a_redirect_that_turns_it_into_a_get(double, files):
    double.status, double.status_headers = 303, {"Location": "/elsewhere"}
    assert kind(await files.store(BODY_1, None)) is FailureKind.REFUSED
    assert len(double.requests) == 1


async def test_a_redirect_within_the_origin_is_followed_with_the_body(double, files, monkeypatch):
    begin = double._begin

    def moved(request):
        if request.path.startswith("/sync/"):
            return begin(type(request)(request.method, request.path.removeprefix("/sync"), request.header))
        return Response(308, {"Location": "/sync" + request.path})

    monkeypatch.setattr(double, "_begin", moved)
    first = await stored(files, BODY_1)
    assert await files.fetch(first) == Unchanged()


async def test_a_cancelled_fetch_leaves_no_spool(double, files, autojump_clock):
    await stored(files, BODY_1)
    double.next_delivery_by_method["GET"] = Delivery.STALLED_BODY
    with trio.move_on_after(1) as scope:
        await files.fetch()
    assert scope.cancelled_caught
    assert not files.spool.exists()


async def test_a_spool_that_cannot_be_written_is_a_fault_and_leaves_nothing_open(double, files):
    await stored(files, BODY_1)
    files.spool.mkdir()
    (files.spool / "x").touch()
    with pytest.raises(OSError, match="directory"):
        await files.fetch()


async def test_of_two_wallets_at_once_one_wins(double, tmp_path, autojump_clock):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    outcomes = []
    async with (
        without_sockets(double, tmp_path / "a", {}, latency=1.0) as a,
        without_sockets(double, tmp_path / "b", {}, latency=1.0) as b,
        trio.open_nursery() as nursery,
    ):

        async def upload(files, body):
            outcomes.append(await files.store(body, None))

        nursery.start_soon(upload, a, BODY_1)
        nursery.start_soon(upload, b, BODY_2)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Stored"]
    assert Conflict() in outcomes
