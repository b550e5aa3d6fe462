"""What a reader of blobs accepts at most, so that a broken blob cannot exhaust its memory."""

from typing import NamedTuple

KEY_BYTES = 2**12  # the longest key that readers take unless they are told otherwise, so that nobody writes longer ones
VALUE_BYTES = 2**23  # the longest value that writers write, which leaves a line ample room for the rest
LINE_BYTES = 2**24  # the longest line, its break included; a format constant, so that all readers can take all blobs


class Limits(NamedTuple):
    """What a reader accepts at most.

    ``sealed_bytes`` and ``plain_bytes`` bound the whole file and the whole document; ``key_bytes`` one element's key
    text, or a set's name; ``nesting`` the depth of brackets in one value, or in an unknown member.
    """

    sealed_bytes: int = 2**31
    plain_bytes: int = 2**33
    elements: int = 10_000_000
    key_bytes: int = KEY_BYTES
    nesting: int = 64
    line_bytes: int = LINE_BYTES
