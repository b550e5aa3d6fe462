"""Sealed files: only the right reader opens them, whole and unchanged."""

import hashlib
import io
import os
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from support.blob_replicas import CONTEXT, KEY, document_of, replicas, sealed_of, unhurried
from support.sealing_by_the_book import (
    CHUNK,
    FRAME_START,
    TWO_MIB_WINDOW,
    Owner,
    padded,
    padme,
    raw_block,
    rle_block,
    seal_by_the_book,
    stored,
)

from daemon.blob.errors import BlobUnreadable, Reason
from daemon.blob.padding import padded_length
from daemon.blob.schema import Limits, decode
from daemon.blob.seal import Context, kind_of, open_sealed, seal

LIMITS = Limits()
OWNER = Owner(KEY, CONTEXT.kind, CONTEXT.account, CONTEXT.server)


def open_all(sealed: bytes, key: bytes = KEY, context: Context = CONTEXT, limits: Limits = LIMITS) -> bytes:
    return b"".join(open_sealed(io.BytesIO(sealed), key, context, limits))


def reason_of(sealed: bytes, limits: Limits = LIMITS) -> Reason:
    with pytest.raises(BlobUnreadable) as refused:
        open_all(sealed, limits=limits)
    return refused.value.reason


def reason_or_none(content: bytes) -> Reason | None:
    """Seal this content with the right key, and tell why it is refused, if it is."""
    try:
        open_all(seal_by_the_book(content, OWNER, bytes(24)))
    except BlobUnreadable as refused:
        return refused.reason
    return None


def filling_frame(content_bytes: int) -> bytes:
    """Make a frame of exactly this size."""
    blocks = 1 + content_bytes // 100_000
    frame = stored(b"x" * (content_bytes - 6 - 3 * blocks))
    assert len(frame) == content_bytes
    return frame


@unhurried
@given(replicas())
def test_any_replica_survives_being_sealed_and_opened(replica):
    sealed = io.BytesIO(sealed_of(document_of(replica)))
    head, entries = decode(open_sealed(sealed, KEY, CONTEXT, Limits()), Limits())
    assert list(entries) == replica[1]
    assert head == replica[0]


@unhurried
@given(replicas(), st.data())
def test_any_flipped_bit_is_refused(replica, data):
    sealed = bytearray(sealed_of(document_of(replica)))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BlobUnreadable):
        open_all(bytes(sealed))


def test_every_flipped_byte_of_a_blob_is_refused():
    sealed = sealed_of(b"a document")
    for position in range(len(sealed)):
        changed = sealed[:position] + bytes([sealed[position] ^ 0xFF]) + sealed[position + 1 :]
        with pytest.raises(BlobUnreadable):
            open_all(changed)


def test_every_cut_of_a_blob_is_refused():
    sealed = sealed_of(b"a document")
    for length in range(len(sealed)):
        assert reason_of(sealed[:length]) in (Reason.TRUNCATED, Reason.TAMPERED)
    for length in (0, 5, 11, 12, 51, 52, 53, 69):
        assert reason_of(sealed[:length]) is Reason.TRUNCATED


@unhurried
@given(st.binary(max_size=300))
def test_arbitrary_files_are_refused_and_nothing_worse(data):
    with pytest.raises(BlobUnreadable):
        open_all(data)
    with pytest.raises(BlobUnreadable):
        open_all(b"walletsync\0\1" + data)


@unhurried
@given(st.binary(min_size=1, max_size=300))
def test_arbitrary_content_sealed_with_the_right_key_is_refused_and_nothing_worse(content):
    with pytest.raises(BlobUnreadable):
        open_all(seal_by_the_book(content, OWNER, bytes(24)))


@unhurried
@given(st.binary(max_size=300))
def test_an_arbitrary_frame_is_refused_or_opened_but_never_a_fault(rest):
    assert reason_or_none(padded(FRAME_START + rest)) in (None, Reason.MALFORMED, Reason.TOO_LARGE)


@unhurried
@given(st.binary(max_size=5000), st.integers(0, 2**32))
def test_a_damaged_compressed_frame_is_refused_or_opened_but_never_a_fault(document, seed):
    frame = bytearray(zstandard.ZstdCompressor(3).compress(document * 3))
    frame[seed % len(frame)] ^= 1 + seed % 255
    assert reason_or_none(padded(bytes(frame))) in (None, Reason.MALFORMED, Reason.TOO_LARGE)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 500_000])
@pytest.mark.parametrize("make", [os.urandom, bytes])
def test_documents_of_all_sizes_survive(size, make):
    document = make(size)
    assert open_all(sealed_of(document)) == document


@pytest.mark.parametrize("content_bytes", [CHUNK, 2 * CHUNK])
def test_content_that_fills_its_last_chunk_is_opened_and_nothing_may_follow(content_bytes):
    sealed = seal_by_the_book(filling_frame(content_bytes), OWNER, bytes(24))
    assert len(sealed) == 52 + content_bytes // CHUNK * (CHUNK + 17)
    assert set(open_all(sealed)) == {ord("x")}
    assert reason_of(sealed + b"\0") is Reason.TAMPERED
    assert reason_of(sealed + sealed[52:]) is Reason.TAMPERED
    assert reason_of(sealed[: -(CHUNK + 17)]) is Reason.TRUNCATED


