"""A bucket as a server, against moto's object store over a loopback port."""

import hashlib

import pytest
import trio
from nacl.signing import SigningKey
from support.s3_double import CREDENTIALS, object_store

from daemon.server.base import (
    Account,
    Conflict,
    Description,
    Failure,
    FailureKind,
    Fetched,
    NoBlob,
    Stored,
    Unchanged,
)
from daemon.server.s3 import Credentials, S3Server, credentials_of
from daemon.server.urls import parse_server_url
from daemon.worker import threads
from ipc import base32

ACCOUNT = Account(bytes(range(32)), bytes(SigningKey(bytes(range(32))).verify_key))


@pytest.fixture(scope="module")
def running():
    with object_store() as store:
        yield store


@pytest.fixture
def store(running):
    running.bucket = running.new_bucket()
    return running


@pytest.fixture
def open_server(store):
    def open_server(prefix="", bucket=None, credentials=CREDENTIALS, **options):
        url = f"{bucket or store.bucket}{prefix}?endpoint={store.endpoint}"
        return S3Server(parse_server_url(url), threads(2), credentials, **options)

    return open_server


@pytest.fixture
def wallet(open_server, tmp_path):
    return Wallet(open_server(), tmp_path)


class Wallet:
    """Stores texts and fetches them."""

    def __init__(self, server, folder):
        self.server = server
        self.spool = folder / "spool"
        self._sealed = folder / "sealed"

    async def store(self, body, expected, account=ACCOUNT):
        self._sealed.write_bytes(body)
        return await self.server.store(account, self._sealed, expected)

    async def fetch(self, known=None, account=ACCOUNT):
        return await self.server.fetch(account, known, self.spool)


def kind(outcome):
    assert isinstance(outcome, Failure), outcome
    return outcome.kind


async def stored(wallet, body, expected=None):
    outcome = await wallet.store(body, expected)
    assert isinstance(outcome, Stored), outcome
    return outcome.revision


def put_behind(store, body, note=None):
    """Write the object as another program does, without any condition."""
    store.put(store.bucket, f"{base32.encode(ACCOUNT.public_key)}.blob", body, note)


def other_wallets(store, body):
    put_behind(store, body, hashlib.sha512(body).hexdigest())


async def test_an_empty_bucket_holds_no_blob(wallet):
    assert await wallet.fetch() == NoBlob()
    assert await wallet.fetch("x:y") == NoBlob()
    assert not wallet.spool.exists()


async def test_a_bucket_that_keeps_conditions_is_described(store, open_server):
    server = open_server("wallets/me/")
    expected = Description(f"{store.bucket}wallets/me/?endpoint={store.endpoint}")
    assert await server.describe() == expected
    assert await server.describe() == expected


async def test_a_store_that_ignores_conditions_is_refused(store, wallet):
    store.ignores_conditions = True
    outcome = await wallet.server.describe()
    assert kind(outcome) is FailureKind.REFUSED
    assert "conditions" in outcome.message


async def test_a_blob_goes_there_and_back(wallet):
    first = await stored(wallet, b"first")
    assert await wallet.fetch() == Fetched(first, 5)
    assert wallet.spool.read_bytes() == b"first"
    assert wallet.spool.stat().st_mode & 0o777 == 0o600
    second = await stored(wallet, b"second", first)
    assert await wallet.fetch(first) == Fetched(second, 6)
    assert wallet.spool.read_bytes() == b"second"


async def test_a_large_blob_goes_there_and_back_in_one_request(store, wallet):
    body = bytes(range(256)) * 50_000
    first = await stored(wallet, body)
    assert [method for method, _ in store.requests].count("PUT") == 1
    assert await wallet.fetch() == Fetched(first, len(body))
    assert wallet.spool.read_bytes() == body


async def test_an_unchanged_blob_costs_one_look(store, wallet):
    first = await stored(wallet, b"first")
    store.requests.clear()
    assert await wallet.fetch(first) == Unchanged()
    assert [method for method, _ in store.requests] == ["HEAD"]
    assert not wallet.spool.exists()


async def test_the_revision_names_content_and_tag(wallet):
    first = await stored(wallet, b"first")
    content, tag = hashlib.sha512(b"first").hexdigest(), hashlib.md5(b"first").hexdigest()
    assert first == f'{content}:"{tag}"'


