"""Fetch, store and describe against the double, in both dialects, by every row of the protocol that a client meets."""

import hashlib
from dataclasses import replace

import pytest
from nacl.signing import SigningKey
from support.taler_client import ACCOUNT, URL, without_sockets
from support.taler_double import Delivery, InMemoryTransport, TalerDouble
from support.taler_messages import Backup, Response

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
from daemon.server.taler import values
from daemon.server.taler.client import open_taler_server
from daemon.worker import inline
from ipc import base32

BODY_1 = b"sync test vector: first backup body"
BODY_2 = b"sync test vector: second backup body"
OTHERS = b"another wallet's blob"


def revision(body):
    return values.revision_of(hashlib.sha512(body).digest())


def backup(body, previous=values.NO_BLOB, account=ACCOUNT):
    digest = hashlib.sha512(body).digest()
    signature = SigningKey(account.seed).sign(values.signed_bytes(previous, digest)).signature
    return Backup(body, previous, signature)


@pytest.fixture(params=["quoted", "unquoted"])
def double(request):
    return TalerDouble(quoted=request.param == "quoted")


@pytest.fixture
async def files(double, tmp_path):
    async with without_sockets(double, tmp_path, {}) as files:
        yield files


async def test_config_gives_identity_and_limit(double, files):
    assert await files.server.describe() == Description("https://sync.example.org/", 16 * 1024 * 1024 - 1)


async def test_an_account_nobody_knows_holds_no_blob(double, files):
    assert await files.fetch() == NoBlob()
    assert not files.spool.exists()


async def test_an_account_without_a_backup_holds_no_blob(double, files):
    double.open_account(ACCOUNT.public_key)
    assert await files.fetch() == NoBlob()


async def test_what_was_stored_first_is_fetched(double, files):
    assert await files.store(BODY_1, None) == Stored(revision(BODY_1))
    assert await files.fetch() == Fetched(revision(BODY_1), len(BODY_1))
    assert files.spool.read_bytes() == BODY_1
    assert files.spool.stat().st_mode & 0o777 == 0o600


async def test_what_replaced_it_is_fetched(double, files):
    await files.store(BODY_1, None)
    assert await files.store(BODY_2, revision(BODY_1)) == Stored(revision(BODY_2))
    assert await files.fetch(revision(BODY_1)) == Fetched(revision(BODY_2), len(BODY_2))
    assert files.spool.read_bytes() == BODY_2


async def test_the_request_is_the_vectors_byte_for_byte(double, files):
    await files.store(BODY_1, None)
    await files.store(BODY_2, revision(BODY_1))
    sent = [request for request in double.requests if request.method == "POST"][-1]
    tag = '"{}"'.format if double.quoted else str
    assert sent.target == "/backups/0EGGFFZKSR8BW7BGVMCEEJY0K5KY9NHGKEJGTQRXVJ3684JN66W0"
    assert sent.header["content-length"] == "36"
    assert "transfer-encoding" not in sent.header
    assert sent.header["if-match"] == tag(revision(BODY_1))
    assert sent.header["if-none-match"] == tag(revision(BODY_2))
    assert sent.header["sync-signature"] == (
        "KQS1N0TFXFHXJHABB8QS0JRYS1YGN3P2815GVSVJDYA6FYC8GYDN14THRR1WXZM60DC04PRHB92RAAEARDX3WNKJ3P6K8D53WEVJC1G"
    )


async def test_a_known_revision_is_unchanged_and_costs_one_request(double, files):
    await files.store(BODY_1, None)
    double.requests.clear()
    assert await files.fetch(revision(BODY_1)) == Unchanged()
    assert len(double.requests) == 1
    assert not files.spool.exists()


async def test_an_unchanged_blob_is_not_read(double, files):
    await files.store(BODY_1, None)
    # Whoever read on would meet the end of the connection.
    double.next_delivery_by_method["GET"] = Delivery.CUT
    assert await files.fetch(revision(BODY_1)) == Unchanged()


