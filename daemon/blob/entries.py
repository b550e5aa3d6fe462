"""Reading the entries of a blob's document, from the first set to the document's end.

The text comes in batches of whole lines. Nearly every batch lies within one set, and then it is parsed in one go;
where a set ends in it, it falls into runs of elements and the openings of sets between them. Pure: no I/O, no clock.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from daemon.blob.errors import BlobUnreadable, malformed, too_large
from daemon.blob.head import check_utf8, decode_json, read_tail
from daemon.blob.limits import Limits
from daemon.blob.lines import Line, LineReader, parse, to_json
from daemon.sets.element import Entry, Seen

_name_decoder = msgspec.json.Decoder(str)
# How a set begins, after the bracket that closed the one before. Possessive, hence linear on any input.
_SET = re.compile(rb'("(?:[^"\\]++|\\.)*+"):\{', re.DOTALL)


def batches_of(chunks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """Regroup chunks: runs of whole lines, and as the last what follows the last line break, which may be nothing."""
    pending: list[bytes] = []
    pending_bytes = plain_bytes = 0
    for chunk in chunks:
        plain_bytes += len(chunk)
        if plain_bytes > limits.plain_bytes:
            raise too_large(f"its document has more than {limits.plain_bytes} bytes")
        line_end = chunk.find(b"\n") + 1
        if pending_bytes + (line_end or len(chunk)) > limits.line_bytes:
            raise too_large(f"a line of its document has more than {limits.line_bytes} bytes")
        cut = chunk.rfind(b"\n") + 1
        if cut:
            pending.append(chunk[:cut])
            yield b"".join(pending)
            pending.clear()
            pending_bytes = 0
        pending.append(chunk[cut:])
        pending_bytes += len(chunk) - cut
    yield b"".join(pending)


class EntryReader:
    """Reads the entries of one document, batch by batch; what it holds is where in the document it is."""

    def __init__(self, seen: Seen, late_extra: dict[str, bytes], limits: Limits) -> None:
        self._lines = LineReader(seen, limits.nesting)
        self._late_extra = late_extra
        self._limits = limits
        self._set_name: str | None = None
        self._last_key = ""
        self._count = 0

    def read(self, batches: Iterable[bytes]) -> Iterator[Entry]:
        """Yield all entries; then read the tail, whose members join ``late_extra``."""
        tail = b""
        for batch in batches:
            if batch.endswith(b"\n"):
                yield from self._batch(batch)
            else:
                tail = batch
        if self._set_name is not None:
            if not tail.startswith(b"}"):
                raise malformed("its last set is not closed")
            tail = tail[1:]
        self._late_extra.update(read_tail(tail, self._limits.nesting))

    def _batch(self, batch: bytes) -> Iterator[Entry]:
        """Read whole lines. A set's closing bracket stands at the beginning of a line, and nothing else does."""
        if not batch.isascii():
            check_utf8(batch)
        within_set = self._set_name is not None and batch.startswith(b",")
        line_by_key = parse(memoryview(batch)[1:-1]) if within_set else None
        if line_by_key is not None:
            yield from self._entries(line_by_key)
            return
        first, *others = batch[:-1].split(b"\n}")
        yield from self._run(first[1:] if within_set else self._open_set(self._after_bracket(first)))
        for piece in others:
            yield from self._run(self._open_set(piece))

    def _after_bracket(self, text: bytes) -> bytes:
        """Return what follows the bracket that closes the set before, if there was one."""
        if self._set_name is None:
            return text
        if not text.startswith(b"}"):
            raise self._no_elements()
        return text[1:]

    def _open_set(self, text: bytes) -> bytes:
        """Read how a set begins, and return what follows: its elements."""
        previous = self._set_name
        comma = b"" if previous is None else b","
        match = _SET.match(text, len(comma)) if text.startswith(comma) else None
        if match is None:
            raise malformed("a set does not begin where it should")
        name = decode_json(_name_decoder, match[1], "the name of a set")
        if to_json(name) != match[1] or (previous is not None and name <= previous):
            raise malformed("its sets are not in canonical form: sorted, and once each")
        self._check_key(name)
        self._set_name, self._last_key = name, ""
        return text[match.end() :]

    def _run(self, members: bytes) -> Iterator[Entry]:
        line_by_key = parse(members)
        if line_by_key is None:
            raise self._no_elements()
        yield from self._entries(line_by_key)

    def _entries(self, line_by_key: dict[str, Line]) -> Iterator[Entry]:
        """Check and yield parsed elements of the present set."""
        self._count += len(line_by_key)
        if self._count > self._limits.elements:
            raise too_large(f"it has more than {self._limits.elements} elements")
        name, last_key = self._set_name or "", self._last_key
        key_bytes, read_line = self._limits.key_bytes, self._lines.read
        for key, line in line_by_key.items():
            # No key is the empty text, with which last_key begins: keys are arrays.
            if key <= last_key:
                raise malformed(f"the elements of set {name} are not sorted by key")
            last_key = key
            if len(key) * 4 > key_bytes:
                self._check_key(key)
            yield Entry(name, key, read_line(line))
        self._last_key = last_key

    def _check_key(self, key: str) -> None:
        if len(key.encode()) > self._limits.key_bytes:
            raise too_large(f"a key, or the name of a set, has more than {self._limits.key_bytes} bytes")

    def _no_elements(self) -> BlobUnreadable:
        return malformed(f"the elements of set {self._set_name} are not what the format says")
