"""The floor: what must be done to the same bytes in any case, and nothing else.

SHA-512 of the sealed bytes, XChaCha20-Poly1305 and zstandard both ways, and msgspec decoding and encoding the document
with its values left raw. No database, no join, no disk.
"""

import hashlib
import json
import time

import msgspec
import zstandard
from nacl import bindings

from bench.statistics import Lap, lap, since

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


def floor(plain: bytes, sealed: bytes) -> Lap:
    """Return what one cycle of the bare work takes."""
    packed = zstandard.ZstdCompressor(level=3).compress(plain)
    boxed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(packed, None, NONCE, KEY)
    began = lap()
    hashlib.sha512(sealed).digest()
    opened = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(boxed, None, NONCE, KEY)
    document = msgspec.json.decode(zstandard.ZstdDecompressor().decompress(opened), type=Document)
    text = msgspec.json.encode(document)
    repacked = zstandard.ZstdCompressor(level=3).compress(text)
    bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(repacked, None, NONCE, KEY)
    hashlib.sha512(sealed).digest()
    return since(began)


def plain_json(plain: bytes, changes: dict[str, dict[str, list[object]]]) -> float:
    """Return the seconds that decode, merge and encode take with the json module and dicts alone."""
    began = time.perf_counter()
    document = json.loads(plain)
    for name, elements in changes.items():
        mine = document["sets"][name]
        for key, element in elements.items():
            if key not in mine or tuple(mine[key][:2]) < tuple(element[:2]):
                mine[key] = element
    json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    return time.perf_counter() - began
