"""Sealing: a document becomes a file that only the holders of the blob key can read or make, and back.

A sealed blob is a header and chunks:

    offset  bytes
         0     11  "walletsync" and a zero byte
        11      1  the format's major version, 1
        12     16  key check
        28     24  header of the secretstream, random for every upload
        52    ...  chunks: 65,536 bytes of content each, the last one from 1 to 65,536, each 17 bytes longer when sealed

The content is the document, compressed and padded (daemon.blob.frame). Each chunk is sealed by libsodium's secretstream
(XChaCha20-Poly1305), the last one with its final tag, after which the file ends. The associated data of every chunk is
the first 12 bytes of the header, the kind, the account's public key and a hash of the server's identity: a blob of one
account, server or kind is not accepted as another's.

The key check is a keyed hash of the associated data and the secretstream's header. It tells a wrong key, account,
server or kind from a blob that was changed, and says nothing to a server, since it is different in every upload.
docs/blob-format.md is the specification.
"""

import hmac
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import BinaryIO, Literal, NamedTuple, Protocol

from nacl import bindings
from nacl.exceptions import CryptoError

from daemon.blob.errors import BlobUnreadable, Reason, malformed, too_large
from daemon.blob.frame import compress, decompress
from daemon.blob.head import MAJOR
from daemon.blob.limits import Limits
from daemon.blob.padding import padded_length

Kind = Literal["state", "moved"]
KINDS: tuple[Kind, ...] = ("state", "moved")

MAGIC = b"walletsync\0"
CHUNK_BYTES = 2**16
HEADER_BYTES = 52

_OVERHEAD = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_TAG_MESSAGE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_TAG_FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_START = MAGIC + bytes([MAJOR])
_CHECK_BYTES = 16
_KIND_BYTE: dict[Kind, bytes] = {"state": b"\1", "moved": b"\2"}
_CHECK_PERSON = b"wsync-keycheck-1"
_IDENTITY_PERSON = b"wsync-identity-1"


class Context(NamedTuple):
    """What a blob belongs to: its kind, the account's Ed25519 public key, and the server's identity."""

    kind: Kind
    account: bytes
    server: str

    @property
    def associated_data(self) -> bytes:
        """What every chunk of the blob is bound to: 77 bytes."""
        if len(self.account) != 32:
            raise ValueError(f"an account's public key has 32 bytes, not {len(self.account)}")
        server = blake2b(self.server.encode(), digest_size=32, person=_IDENTITY_PERSON).digest()
        return _START + _KIND_BYTE[self.kind] + self.account + server


