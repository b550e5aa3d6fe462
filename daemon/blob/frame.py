"""Compression and padding of a blob's document: one zstandard frame, then zero bytes up to the PADME length.

Reading is bounded block by block. A zstandard frame (RFC 8878, section 3.1.1) is a header and blocks, each of which
says how long it is and yields 128 KiB at most. Handing over one block at a time bounds what any input can make us
allocate, and shows exactly where the frame ends and the padding begins, which the decompressor alone does not tell.
"""

from collections.abc import Iterable, Iterator

import zstandard

from daemon.blob.errors import malformed, too_large
from daemon.blob.padding import padded_length

_WINDOW_LOG = 23
WINDOW_BYTES = 2**_WINDOW_LOG  # no frame may ask for more
BLOCK_BYTES = 2**17
PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    2,
    window_log=_WINDOW_LOG,
    enable_ldm=True,
    ldm_min_match=32,
    ldm_hash_rate_log=5,
    ldm_hash_log=18,
    ldm_bucket_size_log=1,
)
"""How documents are compressed; a reader cannot tell. docs/performance.md has the measurements behind it.

What takes most of a blob is random keys, and a key comes again in other sets, millions of bytes away: farther than a
level of zstandard remembers. Long-distance matching finds it over the whole window: matches of 32 bytes, as a key has
52 characters, tried at one place of 32 (2^5), for which 2^18 memories cover 2^23 bytes; more than two in a bucket
cost more time than they save bytes. As that leaves the level less to find, level 2 does for the rest, which is as
quick in all as level 3 alone.
"""

_MAGIC = b"\x28\xb5\x2f\xfd"
_SHORTEST_HEADER = 6
_RLE, _RESERVED = 1, 3
_ZEROS = bytes(2**16)


def compress(plain: Iterable[bytes]) -> Iterator[bytes]:
    """Compress and pad, as pieces of any size."""
    compressor = zstandard.ZstdCompressor(compression_params=PARAMETERS).compressobj()
    length = 0
    for chunk in plain:
        piece = compressor.compress(chunk)
        length += len(piece)
        yield piece
    piece = compressor.flush()
    length += len(piece)
    yield piece
    missing = padded_length(length) - length
    while missing:
        padding = _ZEROS[:missing]
        missing -= len(padding)
        yield padding


def decompress(chunks: Iterable[bytes], plain_bytes: int) -> Iterator[bytes]:
    """Decompress what ``compress`` wrote, as pieces of 128 KiB at most, and of ``plain_bytes`` in all.

    All chunks are asked for before the iterator ends. Raises BlobUnreadable for everything that is not one such frame
    with exactly its padding.
    """
    source = _Source(chunks)
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES).decompressobj()
    total = 0
    for part in _parts(source, plain_bytes):
        try:
            piece = decompressor.decompress(part)
        except zstandard.ZstdError:
            raise malformed("its zstandard frame cannot be decompressed") from None
        total += len(piece)
        if total > plain_bytes:
            raise too_large(f"it has more than {plain_bytes} bytes when decompressed")
        if piece:
            yield piece
    if not decompressor.eof:
        raise malformed("its zstandard frame is not whole")
    _check_padding(source)


class _Source:
    """Hands out chunks by the piece, and counts."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._buffer = b""
        self._start = 0
        self.taken = 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        while len(self._buffer) - self._start < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise malformed("its zstandard frame is not whole")
            self._buffer = self._buffer[self._start :] + chunk
            self._start = 0
        piece = self._buffer[self._start : self._start + size]
        self._start += size
        self.taken += size
        return piece

    def rest(self) -> Iterator[bytes]:
        """Yield all that was not taken."""
        yield self._buffer[self._start :]
        yield from self._chunks


def _parts(source: _Source, plain_bytes: int) -> Iterator[bytes]:
    """Yield the frame's header and its blocks, each whole."""
    yield _header(source, plain_bytes)
    last = False
    while not last:
        head = source.take(3)
        bits = int.from_bytes(head, "little")
        last, kind, size = bool(bits & 1), bits >> 1 & 3, bits >> 3
        if kind == _RESERVED or size > BLOCK_BYTES:
            raise malformed("a block of its zstandard frame is of no known kind, or too large")
        yield head + source.take(1 if kind == _RLE else size)


def _header(source: _Source, plain_bytes: int) -> bytes:
    """Read the frame's header, and check what it asks for before anything is allocated for it."""
    header = source.take(_SHORTEST_HEADER)
    if not header.startswith(_MAGIC):
        raise malformed("it does not hold a zstandard frame")
    header += source.take(zstandard.frame_header_size(header) - len(header))
    try:
        asked = zstandard.get_frame_parameters(header)
    except zstandard.ZstdError:
        raise malformed("the header of its zstandard frame is damaged") from None
    if asked.has_checksum or asked.dict_id:
        raise malformed("its zstandard frame has a checksum or a dictionary")
    if asked.window_size > WINDOW_BYTES:
        raise too_large(f"its zstandard frame asks for a window of more than {WINDOW_BYTES} bytes")
    if asked.content_size != zstandard.CONTENTSIZE_UNKNOWN and asked.content_size > plain_bytes:
        raise too_large(f"its zstandard frame declares more than {plain_bytes} bytes")
    return header


def _check_padding(source: _Source) -> None:
    """Read the rest: it must be zero bytes, and exactly as many as PADME asks for."""
    length = source.taken
    total = length
    for chunk in source.rest():
        if chunk.strip(b"\0"):
            raise malformed("something follows its zstandard frame that is not padding")
        total += len(chunk)
    if total != padded_length(length):
        raise malformed(f"it is padded to {total} bytes where {padded_length(length)} would be right")
