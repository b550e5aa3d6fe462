"""The values of the Taler sync protocol: hashes, signatures, tags, and the JSON that the server sends.

The protocol is the one of the running servers (2019 to 2023), which differs from its documentation:

- A blob is named by the SHA-512 of its bytes, written in GNUnet's base32 (103 characters). That is our revision too.
- An upload is signed with the account's Ed25519 key over 136 bytes: their length (136) and the purpose (1450,
  TALER_SIGNATURE_SYNC_BACKUP_UPLOAD) as big-endian 32-bit integers, the hash of the blob to be replaced (zeros: there
  is none), and the hash of the new one.
- Two **dialects** are spoken, told apart by nothing but this: servers since 2023-09-17 put the hashes of ``ETag``,
  ``If-Match`` and ``If-None-Match`` into double quotes and refuse bare ones; older servers do the opposite.
  ``Sync-Signature`` and ``Sync-Previous`` are bare in both.

Nothing here does I/O. What a server sent is read liberally, but never trusted further than its signature.
"""

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from daemon.server.base import Account, Payment
from ipc import base32

HASH_BYTES = 64
SIGNATURE_BYTES = 64
NO_BLOB = bytes(HASH_BYTES)
"""What stands for the hash of the predecessor where there is none."""

_UPLOAD = struct.Struct(f">II{HASH_BYTES}s{HASH_BYTES}s")
_UPLOAD_PURPOSE = 1450
_AMOUNT = re.compile(r"[A-Za-z]{1,11}:[0-9]{1,16}(\.[0-9]{1,8})?")
_PAY_URI = re.compile(r"taler(\+http)?://pay/[\x21-\x7e]{1,1000}")
_NEWEST_VERSION = 2
_MEBIBYTE = 1 << 20
_LONGEST_HINT = 200
# Members that we do not know are skipped by descending into them, however deep a hostile server nests them.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Dialect(StrEnum):
    """How a server writes hashes in ``ETag``, ``If-Match`` and ``If-None-Match``."""

    QUOTED = "quoted"
    UNQUOTED = "unquoted"

    def tag(self, revision: str) -> str:
        """Write a revision as a tag."""
        return f'"{revision}"' if self is Dialect.QUOTED else revision

    @property
    def other(self) -> "Dialect":
        """The other one of the two."""
        return Dialect.UNQUOTED if self is Dialect.QUOTED else Dialect.QUOTED


def revision_of(digest: bytes) -> str:
    """Return the revision that a SHA-512 hash stands for."""
    return base32.encode(digest)


def account_path(public_key: bytes) -> str:
    """Return where an account lies, below the server's base address."""
    return f"backups/{base32.encode(public_key)}"


def signed_bytes(old: bytes, new: bytes) -> bytes:
    """Return what an upload's signature covers: the hash of the blob replaced, and of the one that replaces it."""
    return _UPLOAD.pack(_UPLOAD.size, _UPLOAD_PURPOSE, old, new)


def upload_headers(account: Account, old: bytes, new: bytes, dialect: Dialect) -> dict[str, str]:
    """Return the protocol's own headers of an upload. A first one (``old`` is NO_BLOB) has no ``If-Match``."""
    signature = SigningKey(account.seed).sign(signed_bytes(old, new)).signature
    headers = {
        "If-None-Match": dialect.tag(base32.encode(new)),
        "Sync-Signature": base32.encode(signature),
    }
    if old != NO_BLOB:
        headers["If-Match"] = dialect.tag(base32.encode(old))
    return headers


def is_signed(public_key: bytes, old: bytes, new: bytes, signature: bytes) -> bool:
    """Tell whether the account's owner signed this upload."""
    try:
        VerifyKey(public_key).verify(signed_bytes(old, new), signature)
    except BadSignatureError:
        return False
    return True


def decode_header(text: str | None, length: int) -> bytes | None:
    """Read a hash or signature from a header. ``None`` if it is missing or malformed."""
    try:
        return None if text is None else base32.decode(text, length)
    except ValueError:
        return None


