"""PADME: padding that lets a size say little, for at most 12 % more bytes.

A length is rounded up until its binary form, read as a floating point number, has no more bits in its mantissa than
in its exponent. A length L so tells only O(log log L) bits of what it was. (Nikitin et al., "Reducing Metadata Leakage
from Encrypted Files and Communication with PURBs", PoPETs 2019, algorithm 1.)
"""


def padded_length(length: int) -> int:
    """Return the length that something of this length is padded to. It is its own padded length."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return (length + mask) & ~mask
