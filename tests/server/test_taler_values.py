"""The values of the Taler sync protocol, against vectors that the real server accepted."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from daemon.server.base import Account
from daemon.server.taler import values
from daemon.server.taler.values import ConfigError, Dialect
from ipc import base32

SEED = bytes(range(32))
KEY = "0EGGFFZKSR8BW7BGVMCEEJY0K5KY9NHGKEJGTQRXVJ3684JN66W0"
BODY_1 = b"sync test vector: first backup body"
BODY_2 = b"sync test vector: second backup body"
H1 = "63DWZ98E4K49Z4M3X6EBC5NHPJB4ZH6YKEZQEP0JFA9ZMG1X9Q9SZ49E9VH3E9YBYX71684ZB4CAFTQBSDSSZ017KKB0WK6NT66C7DR"
H2 = "P9788HQ5NN455RP1PG8T5ASF9YK19923QG91ZJ8QTMBMA8ZD7J77T62JGYA19Y3FS54JR9VK0NTJNDX2BG625ZZ2WYV67WDT06ZVF6G"
SIGNATURE_1 = "4S51ZS6SEMJ13M4ADBM55DMJ1V9QN9HMFVF8AQQBXSZE2PD51JDKESQJAX0T3QHEDZSX71MJT5WF4FTZ8VA6PS306WXP6D0VGDJP038"
SIGNATURE_2 = "KQS1N0TFXFHXJHABB8QS0JRYS1YGN3P2815GVSVJDYA6FYC8GYDN14THRR1WXZM60DC04PRHB92RAAEARDX3WNKJ3P6K8D53WEVJC1G"
ACCOUNT = Account(SEED, bytes(SigningKey(SEED).verify_key))


def digest(body):
    return hashlib.sha512(body).digest()


def test_the_account_of_the_vector_has_its_path():
    assert values.account_path(ACCOUNT.public_key) == f"backups/{KEY}"


def test_the_vectors_bodies_have_their_revisions():
    assert [values.revision_of(digest(body)) for body in (BODY_1, BODY_2)] == [H1, H2]


def test_the_signed_bytes_are_size_purpose_and_both_hashes():
    signed = values.signed_bytes(digest(BODY_1), digest(BODY_2))
    assert signed == bytes.fromhex("00000088000005aa") + digest(BODY_1) + digest(BODY_2)
    assert values.signed_bytes(values.NO_BLOB, digest(BODY_1))[8:72] == bytes(64)


def test_a_first_upload_has_the_vectors_headers_and_no_if_match():
    headers = values.upload_headers(ACCOUNT, values.NO_BLOB, digest(BODY_1), Dialect.QUOTED)
    assert headers == {"If-None-Match": f'"{H1}"', "Sync-Signature": SIGNATURE_1}


def test_an_update_has_the_vectors_headers_in_both_dialects():
    old, new = digest(BODY_1), digest(BODY_2)
    quoted = {"If-Match": f'"{H1}"', "If-None-Match": f'"{H2}"', "Sync-Signature": SIGNATURE_2}
    bare = {"If-Match": H1, "If-None-Match": H2, "Sync-Signature": SIGNATURE_2}
    assert values.upload_headers(ACCOUNT, old, new, Dialect.QUOTED) == quoted
    assert values.upload_headers(ACCOUNT, old, new, Dialect.UNQUOTED) == bare


def test_the_vectors_signatures_verify_and_no_others():
    signature = base32.decode(SIGNATURE_2, 64)
    key, old, new = ACCOUNT.public_key, digest(BODY_1), digest(BODY_2)
    assert values.is_signed(key, old, new, signature)
    assert not values.is_signed(key, values.NO_BLOB, new, signature)
    assert not values.is_signed(key, new, old, signature)
    assert not values.is_signed(key, old, new, bytes(64))
    assert not values.is_signed(bytes(32), old, new, signature)


@pytest.mark.parametrize(
    ("etag", "read"),
    [
        (f'"{H1}"', (H1, Dialect.QUOTED)),
        (f'W/"{H1}"', (H1, Dialect.QUOTED)),
        (H1, (H1, Dialect.UNQUOTED)),
        (H1.lower(), (H1, Dialect.UNQUOTED)),
        (None, None),
        ("", None),
        ('"', None),
        (f'"{H1[:-1]}"', None),
        (f'"{H1}', None),
        ("*", None),
    ],
)
def test_a_tag_is_read_in_either_dialect_or_not_at_all(etag, read):
    assert values.read_tag(etag) == read


def test_the_hash_of_no_blob_is_103_zeros():
    assert values.revision_of(values.NO_BLOB) == "0" * 103


def config(**members):
    return json.dumps({"name": "sync", "version": "2:0:0", **members}).encode()


def test_the_limit_is_one_byte_less_than_the_megabytes_say():
    read = values.read_config(config(storage_limit_in_megabytes=16, annual_fee="KUDOS:0.1", liability_limit="KUDOS:0"))
    assert (read.limit_bytes, read.annual_fee) == (16777215, "KUDOS:0.1")


@pytest.mark.parametrize("version", ["0:0:0", "1:0:1", "2:0:0", "3:1:1", "5:0:3"])
def test_versions_that_reach_down_to_ours_are_taken(version):
    assert values.read_config(config(version=version)).limit_bytes is None


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (config(name="taler-merchant"), "taler-merchant"),
        (config(name="a\x1b[2Jb"), "a \\[2Jb|a .2Jb"),
        (config(version="3:0:0"), "protocol 3.*up to 2"),
        (config(version="0.0"), "2:0:0"),
        (config(version="2:0:" + "9" * 5000), "2:0:0"),
        (b'{"name":"sync"}', "no GNU Taler sync server"),
        (b"<html></html>", "no GNU Taler sync server"),
        (b"\xff\xfe", "no GNU Taler sync server"),
        (b'{"name":"sync","x":' + b"[" * 60_000, "no GNU Taler sync server"),
    ],
)
def test_what_is_no_sync_server_is_told_so(body, complaint):
    with pytest.raises(ConfigError, match=complaint):
        values.read_config(body)


@pytest.mark.parametrize("fee", ["KUDOS:0", "EUR:12.50", "CHF:0.00000001"])
def test_an_annual_fee_is_an_amount(fee):
    assert values.read_config(config(annual_fee=fee)).annual_fee == fee


@pytest.mark.parametrize("fee", ["12 EUR", "EUR:", "EUR:1.123456789", "EUR:1\n", "EUR:\u0661", ""])
def test_what_is_no_amount_is_not_shown_as_one(fee):
    assert values.read_config(config(annual_fee=fee)).annual_fee is None


@pytest.mark.parametrize(
    ("uri", "order"),
    [
        ("taler://pay/merchant.example.org/2023.1-XYZ/", "2023.1-XYZ"),
        ("taler://pay/merchant.example.org/instances/sync/ORDER-1/?c=TOKEN", "ORDER-1"),
        ("taler+http://pay/127.0.0.1:9966/STUB-F77BD57E4C750A9D/", "STUB-F77BD57E4C750A9D"),
    ],
)
def test_a_payment_names_its_order(uri, order):
    payment = values.read_payment(uri, "KUDOS:1")
    assert payment is not None
    assert (payment.uri, payment.amount, values.order_of(payment)) == (uri, "KUDOS:1", order)


@pytest.mark.parametrize(
    "header",
    [None, "", "https://pay/x/", "taler://refund/x/", "taler://pay/", "taler://pay/a b", "taler://pay/\x1b[2J"],
)
def test_what_is_no_payment_uri_is_not_passed_on(header):
    assert values.read_payment(header, None) is None


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("120", 120.0), ("999999999", 86400.0)])
def test_retry_after_is_read_in_seconds_up_to_a_day(text, seconds):
    assert values.retry_after({"retry-after": text}) == seconds


@pytest.mark.parametrize("text", ["", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 400])
def test_other_retry_after_is_ignored(text):
    assert values.retry_after({"retry-after": text}) is None


def test_a_problem_is_shown_in_one_short_printable_line():
    problem = values.read_problem(b'{"code": 6104, "hint": "bad\\nsignature\\u001b[2J' + b"x" * 500 + b'"}')
    assert problem is not None
    assert problem.code == 6104
    assert problem.words.startswith("bad signature [2J")
    assert len(problem.words) == 200


def test_a_refusal_nested_without_end_is_no_refusal():
    assert values.read_problem(b'{"code": 1, "x": ' + b"[" * 60_000) is None


@given(st.binary(max_size=200))
def test_no_body_of_a_refusal_is_an_exception(body):
    problem = values.read_problem(body)
    assert problem is None or isinstance(problem.code, int)