async def test_a_server_with_working_conditional_requests_is_believed(double, files):
    double.conditional_get_is_mended = True
    await files.store(BODY_1, None)
    assert await files.fetch(revision(BODY_1)) == Unchanged()
    assert await files.store(BODY_2, revision(BODY_1)) == Stored(revision(BODY_2))
    assert await files.fetch(revision(BODY_1)) == Fetched(revision(BODY_2), len(BODY_2))


async def test_another_wallets_blob_in_between_is_a_conflict(double, files):
    await files.store(BODY_1, None)
    double.put(ACCOUNT.public_key, backup(OTHERS, hashlib.sha512(BODY_1).digest()))
    assert await files.store(BODY_2, revision(BODY_1)) == Conflict()
    assert double.account(ACCOUNT.public_key).backup.body == OTHERS


async def test_a_lost_race_after_the_header_is_a_conflict(double, files):
    await files.store(BODY_1, None)
    other = backup(OTHERS, hashlib.sha512(BODY_1).digest())
    double.before_body = lambda: double.put(ACCOUNT.public_key, other)
    assert await files.store(BODY_2, revision(BODY_1)) == Conflict()


async def test_a_first_upload_to_a_taken_account_is_a_conflict(double, files):
    double.put(ACCOUNT.public_key, backup(OTHERS))
    assert await files.store(BODY_1, None) == Conflict()


async def test_the_false_304_of_two_first_uploads_is_a_conflict(double, files):
    double.before_body = lambda: double.put(ACCOUNT.public_key, backup(OTHERS))
    assert await files.store(BODY_1, None) == Conflict()
    assert double.account(ACCOUNT.public_key).backup.body == OTHERS


async def test_a_repeated_upload_is_stored_already(double, files):
    await files.store(BODY_1, None)
    await files.store(BODY_2, revision(BODY_1))
    assert await files.store(BODY_2, revision(BODY_1)) == Stored(revision(BODY_2))


async def test_a_lost_answer_is_asked_for(double, files):
    await files.store(BODY_1, None)
    double.next_delivery_by_method["POST"] = Delivery.LOST
    assert await files.store(BODY_2, revision(BODY_1)) == Stored(revision(BODY_2))


async def test_a_lost_answer_to_a_superseded_upload_still_means_stored(double, files):
    await files.store(BODY_1, None)
    double.next_delivery_by_method["POST"] = Delivery.LOST
    account = double.account(ACCOUNT.public_key)
    answer_get = double._get

    def superseded(key, request):
        # The other wallet is quicker than our question.
        if account.backup.body == BODY_2:
            double.put(ACCOUNT.public_key, backup(OTHERS, hashlib.sha512(BODY_2).digest()))
        return answer_get(key, request)

    double._get = superseded
    assert await files.store(BODY_2, revision(BODY_1)) == Stored(revision(BODY_2))
    assert await files.fetch(revision(BODY_2)) == Fetched(revision(OTHERS), len(OTHERS))


async def test_an_upload_that_never_arrived_is_not_believed(double, files):
    await files.store(BODY_1, None)
    double.next_delivery_by_method["POST"] = Delivery.DROPPED
    outcome = await files.store(BODY_2, revision(BODY_1))
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.UNREACHABLE
    assert double.account(ACCOUNT.public_key).backup.body == BODY_1


async def test_a_first_upload_that_never_arrived_is_not_believed(double, files):
    double.next_delivery_by_method["POST"] = Delivery.DROPPED
    outcome = await files.store(BODY_1, None)
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.UNREACHABLE


async def test_a_broken_upload_whose_blob_was_overtaken_is_a_conflict(double, files):
    await files.store(BODY_1, None)
    double.put(ACCOUNT.public_key, backup(OTHERS, hashlib.sha512(BODY_1).digest()))
    double.next_delivery_by_method["POST"] = Delivery.DROPPED
    assert await files.store(BODY_2, revision(BODY_1)) == Conflict()