async def test_a_stale_update_is_a_conflict(store, wallet):
    first = await stored(wallet, b"first")
    second = await stored(wallet, b"second", first)
    assert await wallet.store(b"third", first) == Conflict()
    assert await wallet.store(b"third", None) == Conflict()
    assert await wallet.fetch(second) == Unchanged()


async def test_a_race_after_the_look_is_a_conflict(store, wallet):
    first = await stored(wallet, b"first")
    store.before_next_put = lambda: other_wallets(store, b"theirs")
    assert await wallet.store(b"mine", first) == Conflict()
    assert isinstance(await wallet.fetch(), Fetched)
    assert wallet.spool.read_bytes() == b"theirs"


async def test_a_race_for_the_first_upload_is_a_conflict(store, wallet):
    store.before_next_put = lambda: other_wallets(store, b"theirs")
    assert await wallet.store(b"mine", None) == Conflict()


async def test_a_deleted_object_is_started_over(store, wallet):
    first = await stored(wallet, b"first")
    store.delete(store.bucket, f"{base32.encode(ACCOUNT.public_key)}.blob")
    assert await wallet.fetch(first) == NoBlob()
    assert await wallet.store(b"second", first) == Conflict()
    assert isinstance(await wallet.store(b"second", None), Stored)


async def test_a_lost_answer_is_looked_after(store, wallet):
    first = await stored(wallet, b"first")
    store.loses_next_answer_of = "PUT"
    second = await stored(wallet, b"second", first)
    assert await wallet.fetch(second) == Unchanged()


async def test_a_repeated_upload_is_stored_already(store, wallet):
    first = await stored(wallet, b"first")
    second = await stored(wallet, b"second", first)
    store.requests.clear()
    assert await wallet.store(b"second", first) == Stored(second)
    assert "PUT" not in [method for method, _ in store.requests]


async def test_an_upload_that_failed_is_not_believed(store, wallet):
    first = await stored(wallet, b"first")
    store.fails_next = "PUT"
    assert kind(await wallet.store(b"second", first)) is FailureKind.UNREACHABLE
    assert await wallet.fetch(first) == Unchanged()


async def test_a_tag_that_two_contents_share_is_not_believed(store, wallet):
    store.same_tag = True
    first = await stored(wallet, b"first")
    other_wallets(store, b"theirs")
    assert await wallet.store(b"mine", first) == Conflict()
    assert isinstance(await wallet.fetch(first), Fetched)
    assert wallet.spool.read_bytes() == b"theirs"


async def test_a_store_without_notes_is_read_to_know_whether_it_changed(store, wallet):
    store.forgets_notes = True
    first = await stored(wallet, b"first")
    assert await wallet.fetch(first) == Unchanged()
    assert not wallet.spool.exists()
    second = await stored(wallet, b"second", first)
    assert await wallet.fetch(first) == Fetched(second, 6)
    assert await wallet.store(b"third", first) == Conflict()


async def test_a_note_that_lies_does_not_name_the_content(store, wallet):
    put_behind(store, b"body", "0" * 128)
    fetched = await wallet.fetch()
    assert isinstance(fetched, Fetched)
    assert fetched.revision.startswith(hashlib.sha512(b"body").hexdigest())


async def test_accounts_and_prefixes_do_not_see_each_other(open_server, tmp_path):
    one, two = Wallet(open_server("one"), tmp_path), Wallet(open_server("two"), tmp_path)
    await stored(one, b"first")
    assert await two.fetch() == NoBlob()
    assert await one.fetch(account=Account(bytes(32), bytes(SigningKey(bytes(32)).verify_key))) == NoBlob()


