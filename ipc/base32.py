"""Crockford base32 as GNUnet and GNU Taler write it.

The alphabet leaves out I, L, O and U. Bits are taken from the most significant on; the last character is filled up
with zero bits; there is neither padding nor a check symbol: 32 bytes are 52 characters, 64 bytes are 103.

Reading is lenient where people copy by hand: case does not matter, O is read as 0, I and L as 1, U as V, and the fill
bits of the last character are ignored. The length is exact: no other number of characters than ``encode`` writes.
"""

import base64

_RFC4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_CROCKFORD = str.maketrans(_RFC4648, _CROCKFORD, "=")
_FROM_CROCKFORD = str.maketrans(_CROCKFORD + "OILU", _RFC4648 + _RFC4648[0] + _RFC4648[1] * 2 + _RFC4648[27])
_READABLE = frozenset(_CROCKFORD + "OILU")


class Base32Error(ValueError):
    """The text is not base32 of the expected length. The message says what is wrong and never quotes the text."""


def encoded_length(size: int) -> int:
    """Return how many characters ``size`` bytes are written as."""
    return (8 * size + 4) // 5


def encode(data: bytes) -> str:
    """Write bytes as base32."""
    return base64.b32encode(data).decode("ascii").translate(_TO_CROCKFORD)


def decode(text: str, size: int | None = None) -> bytes:
    """Read base32, of exactly ``size`` bytes if that is given.

    Raises Base32Error for a character outside the alphabet and for a length that ``encode`` never writes.
    """
    whole = len(text) * 5 // 8
    wanted = whole if size is None else size
    if len(text) != encoded_length(wanted):
        should = (
            f"{encoded_length(wanted)} are {wanted} bytes" if size is not None else "no number of bytes is that long"
        )
        raise Base32Error(f"base32 text has {len(text)} characters; {should}")
    folded = text.upper() if text.isascii() else text
    strange = next((index for index, character in enumerate(folded) if character not in _READABLE), None)
    if strange is not None:
        raise Base32Error(f"character {strange + 1} of the base32 text is not of its alphabet (digits and letters)")
    padding = "=" * (-len(text) % 8)
    return base64.b32decode(folded.translate(_FROM_CROCKFORD) + padding)