async def test_a_broken_upload_to_a_server_that_lost_its_blob_is_a_conflict(double, files):
    await files.store(BODY_1, None)
    double.lose_backup(ACCOUNT.public_key)
    double.next_delivery_by_method["POST"] = Delivery.DROPPED
    assert await files.store(BODY_2, revision(BODY_1)) == Conflict()


async def test_an_upload_that_nobody_can_ask_about_is_left_open(double, files):
    await files.store(BODY_1, None)
    double.next_delivery_by_method.update(POST=Delivery.LOST, GET=Delivery.DROPPED)
    outcome = await files.store(BODY_2, revision(BODY_1))
    assert isinstance(outcome, Failure)
    assert "not known" in outcome.message


async def test_a_first_upload_is_believed_only_once_it_was_seen(double, files):
    double.next_delivery_by_method["GET"] = Delivery.DROPPED
    outcome = await files.store(BODY_1, None)
    assert isinstance(outcome, Failure)
    assert await files.store(BODY_1, None) == Stored(revision(BODY_1))


async def test_a_server_that_claims_304_and_holds_another_blob_is_not_believed(double, files):
    await files.store(BODY_1, None)
    double._refuse_state = lambda account, upload: Response(304)
    outcome = await files.store(BODY_2, revision(BODY_1))
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.REFUSED


async def test_a_server_that_lost_the_account_is_started_over(double, files):
    await files.store(BODY_1, None)
    double.collect_garbage(ACCOUNT.public_key)
    assert await files.fetch(revision(BODY_1)) == NoBlob()
    assert await files.store(BODY_2, None) == Stored(revision(BODY_2))


async def test_a_server_that_lost_the_backup_is_started_over(double, files):
    await files.store(BODY_1, None)
    double.lose_backup(ACCOUNT.public_key)
    assert await files.store(BODY_2, revision(BODY_1)) == Conflict()  # 500, code 56
    assert await files.fetch(revision(BODY_1)) == NoBlob()
    assert await files.store(BODY_2, None) == Stored(revision(BODY_2))


async def test_a_server_that_loses_the_backup_meanwhile_is_started_over(double, files):
    await files.store(BODY_1, None)
    double.before_body = lambda: double.lose_backup(ACCOUNT.public_key)
    assert await files.store(BODY_2, revision(BODY_1)) == Conflict()  # 404, code 6111
    assert await files.fetch(revision(BODY_1)) == NoBlob()


async def test_a_server_put_back_to_an_older_blob_gives_that(double, files):
    await files.store(BODY_1, None)
    await files.store(BODY_2, revision(BODY_1))
    double.put_back(ACCOUNT.public_key, 0)
    assert await files.fetch(revision(BODY_2)) == Fetched(revision(BODY_1), len(BODY_1))
    assert await files.store(OTHERS, revision(BODY_2)) == Conflict()


async def test_a_blob_above_the_known_limit_is_not_even_sent(double, files):
    double.megabytes = 1
    await files.server.describe()
    double.requests.clear()
    outcome = await files.store(bytes(1024 * 1024), None)
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.TOO_LARGE
    assert "1 more than the 1,048,575" in outcome.message
    assert {request.path for request in double.requests} == {"/config"}


async def test_a_blob_above_a_limit_that_was_raised_is_taken(double, files):
    double.megabytes = 1
    await files.server.describe()
    double.megabytes = 2
    assert isinstance(await files.store(bytes(1024 * 1024), None), Stored)
    assert files.server.limit_bytes == 2 * 1024 * 1024 - 1


async def test_the_largest_blob_within_the_limit_is_taken(double, files):
    double.megabytes = 1
    await files.server.describe()
    assert await files.store(bytes(1024 * 1024 - 1), None) == Stored(revision(bytes(1024 * 1024 - 1)))


async def test_a_blob_above_a_limit_that_we_did_not_know_is_too_large(double, files):
    double.megabytes = 1
    outcome = await files.store(bytes(1024 * 1024), None)
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.TOO_LARGE


