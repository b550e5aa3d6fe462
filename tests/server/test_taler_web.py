"""The client over real sockets: early answers, broken connections, proxies, certificates, and what it never sends."""

import datetime
import ipaddress
import ssl
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.taler_client import ACCOUNT, Files
from support.taler_double import Delivery, TalerDouble, answer_connection, serve

from daemon.server.base import Conflict, Description, Failure, FailureKind, Fetched, Stored, Unchanged
from daemon.server.taler.client import open_taler_server
from daemon.server.taler.web import Patience, Way
from daemon.server.urls import parse_server_url
from daemon.worker import threads

LARGE = 15 * 1024 * 1024
QUICK = Patience(connect=5.0, stall=0.2, answer=5.0)


@asynccontextmanager
async def over_sockets(double, folder, way=None, patience=None):
    async with serve(double) as base, opened(base, folder, way, patience) as files:
        yield files


@asynccontextmanager
async def opened(base, folder, way=None, patience=None):
    async with open_taler_server(parse_server_url(base), threads(2), {}, way=way, patience=patience) as server:
        yield Files(server, folder)


def kind(outcome):
    assert isinstance(outcome, Failure), outcome
    return outcome.kind


@pytest.mark.parametrize("quoted", [True, False])
async def test_a_blob_makes_its_way_over_sockets_in_both_dialects(tmp_path, quoted):
    async with over_sockets(TalerDouble(quoted=quoted), tmp_path) as files:
        described = await files.server.describe()
        assert isinstance(described, Description)
        assert described.limit_bytes == 16777215
        first = await files.store(b"first" * 300_000, None)
        assert isinstance(first, Stored)
        assert await files.fetch(first.revision) == Unchanged()
        second = await files.store(b"second", first.revision)
        assert isinstance(second, Stored)
        assert await files.fetch(first.revision) == Fetched(second.revision, 6)
        assert files.spool.read_bytes() == b"second"


async def test_a_large_upload_that_is_refused_early_is_a_conflict_each_time(tmp_path):
    double = TalerDouble()
    async with over_sockets(double, tmp_path) as files:
        first = await files.store(bytes(300_000), None)
        await files.store(b"\1" * 300_000, first.revision)
        double.requests.clear()
        for _ in range(5):
            assert await files.store(b"\2" * LARGE, first.revision) == Conflict()
        # The header of the answer came through, although its body did not: nobody had to ask.
        assert [request.method for request in double.requests] == ["POST"] * 5


async def test_a_large_upload_above_the_limit_is_refused_early(tmp_path):
    async with over_sockets(TalerDouble(megabytes=1), tmp_path) as files:
        assert kind(await files.store(bytes(LARGE), None)) is FailureKind.TOO_LARGE


async def test_a_large_upload_is_taken_where_there_is_room(tmp_path):
    async with over_sockets(TalerDouble(), tmp_path) as files:
        assert isinstance(await files.store(bytes(LARGE), None), Stored)


@pytest.mark.parametrize("delivery", [Delivery.DROPPED, Delivery.LOST, Delivery.CUT])
async def test_a_broken_connection_is_survived_by_the_next_fetch(tmp_path, delivery):
    double = TalerDouble()
    async with over_sockets(double, tmp_path) as files:
        first = await files.store(bytes(300_000), None)
        double.next_delivery_by_method["GET"] = delivery
        assert kind(await files.fetch()) is FailureKind.UNREACHABLE
        assert await files.fetch() == Fetched(first.revision, 300_000)


async def test_an_upload_that_breaks_is_asked_for(tmp_path):
    double = TalerDouble()
    async with over_sockets(double, tmp_path) as files:
        first = await files.store(b"first", None)
        double.next_delivery_by_method["POST"] = Delivery.LOST
        assert isinstance(second := await files.store(bytes(LARGE), first.revision), Stored)
        double.next_delivery_by_method["POST"] = Delivery.DROPPED
        assert kind(await files.store(b"\3" * LARGE, second.revision)) is FailureKind.UNREACHABLE
        assert await files.fetch(second.revision) == Unchanged()


