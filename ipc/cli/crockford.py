"""Crockford's base32 as GNU Taler writes it: no padding, most significant bit first.

The alphabet leaves out I, L, O and U. A reader takes lower case too, and O as 0, I and L as 1, U as V. The last
character of a text may carry bits that belong to no byte; they are written as zeros and ignored when read.
"""

import base64
import binascii

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RFC_4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TO_CROCKFORD = bytes.maketrans(_RFC_4648.encode(), _CROCKFORD.encode())
_FROM_CROCKFORD = bytes.maketrans(f"{_CROCKFORD}OILU".encode(), f"{_RFC_4648}ABB3".encode())


def encode(data: bytes) -> str:
    """Write bytes as base32."""
    return base64.b32encode(data).rstrip(b"=").translate(_TO_CROCKFORD).decode()


def decode(text: str) -> bytes:
    """Read base32. Raises ``ValueError`` where the text has other characters, or a length that no bytes have."""
    if text and not (text.isascii() and text.isalnum()):
        raise ValueError("base32 consists of letters and digits alone")
    padding = b"=" * (-len(text) % 8)
    try:
        return base64.b32decode(text.upper().encode().translate(_FROM_CROCKFORD) + padding)
    except binascii.Error as error:
        raise ValueError("base32 of an impossible length: part of it is missing") from error