async def test_a_proxys_own_limit_is_told_from_the_servers(double, files):
    double.proxy_limit = 1000
    await files.server.describe()
    outcome = await files.store(bytes(1001), None)
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.TOO_LARGE
    assert "client_max_body_size" in outcome.message
    assert "16,777,215" in outcome.message


async def test_a_blob_of_no_bytes_goes_both_ways(double, files):
    assert await files.store(b"", None) == Stored(revision(b""))
    assert await files.fetch() == Fetched(revision(b""), 0)
    assert files.spool.read_bytes() == b""


async def test_the_dialect_is_learnt_once_and_remembered(double, files):
    await files.store(BODY_1, None)
    assert files.server.memory["dialect"] == ("quoted" if double.quoted else "unquoted")
    double.requests.clear()
    await files.store(BODY_2, revision(BODY_1))
    assert [request.method for request in double.requests] == ["POST"]


async def test_a_server_that_changes_its_dialect_is_followed(double, files):
    await files.store(BODY_1, None)
    double.quoted = not double.quoted
    assert await files.store(BODY_2, revision(BODY_1)) == Stored(revision(BODY_2))
    assert files.server.memory["dialect"] == ("quoted" if double.quoted else "unquoted")
    double.quoted = not double.quoted
    assert await files.fetch(revision(BODY_2)) == Unchanged()
    double.quoted = not double.quoted
    assert await files.fetch(revision(BODY_1)) == Fetched(revision(BODY_2), len(BODY_2))


async def test_the_predecessor_is_remembered(double, files):
    await files.store(BODY_1, None)
    await files.store(BODY_2, revision(BODY_1))
    assert files.server.memory["previous"] == revision(BODY_1)
    files.server.memory.clear()
    await files.fetch()
    assert files.server.memory["previous"] == revision(BODY_1)


async def test_accounts_do_not_see_each_other(double, files):
    await files.store(BODY_1, None)
    other = Account(bytes(32), bytes(SigningKey(bytes(32)).verify_key))
    assert await files.server.fetch(other, None, files.spool) == NoBlob()


async def test_what_was_learnt_is_used_after_a_restart(double, files, tmp_path):
    await files.server.describe()
    await files.store(BODY_1, None)
    async with open_taler_server(
        URL, inline, dict(files.server.memory), transport=InMemoryTransport(double)
    ) as restarted:
        double.requests.clear()
        (tmp_path / "large").write_bytes(bytes(16 * 1024 * 1024))
        outcome = await restarted.store(ACCOUNT, tmp_path / "large", revision(BODY_1))
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.TOO_LARGE
    assert {request.path for request in double.requests} == {"/config"}


async def test_a_blob_of_another_account_is_forged(double, files):
    other = Account(bytes(32), bytes(SigningKey(bytes(32)).verify_key))
    double.put(ACCOUNT.public_key, backup(OTHERS, account=other))
    outcome = await files.fetch()
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.UNREADABLE
    assert not files.spool.exists()


async def test_a_changed_predecessor_is_forged(double, files):
    double.put(ACCOUNT.public_key, replace(backup(BODY_1), previous=b"\x01" * 64))
    outcome = await files.fetch()
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.UNREADABLE


async def test_a_changed_body_is_forged(double, files):
    double.put(ACCOUNT.public_key, replace(backup(BODY_1), body=BODY_1 + b"!"))
    outcome = await files.fetch()
    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.UNREADABLE
    assert "forged" in outcome.message


async def test_a_conflicts_body_is_not_read(double, files, autojump_clock):
    await files.store(BODY_1, None)
    double.put(ACCOUNT.public_key, backup(OTHERS, hashlib.sha512(BODY_1).digest()))
    double.next_delivery_by_method["POST"] = Delivery.STALLED_BODY
    assert await files.store(BODY_2, revision(BODY_1)) == Conflict()


def test_revisions_are_base32_of_the_bodys_hash():
    assert base32.decode(revision(BODY_1)) == hashlib.sha512(BODY_1).digest()