class Hasher(Protocol):
    """Anything of hashlib."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""
        ...


def seal(plain: Iterable[bytes], key: bytes, context: Context, sink: BinaryIO, hasher: Hasher | None = None) -> int:
    """Write the document ``plain`` into ``sink`` as a sealed blob, and return its size in bytes.

    No two calls write the same bytes. ``hasher`` is updated with all that is written, for a server that names revisions
    by a hash. What ``plain`` or ``sink`` raises passes through, and then what was written is no blob.
    """
    data = context.associated_data
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    stream_header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    size = 0
    for part in _sealed_parts(plain, key, data, state, stream_header):
        sink.write(part)
        if hasher is not None:
            hasher.update(part)
        size += len(part)
    return size


def open_sealed(source: BinaryIO, key: bytes, context: Context, limits: Limits) -> Iterator[bytes]:
    """Read a sealed blob from ``source`` and yield its document in pieces of at most 128 KiB.

    Nothing of what is yielded is to be believed before the iterator is exhausted: a truncated blob is known as such
    only at its end, and so is one that someone appended to. Raises BlobUnreadable while it is iterated.
    """
    return decompress(_opened(source, key, context, limits), limits.plain_bytes)


def kind_of(source: BinaryIO, key: bytes, account: bytes, server: str) -> Kind:
    """Read the header of a sealed blob and tell its kind, as far as a header can be believed: opening it proves it.

    Raises BlobUnreadable for what is no blob of this key, account and server.
    """
    check, stream_header = _read_header(source)
    for kind in KINDS:
        if hmac.compare_digest(check, _key_check(key, Context(kind, account, server).associated_data, stream_header)):
            return kind
    raise _foreign()


def _sealed_parts(
    plain: Iterable[bytes],
    key: bytes,
    data: bytes,
    state: bindings.crypto_secretstream_xchacha20poly1305_state,
    stream_header: bytes,
) -> Iterator[bytes]:
    yield _START + _key_check(key, data, stream_header) + stream_header
    for chunk, is_last in _regrouped(compress(plain)):
        tag = _TAG_FINAL if is_last else _TAG_MESSAGE
        yield bindings.crypto_secretstream_xchacha20poly1305_push(state, chunk, data, tag)


def _regrouped(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Regroup pieces into full chunks and a last one that is not empty."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        while len(buffer) > CHUNK_BYTES:
            yield bytes(buffer[:CHUNK_BYTES]), False
            del buffer[:CHUNK_BYTES]
    yield bytes(buffer), True


def _opened(source: BinaryIO, key: bytes, context: Context, limits: Limits) -> Iterator[bytes]:
    """Yield the content of the chunks, and see to it that the file ends with the last one."""
    data = context.associated_data
    check, stream_header = _read_header(source)
    if not hmac.compare_digest(check, _key_check(key, data, stream_header)):
        raise _foreign()
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, stream_header, key)
    sealed_bytes, content_bytes = HEADER_BYTES, 0
    while True:
        sealed = _read(source, CHUNK_BYTES + _OVERHEAD)
        sealed_bytes += len(sealed)
        if sealed_bytes > limits.sealed_bytes:
            raise too_large(f"it has more than {limits.sealed_bytes} bytes")
        content_bytes += len(sealed) - _OVERHEAD
        chunk, tag = _open_chunk(state, sealed, data, content_bytes)
        if tag == _TAG_FINAL:
            break
        if tag != _TAG_MESSAGE or len(chunk) != CHUNK_BYTES:
            raise malformed("one of its chunks is of no known kind, or short")
        yield chunk
    if source.read(1):
        raise BlobUnreadable(Reason.TAMPERED, "the blob was changed after it was sealed: bytes follow its end")
    yield chunk


def _open_chunk(
    state: bindings.crypto_secretstream_xchacha20poly1305_state, sealed: bytes, data: bytes, content_bytes: int
) -> tuple[bytes, int]:
    """Open a chunk. ``content_bytes`` is the size of the whole content if this is its last chunk."""
    is_short = len(sealed) < CHUNK_BYTES + _OVERHEAD
    if len(sealed) <= _OVERHEAD:
        raise _truncated()
    try:
        return bindings.crypto_secretstream_xchacha20poly1305_pull(state, sealed, data)
    except CryptoError:
        # A short chunk is the file's last. Content is padded, and no whole one has a size that padding does not make;
        # nearly always that is an end cut off.
        if is_short and padded_length(content_bytes) != content_bytes:
            raise _truncated() from None
        raise BlobUnreadable(
            Reason.TAMPERED, "the blob was changed after it was sealed, or was damaged on its way"
        ) from None


def _read_header(source: BinaryIO) -> tuple[bytes, bytes]:
    """Return the key check and the header of the secretstream."""
    header = _read(source, HEADER_BYTES)
    if not header.startswith(MAGIC[: len(header)]):
        raise BlobUnreadable(Reason.NOT_A_BLOB, "the file is not a walletsync blob")
    if len(header) <= len(MAGIC):
        raise _truncated()
    major = header[len(MAGIC)]
    if major > MAJOR:
        message = f"the blob is of format version {major}, this program reads version {MAJOR}: update it"
        raise BlobUnreadable(Reason.NEWER, message)
    if major != MAJOR:
        raise BlobUnreadable(Reason.NOT_A_BLOB, "the file is not a walletsync blob: there is no format version 0")
    if len(header) < HEADER_BYTES:
        raise _truncated()
    return header[len(_START) : len(_START) + _CHECK_BYTES], header[len(_START) + _CHECK_BYTES :]


def _read(source: BinaryIO, size: int) -> bytes:
    """Read ``size`` bytes, or all that are left; a raw file may return less than asked for at a time."""
    data = source.read(size)
    while 0 < len(data) < size and (more := source.read(size - len(data))):
        data += more
    return data


def _key_check(key: bytes, data: bytes, stream_header: bytes) -> bytes:
    return blake2b(data + stream_header, key=key, digest_size=_CHECK_BYTES, person=_CHECK_PERSON).digest()


def _foreign() -> BlobUnreadable:
    message = "the blob was made with another key, or for another account, server or kind than the one expected"
    return BlobUnreadable(Reason.FOREIGN, message)


def _truncated() -> BlobUnreadable:
    return BlobUnreadable(Reason.TRUNCATED, "the blob is truncated: its end is missing")