@pytest.mark.parametrize("delivery", [Delivery.STALLED, Delivery.STALLED_BODY])
async def test_a_stall_ends_after_the_time_for_stalls(tmp_path, delivery):
    double = TalerDouble()
    async with over_sockets(double, tmp_path, patience=QUICK) as files:
        await files.store(b"first", None)
        double.next_delivery_by_method["GET"] = delivery
        assert kind(await files.fetch()) is FailureKind.UNREACHABLE


async def test_an_endless_body_is_given_up(tmp_path):
    double = TalerDouble()
    async with (
        serve(double) as base,
        open_taler_server(parse_server_url(base), threads(2), {}, largest_blob=1_000_000) as server,
    ):
        files = Files(server, tmp_path)
        await files.store(b"first", None)
        double.next_delivery_by_method["GET"] = Delivery.ENDLESS
        assert kind(await files.fetch()) is FailureKind.UNREADABLE
        double.announces_ten_gigabytes = True
        assert kind(await files.fetch()) is FailureKind.UNREADABLE


async def test_a_cancelled_exchange_leaves_the_client_usable(tmp_path):
    double = TalerDouble()
    async with over_sockets(double, tmp_path) as files:
        first = await files.store(bytes(300_000), None)
        for pause in (0.001, 0.01, 0.05):
            for delivery in (Delivery.STALLED, Delivery.STALLED_BODY):
                double.next_delivery_by_method["GET"] = delivery
                with trio.move_on_after(pause) as scope:
                    await files.fetch()
                assert scope.cancelled_caught
            double.next_delivery_by_method["POST"] = Delivery.STALLED
            with trio.move_on_after(pause) as scope:
                await files.store(bytes(LARGE), first.revision)
            assert scope.cancelled_caught
            double.put_back(ACCOUNT.public_key, 0)
        double.next_delivery_by_method.clear()
        assert await files.fetch() == Fetched(first.revision, 300_000)


async def test_nobody_listening_is_unreachable(tmp_path):
    async with serve(TalerDouble()) as base:
        pass
    async with opened(base, tmp_path) as files:
        outcome = await files.store(b"x", None)
        assert kind(outcome) is FailureKind.UNREACHABLE
        assert "cannot be reached" in outcome.message


