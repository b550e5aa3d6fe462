"""Reading the entries of a blob's document, from the first set to the document's end.

The text comes in batches of lines. Those that are like the lines held are passed over; of each batch the others are
parsed in one go. Pure: no I/O, no clock.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from daemon.blob.errors import BlobUnreadable, malformed, too_large
from daemon.blob.head import check_utf8, decode_json, read_tail
from daemon.blob.held import Cursor, Held, NothingHeld
from daemon.blob.limits import Limits
from daemon.blob.lines import LineReader, parse, to_json
from daemon.sets.element import Entry, Seen
from daemon.sets.join import Pair

_text_decoder = msgspec.json.Decoder(str)
# How a set begins, after the bracket that closed the one before. Possessive, hence linear on any input.
_SET = re.compile(rb'("(?:[^"\\]++|\\.)*+"):\{', re.DOTALL)
# How an element begins: with its key.
_KEY = re.compile(rb'("(?:[^"\\]++|\\.)*+"):\[', re.DOTALL)


def lines_of(chunks: Iterable[bytes], limits: Limits) -> Iterator[list[bytes]]:
    """Split chunks into lines, many at a time and without their breaks. The last list holds what follows the last."""
    rest: list[bytes] = []
    rest_bytes = plain_bytes = 0
    for chunk in chunks:
        plain_bytes += len(chunk)
        if plain_bytes > limits.plain_bytes:
            raise too_large(f"its document has more than {limits.plain_bytes} bytes")
        line_end = chunk.find(b"\n") + 1
        if rest_bytes + (line_end or len(chunk)) > limits.line_bytes:
            raise too_large(f"a line of its document has more than {limits.line_bytes} bytes")
        rest.append(chunk)
        rest_bytes += len(chunk)
        if line_end:
            lines = b"".join(rest).split(b"\n")
            rest = [lines.pop()]
            rest_bytes = len(rest[0])
            yield lines
    yield [b"".join(rest)]


class Entries(Iterable[Entry]):
    """The entries of one document, to be walked once, alone or beside what is held.

    ``late_extra`` takes the members that follow the sets, once the end was read.
    """

    def __init__(
        self, batches: Iterable[list[bytes]], seen: Seen, late_extra: dict[str, bytes], limits: Limits
    ) -> None:
        self._batches = batches
        self._late_extra = late_extra
        self._line_reader = LineReader(seen, limits.nesting)
        self._limits = limits
        self._count = 0

    def __iter__(self) -> Iterator[Entry]:
        """Walk all entries."""
        return (theirs for _, theirs in self.beside(NothingHeld()) if theirs is not None)

    def beside(self, held: Held) -> Iterator[Pair]:
        """Walk the document and what is held side by side: pairs of what is held and what the document has of a key.

        Each key of either comes once, but for those that have the same line in both: these are left out.
        """
        cursor = Cursor(held)
        lines: list[bytes] = []
        for following in self._batches:
            yield from self._batch(cursor, lines)
            lines = following
        (tail,) = lines
        if cursor.set_name is not None:
            if not tail.startswith(b"}"):
                raise malformed("its last set is not closed")
            tail = tail[1:]
        self._late_extra.update(read_tail(tail, self._limits.nesting))
        yield from _held_alone(cursor.finish())

    def _batch(self, cursor: Cursor, lines: list[bytes]) -> Iterator[Pair]:
        """Read whole lines. All but the first of a set begin with a comma; that one says how the set begins."""
        self._count += len(lines)
        if self._count > self._limits.elements:
            raise too_large(f"it has more than {self._limits.elements} elements")
        unlike: list[tuple[str, Entry | None]] = []
        members: list[bytes] = []
        position = 0
        while (position := cursor.pass_over(lines, position)) < len(lines):
            member = lines[position]
            position += 1
            if cursor.set_name is not None and member.startswith(b","):
                member = member[1:]
            else:
                yield from self._read(cursor, unlike, members)
                unlike, members = [], []
                name, member = self._set_beginning(cursor.set_name, member)
                yield from _held_alone(cursor.begin_set(name))
            key = self._key(cursor, member)
            if cursor.is_behind(key):
                yield from _held_alone(cursor.go_to(key))
            unlike.append((key, cursor.take(key)))
            members.append(member)
        yield from self._read(cursor, unlike, members)

    def _set_beginning(self, previous: str | None, text: bytes) -> tuple[str, bytes]:
        """Read how a set begins, after the one before, and return its name and what follows: its first element."""
        separator = b"" if previous is None else b"},"
        match = _SET.match(text, len(separator)) if text.startswith(separator) else None
        if match is None:
            raise malformed("a set does not begin where it should")
        name = decode_json(_text_decoder, match[1], "the name of a set")
        if to_json(name) != match[1] or (previous is not None and name <= previous):
            raise malformed("its sets are not in canonical form: sorted, and once each")
        self._check_size(name)
        return name, text[match.end() :]

    def _key(self, cursor: Cursor, member: bytes) -> str:
        match = _KEY.match(member)
        if match is None:
            raise _no_elements(cursor)
        key = decode_json(_text_decoder, match[1], "the key of an element")
        if key <= cursor.last_key:
            raise malformed(f"the elements of set {cursor.set_name} are not sorted by key")
        if len(key) * 4 > self._limits.key_bytes:
            self._check_size(key)
        return key

    def _read(self, cursor: Cursor, unlike: list[tuple[str, Entry | None]], members: list[bytes]) -> Iterator[Pair]:
        """Read elements of one set, whose keys are known, and what is held of each."""
        if not members:
            return
        text = b"\n,".join(members)
        if not text.isascii():
            check_utf8(text)
        line_by_key = parse(text)
        if line_by_key is None or list(line_by_key) != [key for key, _ in unlike]:
            raise _no_elements(cursor)
        name, read_line = cursor.set_name or "", self._line_reader.read
        for (key, mine), line in zip(unlike, line_by_key.values(), strict=True):
            yield mine, Entry(name, key, read_line(line))

    def _check_size(self, key: str) -> None:
        if len(key.encode()) > self._limits.key_bytes:
            raise too_large(f"a key, or the name of a set, has more than {self._limits.key_bytes} bytes")


def _held_alone(entries: Iterator[Entry]) -> Iterator[Pair]:
    return ((entry, None) for entry in entries)


def _no_elements(cursor: Cursor) -> BlobUnreadable:
    return malformed(f"the elements of set {cursor.set_name} are not what the format says")
