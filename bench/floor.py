"""The floor: what must be done to the same bytes in any case, and nothing else.

SHA-512 of the sealed bytes, XChaCha20-Poly1305 and zstandard both ways, and msgspec decoding and encoding the document
with its values left raw, compressing as the daemon does. No database, no join, no disk.
"""

import hashlib

import msgspec
import zstandard
from nacl import bindings

from bench.statistics import Lap, lap, since
from daemon.blob.frame import PARAMETERS

KEY = bytes(range(32))
NONCE = bytes(24)


class Line(msgspec.Struct, array_like=True):
    """An element as it lies in a blob."""

    time: int
    writer: int
    value: msgspec.Raw
    deletes: list[int] = []


class Document(msgspec.Struct):
    """A blob's document."""

    clocks: msgspec.Raw
    format: str
    seen: dict[str, int]
    sets: dict[str, dict[str, Line]]


def floor(plain: bytes) -> Lap:
    """Return what one cycle of the bare work takes."""
    sealed = pack(plain)
    began = lap()
    document = msgspec.json.decode(unpack(sealed), type=Document)
    pack(msgspec.json.encode(document))
    return since(began)


def pack(plain: bytes) -> bytes:
    """Compress, encrypt and hash, as a blob is before it is stored."""
    packed = zstandard.ZstdCompressor(compression_params=PARAMETERS).compress(plain)
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(packed, None, NONCE, KEY)
    hashlib.sha512(sealed).digest()
    return sealed


def unpack(sealed: bytes) -> bytes:
    """Hash, decrypt and decompress, as a blob is after it was fetched."""
    hashlib.sha512(sealed).digest()
    packed = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, None, NONCE, KEY)
    return zstandard.ZstdDecompressor().decompress(packed)
