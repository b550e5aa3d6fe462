"""One element of a blob's document, as a line of it: how it is written, and how many are read at a time.

    KEY:[time,writer,value]                       live
    KEY:[time,writer,value,[writer,time,...]]     live, with the deletes that its key has had
    KEY:[0,0,null,[writer,time,...]]              a tombstone

A writer is its position among the sorted members of ``seen``; deletes are sorted by it. The value is raw JSON, which is
copied as it is in both directions. Pure: no I/O, no clock.
"""

from itertools import pairwise
from typing import Annotated

import msgspec

from daemon.blob.errors import malformed, too_large
from daemon.blob.head import MAX_TIME, depth_of
from daemon.sets.element import NO_DELETES, Deletes, Element, Seen, Stamp

to_json = msgspec.json.Encoder().encode

_LINE_BREAK = ord("\n")  # looking for a number is several times quicker than looking for bytes


class Line(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """An element as the document has it. Parsed, not checked yet."""

    time: Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME)]
    writer: Annotated[int, msgspec.Meta(ge=0)]
    value: msgspec.Raw
    deletes: list[Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME)]] | None = None


_decoder = msgspec.json.Decoder(dict[str, Line])


class LineWriter:
    """Writes elements, all of whose writers and times must be covered by one ``seen``."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._index_by_writer = {writer: index for index, writer in enumerate(sorted(seen))}

    def write(self, key: str, element: Element) -> bytes:
        """Write one member of a set: a comma, and its line without the break. Raises ValueError where none can be."""
        stamp, value, deletes = element
        try:
            if stamp is None:
                if not deletes:
                    raise ValueError("an element with neither an insert nor deletes cannot be")
                return b",%b:[0,0,null,%b]" % (to_json(key), self._pairs(deletes))
            time, writer = stamp
            if not 0 < time <= self._seen[writer]:
                raise ValueError("a time is not covered by what the replica has seen")
            if not value:
                raise ValueError("a value is not canonical JSON: it is empty")
            if deletes:
                index, pairs = self._index_by_writer[writer], self._pairs(deletes)
                return b",%b:[%d,%d,%b,%b]" % (to_json(key), time, index, value, pairs)
            return b",%b:[%d,%d,%b]" % (to_json(key), time, self._index_by_writer[writer], value)
        except KeyError:
            raise ValueError("a writer is not among those that the replica has seen") from None

    def _pairs(self, deletes: Deletes) -> bytes:
        if any(not 0 < time <= self._seen[writer] for writer, time in deletes.items()):
            raise ValueError("the time of a delete is not covered by what the replica has seen")
        return to_json([n for writer in sorted(deletes) for n in (self._index_by_writer[writer], deletes[writer])])


class LineReader:
    """Reads elements, all of whose writers and times must be covered by one ``seen``."""

    def __init__(self, seen: Seen, nesting: int) -> None:
        self._writers = sorted(seen)
        self._times = [seen[writer] for writer in self._writers]
        self._nesting = nesting

    def read(self, line: Line) -> Element:
        """Make the element of a parsed line. Raises BlobUnreadable for one that cannot be."""
        value = bytes(line.value)
        deletes = NO_DELETES if line.deletes is None else self._deletes(line.deletes)
        time, writer = line.time, line.writer
        if time == 0:
            if writer != 0 or value != b"null" or not deletes:
                raise malformed("an element has neither an insert nor deletes")
            return Element(None, b"", deletes)
        if writer >= len(self._times) or time > self._times[writer]:
            raise malformed("the stamp of an element is not covered by what the blob has seen")
        if _LINE_BREAK in value:
            raise malformed("a value has a line break")
        # Nearly all values are flat objects, and two searches are much quicker than a walk.
        if value.find(b"{", 1) > 0 or value.find(b"[", 1) > 0:
            self._check_nesting(value)
        return Element(Stamp(time, self._writers[writer]), value, deletes)

    def _deletes(self, pairs: list[int]) -> Deletes:
        indexes, times = pairs[::2], pairs[1::2]
        if not pairs or len(indexes) != len(times) or any(a >= b for a, b in pairwise(indexes)):
            raise malformed("the deletes of an element are not pairs of writer and time, sorted by writer")
        time_by_index = dict(zip(indexes, times, strict=True))
        if indexes[-1] >= len(self._times) or any(not 0 < t <= self._times[i] for i, t in time_by_index.items()):
            raise malformed("a delete is not covered by what the blob has seen")
        return {self._writers[index]: time for index, time in time_by_index.items()}

    def _check_nesting(self, value: bytes) -> None:
        if value.count(b"{") + value.count(b"[") > self._nesting and depth_of(value) > self._nesting:
            raise too_large(f"a value is nested more than {self._nesting} levels deep")


def parse(members: bytes) -> dict[str, Line] | None:
    """Parse members of one set, separated by commas, all in one go.

    None: the text is something else, or more than that. Raises BlobUnreadable for elements that are not written in
    canonical form, each key once and one on a line.
    """
    text = b"".join((b"{", members, b"}"))
    try:
        line_by_key = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    except RecursionError:
        raise too_large("a value is nested too deeply") from None
    if not _is_canonical(line_by_key, text):
        raise malformed("elements are not in canonical form, one a line, each key once")
    return line_by_key


def _is_canonical(line_by_key: dict[str, Line], text: bytes) -> bool:
    """Tell whether the text is what these elements are written as: by its length, which is cheap and enough.

    A key that was there twice, a space, or a longer way to write a number or a character all make the text longer than
    what is written for the elements that were read, and nothing makes it shorter. (The case of hexadecimal digits in an
    escape is all that this leaves open, and that changes no key.)
    """
    without_breaks = len(text.replace(b"\n", b""))  # many times quicker than counting them
    without_deletes = [line.deletes for line in line_by_key.values()].count(None)
    written = len(to_json(line_by_key)) - len(",null") * without_deletes
    return written == without_breaks and len(text) - without_breaks == len(line_by_key) - 1