def test_a_changed_chunk_amid_others_is_told_from_an_end_cut_off():
    sealed = bytearray(sealed_of(os.urandom(5_000_000)))
    sealed[52 + 64 * (CHUNK + 17)] ^= 1
    assert padded_length(65 * CHUNK) != 65 * CHUNK
    assert reason_of(bytes(sealed)) is Reason.TAMPERED


def test_no_empty_chunk_is_written_after_a_full_one():
    sealed = sealed_of(os.urandom(65_000))
    assert len(sealed) == 52 + CHUNK + 17
    assert len(open_all(sealed)) == 65_000


def test_seal_returns_the_size_and_updates_the_hash():
    sink, hasher = io.BytesIO(), hashlib.sha512()
    size = seal([b"a ", b"document"], KEY, CONTEXT, sink, hasher)
    assert size == len(sink.getvalue())
    assert hasher.digest() == hashlib.sha512(sink.getvalue()).digest()


def test_sealed_sizes_say_little():
    sizes = {len(sealed_of(os.urandom(20_000 + step))) for step in range(0, 2000, 50)}
    assert len(sizes) <= 5


def test_no_two_parts_of_two_seals_are_the_same():
    first, second = sealed_of(b"a document"), sealed_of(b"a document")
    assert first[:12] == second[:12]
    assert first[12:28] != second[12:28]
    assert first[28:52] != second[28:52]
    assert first[52:] != second[52:]


class ReadsOneByteAtATime(io.RawIOBase):
    """A raw file, which may return less than it is asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        return self._data.readinto(memoryview(buffer)[:1])


def test_a_file_that_reads_in_small_pieces_is_read_whole():
    source = ReadsOneByteAtATime(sealed_of(b"a document"))
    assert b"".join(open_sealed(source, KEY, CONTEXT, Limits())) == b"a document"


def test_a_bomb_is_stopped_before_it_goes_off():
    """A hundred kilobytes that would be four gigabytes: no more than the limit and a block is ever made."""
    bomb = FRAME_START + TWO_MIB_WINDOW + rle_block(0, 2**17, last=False) * 32_000 + raw_block(b"", last=True)
    sealed = seal_by_the_book(padded(bomb), OWNER, bytes(24))
    tracemalloc.start()
    try:
        with pytest.raises(BlobUnreadable) as refused:
            for _ in open_sealed(io.BytesIO(sealed), KEY, CONTEXT, Limits(plain_bytes=50_000_000)):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.reason is Reason.TOO_LARGE
    assert peak < 3_000_000


def test_a_block_that_claims_too_much_is_refused_before_it_is_read():
    frame = FRAME_START + TWO_MIB_WINDOW + (2**21 - 1 << 3 | 1).to_bytes(3, "little")
    with pytest.raises(BlobUnreadable, match="or too large"):
        open_all(seal_by_the_book(padded(frame), OWNER, bytes(24)))


def test_frames_of_other_writers_are_opened_whatever_their_level_or_declared_size():
    document = b'{"some":"document"}' * 40_000
    for level in (1, 3, 19):
        for declare in (True, False):
            compressor = zstandard.ZstdCompressor(level, write_content_size=declare)
            sealed = seal_by_the_book(padded(compressor.compress(document)), OWNER, bytes(24))
            assert open_all(sealed) == document


def test_a_wrong_key_is_told_from_a_damaged_blob():
    sealed = sealed_of(b"a document")
    for key, context in (
        (bytes(32), CONTEXT),
        (KEY, CONTEXT._replace(kind="moved")),
        (KEY, CONTEXT._replace(account=bytes(32))),
        (KEY, CONTEXT._replace(server="https://sync.example.org")),
    ):
        with pytest.raises(BlobUnreadable) as refused:
            open_all(sealed, key, context)
        assert refused.value.reason is Reason.FOREIGN


def test_the_kind_of_a_foreign_blob_is_not_told():
    with pytest.raises(BlobUnreadable) as refused:
        kind_of(io.BytesIO(sealed_of(b"a document")), bytes(32), CONTEXT.account, CONTEXT.server)
    assert refused.value.reason is Reason.FOREIGN


@pytest.mark.parametrize(("key", "account"), [(b"short", CONTEXT.account), (KEY, b"short")])
def test_keys_of_another_length_are_faults(key, account):
    with pytest.raises(ValueError, match=r"length|bytes"):
        seal([], key, CONTEXT._replace(account=account), io.BytesIO())


@unhurried
@given(st.integers(2, 2**50))
def test_padding_is_that_of_padme(length):
    """Padded lengths are their own, grow with the length by an eighth at most, and have few digits."""
    result = padded_length(length)
    assert result == padme(length) == padded_length(result)
    assert length <= result <= length * 1.12
    assert result <= padded_length(length + 1)


@pytest.mark.parametrize(
    ("length", "result"), [(0, 0), (1, 1), (2, 2), (9, 10), (100, 104), (1000, 1024), (10**6, 1015808)]
)
def test_padding_of_known_lengths(length, result):
    assert padded_length(length) == result
