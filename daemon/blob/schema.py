"""The plaintext of a blob: a replica as one canonical JSON document, written and read as a stream.

    {"clocks":...,"format":"walletsync/1.0","seen":...,"sets":{"coins":{KEY:ELEMENT
    ,KEY:ELEMENT
    },"purchases":{KEY:ELEMENT
    }}}

One line break follows each element, and there is no other anywhere: canonical JSON escapes those in strings. So a
reader works through whole lines, many at a time, and holds no more than a chunk and a line. KEY is the element's key,
itself JSON text, as a JSON string; ELEMENT is an array (daemon.blob.lines). Sets and keys are sorted by their UTF-8
bytes. Values are copied as they are in both directions and never looked into.

Why a reader can go by lines, exactly: what it takes is pieces (the head, ``},NAME:{`` between two sets, runs of
elements, the tail), each of which is checked to be balanced JSON of its own, and which together are the whole
document. A line break anywhere else leaves a piece unbalanced, or more lines than elements, or stands in a value, and
each of these is refused.

docs/blob-format.md is the specification. Pure: no I/O, no clock.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from operator import itemgetter

from daemon.blob.entries import Entries, lines_of
from daemon.blob.errors import malformed
from daemon.blob.head import Head, find_sets, read_head, write_head
from daemon.blob.limits import LINE_BYTES, Limits
from daemon.blob.lines import LineWriter, to_json
from daemon.sets.element import Entry

__all__ = ["CHUNK_BYTES", "LINE_BYTES", "Entries", "Head", "Limits", "decode", "encode", "encode_lines"]

CHUNK_BYTES = 2**18  # of plaintext, about: what is written at a time

_name = itemgetter(0)


def encode(head: Head, entries: Iterable[Entry]) -> Iterator[bytes]:
    """Write a replica as chunks of a document.

    ``entries`` come sorted by place. Raises ValueError, while it is iterated, for anything that no reader would take:
    entries out of order, a writer or a time that ``seen`` does not cover, a value with a line break, a huge line.
    """
    write = LineWriter(head.seen).write
    sets = ((name, ((key, write(key, element)) for _, key, element in each)) for name, each in groupby(entries, _name))
    return encode_lines(head, sets)


def encode_lines(head: Head, sets: Iterable[tuple[str, Iterable[tuple[str, bytes]]]]) -> Iterator[bytes]:
    """Write a replica as chunks of a document, from elements that are written already: by set, keys and lines.

    They come sorted, and as ``LineWriter`` writes them. Raises ValueError, while it is iterated, for lines that are out
    of order, have a line break, or are huge.
    """
    before, after = write_head(head)
    set_name: str | None = None
    for name, lines in sets:
        opening = _opening(name, set_name) if set_name is not None else before + to_json(name) + b":{"
        for chunk in _chunks_of_set(name, opening, lines):
            set_name = name
            yield chunk
    yield before + after if set_name is None else b"}" + after


def _chunks_of_set(name: str, opening: bytes, lines: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    chunk: list[bytes] = []
    size, last_key = 0, ""  # which is no key: keys are arrays
    for key, line in lines:
        if key <= last_key:
            raise ValueError(f"the entries of set {name} are not sorted by key, or a key is empty")
        last_key = key
        chunk.append(line)
        size += len(line)
        if size >= CHUNK_BYTES:
            yield _joined(name, opening, chunk)
            chunk, size, opening = [], 0, b","
    if chunk:
        yield _joined(name, opening, chunk)


def _joined(name: str, opening: bytes, lines: list[bytes]) -> bytes:
    """Put lines together, the first with this in the place of its comma. Raises ValueError for what cannot be lines."""
    lines[0] = opening + lines[0][1:]
    text = b"\n".join((*lines, b""))
    if text.count(b"\n") != len(lines):
        raise ValueError("a value is not canonical JSON: it has a line break")
    if len(text) > LINE_BYTES and (longest := 1 + max(map(len, lines))) > LINE_BYTES:
        raise ValueError(f"an entry of set {name} is too large for a blob: {longest} of {LINE_BYTES} bytes")
    return text


def decode(chunks: Iterable[bytes], limits: Limits) -> tuple[Head, Entries]:
    """Read a document from chunks of any sizes: its head at once, its entries as they are asked for.

    Raises BlobUnreadable here for the head, and while the entries are iterated for all else. Nothing that was read is
    to be believed before the iterator is exhausted: only then have all chunks been asked for and the end been seen.
    Members that sort after ``sets`` join ``head.extra`` with the end.
    """
    batches = lines_of(chunks, limits)
    first, *others = next(batches)
    found = find_sets(first)
    if found is None:
        raise malformed('it has no member "sets" in its first line')
    start, end = found
    head = read_head(first[:start], limits.nesting)
    extra = dict(head.extra)
    entries = Entries(chain(([first[end:], *others],), batches), head.seen, extra, limits)
    return head._replace(extra=extra), entries


def _opening(name: str, previous: str) -> bytes:
    if name <= previous:
        raise ValueError(f"set {name} comes after set {previous}: the entries are not sorted by set")
    return b"}," + to_json(name) + b":{"