async def test_nothing_of_the_environment_and_no_cookie_is_used(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    double = TalerDouble()
    double.status, double.status_headers = 503, {"Set-Cookie": "who=you; Path=/"}
    async with over_sockets(double, tmp_path) as files:
        await files.fetch()
        await files.fetch()
        header = double.requests[-1].header
        assert "cookie" not in header
        assert header["accept-encoding"] == "identity"
        assert header["user-agent"] == "walletsync"


async def test_the_double_deflates_json_for_who_asks():
    async with serve(TalerDouble()) as base, httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(base + "config", headers={"Accept-Encoding": "deflate"})
        assert response.headers["content-encoding"] == "deflate"
        assert response.json()["name"] == "sync"
        plain = await client.get(base + "config", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers


# Proxies.


def port_of(base):
    return int(base.rpartition(":")[2].strip("/"))


@asynccontextmanager
async def socks_proxy(target_port, asked_hosts):
    """A SOCKS5 proxy that connects everyone to one port of this machine, whatever host they ask for."""

    async def connection(stream):
        async with stream:
            await receive_exactly(stream, (await receive_exactly(stream, 2))[1])
            await stream.send_all(b"\x05\x00")
            head = await receive_exactly(stream, 5)
            assert head[3] == 3, "the client resolved the host name itself"
            asked_hosts.append((await receive_exactly(stream, head[4])).decode())
            await receive_exactly(stream, 2)
            await stream.send_all(b"\x05\x00\x00\x01" + bytes(6))
            async with await trio.open_tcp_stream("127.0.0.1", target_port) as onward, trio.open_nursery() as nursery:
                nursery.start_soon(pump, stream, onward)
                await pump(onward, stream)
                nursery.cancel_scope.cancel()

    async with listening(connection) as port:
        yield f"socks5h://127.0.0.1:{port}"


@asynccontextmanager
async def listening(connection):
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, connection, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def receive_exactly(stream, count):
    data = b""
    while len(data) < count:
        data += await stream.receive_some(count - len(data))
    return data


async def pump(source, sink):
    try:
        async for data in source:
            await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


async def test_an_onion_address_is_reached_through_tor_which_resolves_it(tmp_path):
    hosts = []
    async with (
        serve(TalerDouble()) as base,
        socks_proxy(port_of(base), hosts) as tor,
        opened("http://abcdefghij.onion/", tmp_path, Way(tor=tor)) as files,
    ):
        assert isinstance(await files.store(b"hidden", None), Stored)
    assert set(hosts) == {"abcdefghij.onion"}


async def test_an_onion_address_without_tor_is_unreachable_and_asks_no_resolver(tmp_path, monkeypatch):
    async with serve(TalerDouble()) as base:
        pass
    asked = []
    monkeypatch.setattr(trio.socket, "getaddrinfo", lambda *a, **k: asked.append(a))
    async with opened("http://abcdefghij.onion/", tmp_path, Way(tor=base.replace("http", "socks5h"))) as files:
        assert kind(await files.fetch()) is FailureKind.UNREACHABLE
    assert not [call for call in asked if "onion" in str(call)]


async def test_a_proxy_is_used_for_other_hosts_but_not_for_this_machine(tmp_path):
    hosts = []
    double = TalerDouble()
    async with serve(double) as base, socks_proxy(port_of(base), hosts) as proxy:
        async with opened(base, tmp_path, Way(proxy=proxy)) as files:
            assert isinstance(await files.store(b"near", None), Stored)
        assert not hosts
        async with opened("https://sync.example.org/", tmp_path, Way(proxy=proxy)) as files:
            assert kind(await files.fetch()) is FailureKind.UNREACHABLE  # the double speaks no TLS
        assert hosts == ["sync.example.org"]


# Certificates.


@pytest.fixture(scope="module")
def certificate():
    """A certificate for 127.0.0.1 that nobody knows, as PEM, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, secret


@asynccontextmanager
async def served_with_tls(double, certificate, folder):
    (folder / "server.pem").write_bytes(b"".join(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")

    async def connection(stream):
        await answer_connection(double, trio.SSLStream(stream, context, server_side=True, https_compatible=True))

    async with listening(connection) as port:
        yield f"https://127.0.0.1:{port}/"


async def test_a_certificate_of_a_named_authority_is_trusted(tmp_path, certificate):
    (tmp_path / "authorities.pem").write_bytes(certificate[0])
    way = Way(authorities=tmp_path / "authorities.pem")
    async with (
        served_with_tls(TalerDouble(), certificate, tmp_path) as base,
        opened(base, tmp_path, way) as files,
    ):
        assert isinstance(await files.store(b"sealed" * 100_000, None), Stored)
        assert isinstance(await files.fetch(), Fetched)


async def test_a_certificate_of_nobody_is_not_trusted_and_nothing_is_sent(tmp_path, certificate):
    double = TalerDouble()
    async with served_with_tls(double, certificate, tmp_path) as base, opened(base, tmp_path) as files:
        outcome = await files.store(b"sealed", None)
        assert kind(outcome) is FailureKind.UNREACHABLE
        assert "certificate is not trusted" in outcome.message
    assert not double.requests


async def test_two_wallets_over_sockets_never_overwrite_each_other(tmp_path):
    double = TalerDouble()
    outcomes = []
    async with serve(double) as base, trio.open_nursery() as nursery:

        async def upload(number):
            (tmp_path / str(number)).mkdir()
            async with opened(base, tmp_path / str(number)) as files:
                outcomes.append(await files.store(b"%d" % number * 100_000, None))

        for number in range(8):
            nursery.start_soon(upload, number)
    assert sum(isinstance(outcome, Stored) for outcome in outcomes) == 1
    assert sum(outcome == Conflict() for outcome in outcomes) == 7
    assert len(double.account(ACCOUNT.public_key).history) == 1