def read_tag(etag: str | None) -> tuple[str, Dialect] | None:
    """Read an ``ETag`` of either dialect, weakened by a proxy or not, into a revision and the dialect.

    The revision is what the server says, which is a hint: what is true of a body is its hash.
    """
    text = (etag or "").removeprefix("W/")
    bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    digest = decode_header(bare, HASH_BYTES)
    if digest is None:
        return None
    return base32.encode(digest), Dialect.UNQUOTED if bare == text else Dialect.QUOTED


def hash_stream() -> "hashlib._Hash":
    """Return a fresh hash of the kind that names blobs."""
    return hashlib.sha512()


class Problem(msgspec.Struct, frozen=True):
    """The JSON of a refusal. Codes from before November 2020 are others: the HTTP status decides."""

    code: int
    hint: str = ""

    @property
    def words(self) -> str:
        """The server's own words, fit for one line."""
        return "".join(character if character.isprintable() else " " for character in self.hint)[:_LONGEST_HINT]


def read_problem(body: bytes) -> Problem | None:
    """Read a refusal's body. ``None`` if it is not from a sync server: a proxy's HTML page, or nothing."""
    try:
        return msgspec.json.decode(body, type=Problem)
    except _UNREADABLE:
        return None


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What ``/config`` says: the largest body the server takes, in bytes, and what an account costs a year."""

    limit_bytes: int | None
    annual_fee: str | None


class _ConfigText(msgspec.Struct):
    name: str
    version: str
    storage_limit_in_megabytes: int | None = None
    annual_fee: str | None = None


class ConfigError(ValueError):
    """What answered is no sync server, or one that we cannot speak with. The message is for a person."""


def read_config(body: bytes) -> ServerConfig:
    """Read the body of ``/config``. Raises ConfigError.

    ``version`` is libtool's CURRENT:REVISION:AGE: the server speaks CURRENT - AGE to CURRENT, and we speak 0 to 2.
    """
    try:
        config = msgspec.json.decode(body, type=_ConfigText)
    except _UNREADABLE:
        raise ConfigError("what answers there is no GNU Taler sync server") from None
    if config.name != "sync":
        name = Problem(0, config.name).words
        raise ConfigError(f"what answers there is a {name!r}, not a 'sync' server")
    _check_version(config.version)
    megabytes = config.storage_limit_in_megabytes
    # The server refuses length/1024/1024 >= limit, so the limit itself is one byte too many.
    limit = megabytes * _MEBIBYTE - 1 if megabytes is not None and megabytes > 0 else None
    return ServerConfig(limit, amount_or_none(config.annual_fee))


def _check_version(version: str) -> None:
    parts = version.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise ConfigError("the sync server names no protocol version that we can read (one looks like 2:0:0)")
    current, _, age = (int(part) for part in parts)
    if current - age > _NEWEST_VERSION:
        raise ConfigError(
            f"the sync server speaks protocol {current}, and we speak up to {_NEWEST_VERSION}: update walletsync"
        )


def amount_or_none(text: str | None) -> str | None:
    """Return the amount if it is one (``CURRENCY:VALUE[.FRACTION]``)."""
    return text if text is not None and _AMOUNT.fullmatch(text) else None


def read_payment(taler_header: str | None, amount: str | None) -> Payment | None:
    """Read the ``Taler`` header of a 402. ``None`` if it asks for no payment that a wallet could make."""
    if taler_header is None or not _PAY_URI.fullmatch(taler_header):
        return None
    return Payment(taler_header, amount)


def order_of(payment: Payment) -> str:
    """Return the id of the order to pay: the last segment of the URI's path."""
    return payment.uri.partition("?")[0].rstrip("/").rpartition("/")[2]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After`` in seconds; as a date it is not read. ``None`` if there is none."""
    text = headers.get("retry-after", "")
    return min(float(text), 86400.0) if text.isascii() and text.isdecimal() and len(text) < 10 else None
