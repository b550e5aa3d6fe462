"""Sealing as docs/blob-format.md tells it, with all that a good writer leaves to chance or to a library spelt out.

It shares no code with daemon.blob, so that the two check each other, and it can be told to do what is wrong.
"""

from hashlib import blake2b
from typing import NamedTuple

from nacl import bindings

CHUNK = 65536
MESSAGE, FINAL = 0, 3
FRAME_START = bytes.fromhex("28b52ffd")
TWO_MIB_WINDOW = bytes.fromhex("0058")  # frame header: nothing optional, then the window


class Owner(NamedTuple):
    """Whose blob it is."""

    key: bytes
    kind: str
    account: bytes
    server: str

    def associated_data(self, version: int = 1) -> bytes:
        kind = {"state": b"\x01", "moved": b"\x02"}[self.kind]
        server = blake2b(self.server.encode(), digest_size=32, person=b"wsync-identity-1").digest()
        return b"walletsync\0" + bytes([version]) + kind + self.account + server


def raw_block(content: bytes, *, last: bool) -> bytes:
    return (len(content) << 3 | last).to_bytes(3, "little") + content


def rle_block(byte: int, count: int, *, last: bool) -> bytes:
    return (count << 3 | 2 | last).to_bytes(3, "little") + bytes([byte])


def stored(document: bytes) -> bytes:
    """Make a zstandard frame that compresses nothing."""
    blocks = [document[start : start + 100_000] for start in range(0, len(document), 100_000)] or [b""]
    body = b"".join(raw_block(block, last=False) for block in blocks[:-1])
    return FRAME_START + TWO_MIB_WINDOW + body + raw_block(blocks[-1], last=True)


def padme(length: int) -> int:
    exponent = length.bit_length() - 1
    low = exponent - (exponent.bit_length())
    return -(-length >> low) << low


def padded(frame: bytes) -> bytes:
    return frame.ljust(padme(len(frame)), b"\0")


def sealed_chunks(
    content: bytes, owner: Owner, nonce: bytes, *, version: int = 1, last_tag: int = FINAL
) -> list[bytes]:
    """Return header and sealed chunks."""
    data = owner.associated_data(version)
    check = blake2b(data + nonce, key=owner.key, digest_size=16, person=b"wsync-keycheck-1").digest()
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    # Reading with a given header leaves the state that writing with it would begin in.
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, nonce, owner.key)
    parts = [data[:12] + check + nonce]
    pieces = [content[start : start + CHUNK] for start in range(0, len(content), CHUNK)]
    for number, piece in enumerate(pieces, 1):
        tag = last_tag if number == len(pieces) else MESSAGE
        parts.append(bindings.crypto_secretstream_xchacha20poly1305_push(state, piece, data, tag))
    return parts


def seal_by_the_book(content: bytes, owner: Owner, nonce: bytes, *, version: int = 1, last_tag: int = FINAL) -> bytes:
    return b"".join(sealed_chunks(content, owner, nonce, version=version, last_tag=last_tag))