async def test_a_missing_bucket_is_gone_and_named(open_server, tmp_path):
    wallet = Wallet(open_server(bucket="s3://no-such-bucket/"), tmp_path)
    for outcome in (
        await wallet.server.describe(),
        await wallet.fetch(),
        await wallet.fetch("x:y"),
        await wallet.store(b"first", None),
        await wallet.store(b"first", "x:y"),
    ):
        assert kind(outcome) is FailureKind.GONE
        assert "no bucket 'no-such-bucket'" in outcome.message


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("403 Forbidden", "AccessDenied", FailureKind.REFUSED),
        ("403 Forbidden", "RequestTimeTooSkewed", FailureKind.REFUSED),
        ("401 Unauthorized", "Unauthorized", FailureKind.REFUSED),
        ("400 Bad Request", "AuthorizationHeaderMalformed", FailureKind.REFUSED),
        ("301 Moved Permanently", "PermanentRedirect", FailureKind.REFUSED),
        ("501 Not Implemented", "NotImplemented", FailureKind.REFUSED),
        ("413 Payload Too Large", "EntityTooLarge", FailureKind.TOO_LARGE),
        ("503 Service Unavailable", "SlowDown", FailureKind.BUSY),
        ("429 Too Many Requests", "TooMany", FailureKind.BUSY),
        ("500 Internal Server Error", "InternalError", FailureKind.UNREACHABLE),
        ("507 Insufficient Storage", "XMinioStorageFull", FailureKind.UNREACHABLE),
    ],
)
async def test_a_refusal_of_the_store_means_this(store, wallet, status, code, expected):
    store.refusal = (status, code)
    key = base32.encode(ACCOUNT.public_key)
    for outcome in (
        await wallet.server.describe(),
        await wallet.fetch(),
        await wallet.fetch("x:y"),
        await wallet.store(b"first", None),
    ):
        assert kind(outcome) is expected
        assert key not in outcome.message
    assert not wallet.spool.exists()


async def test_nobody_listening_is_unreachable(tmp_path):
    url = parse_server_url("s3://bucket/?endpoint=http://127.0.0.1:1")
    assert kind(await Wallet(S3Server(url, threads(1), CREDENTIALS), tmp_path).fetch()) is FailureKind.UNREACHABLE


async def test_a_stall_ends_after_the_time_for_a_request(store, open_server, tmp_path):
    wallet = Wallet(open_server(timeout=0.2), tmp_path)
    store.is_stalled = True
    assert kind(await wallet.fetch()) is FailureKind.UNREACHABLE
    store.end_stall()


async def test_an_object_larger_than_any_blob_is_not_read(store, open_server, tmp_path):
    wallet = Wallet(open_server(largest_blob=1000), tmp_path)
    put_behind(store, bytes(1001))
    assert kind(await wallet.fetch()) is FailureKind.UNREADABLE
    assert not wallet.spool.exists()


async def test_without_credentials_nothing_is_asked(store, open_server, tmp_path):
    wallet = Wallet(open_server(credentials=None), tmp_path)
    outcome = await wallet.fetch()
    assert kind(outcome) is FailureKind.REFUSED
    assert "walletsyncd has to be started with AWS_ACCESS_KEY_ID" in outcome.message
    assert not store.requests


async def test_a_socks_proxy_is_not_passed_by(store, open_server, tmp_path):
    wallet = Wallet(open_server(proxy="socks5h://127.0.0.1:9050"), tmp_path)
    assert kind(await wallet.store(b"first", None)) is FailureKind.REFUSED
    assert not store.requests


async def test_nothing_of_the_environment_is_used(store, wallet, open_server, tmp_path, monkeypatch):
    nobody = "http://127.0.0.1:1"
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another account")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert isinstance(await Wallet(open_server(), tmp_path).store(b"first", None), Stored)


def test_credentials_come_from_the_usual_variables():
    variables = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    found = credentials_of(variables)
    assert isinstance(found, Credentials)
    assert (found.access_key_id, found.secret_access_key.reveal(), found.session_token) == ("id", "secret", None)
    temporary = credentials_of({**variables, "AWS_SESSION_TOKEN": "token"})
    assert temporary is not None
    assert temporary.session_token is not None
    assert "secret" not in repr(found).replace("<secret>", "").replace("secret_access_key", "")
    assert credentials_of({"AWS_ACCESS_KEY_ID": "id"}) is None


async def test_of_two_wallets_at_once_one_wins(store, open_server, tmp_path):
    outcomes = []

    async def upload(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        outcomes.append(await Wallet(open_server(), folder).store(b"%d" % number, None))

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(upload, number)
    assert sum(isinstance(outcome, Stored) for outcome in outcomes) == 1
    assert outcomes.count(Conflict()) == 3
