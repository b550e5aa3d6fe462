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
from itertools import chain

from daemon.blob.entries import EntryReader, batches_of
from daemon.blob.errors import malformed
from daemon.blob.head import Head, find_sets, read_head, write_head
from daemon.blob.limits import LINE_BYTES, Limits
from daemon.blob.lines import LineWriter, to_json
from daemon.sets.element import Entry

__all__ = ["CHUNK_BYTES", "LINE_BYTES", "Head", "Limits", "decode", "encode"]

CHUNK_BYTES = 2**18  # of plaintext, about: what is written at a time


def encode(head: Head, entries: Iterable[Entry]) -> Iterator[bytes]:
    """Write a replica as chunks of a document.

    ``entries`` come sorted by place. Raises ValueError, while it is iterated, for anything that no reader would take:
    entries out of order, a writer or a time that ``seen`` does not cover, a value with a line break, a huge line.
    """
    before, after = write_head(head)
    chunk: list[bytes] = []
    size = 0
    for text in chain((before,), _texts(LineWriter(head.seen), entries, len(before)), (after,)):
        chunk.append(text)
        size += len(text)
        if size >= CHUNK_BYTES:
            yield b"".join(chunk)
            chunk.clear()
            size = 0
    if chunk:
        yield b"".join(chunk)


def decode(chunks: Iterable[bytes], limits: Limits) -> tuple[Head, Iterator[Entry]]:
    """Read a document from chunks of any sizes: its head at once, its entries as they are asked for.

    Raises BlobUnreadable here for the head, and while the entries are iterated for all else. Nothing that was read is
    to be believed before the iterator is exhausted: only then have all chunks been asked for and the end been seen.
    Members that sort after ``sets`` join ``head.extra`` with the end.
    """
    batches = batches_of(chunks, limits)
    first = next(batches)
    found = find_sets(first)
    if found is None:
        raise malformed('it has no member "sets" in its first line')
    start, end = found
    head = read_head(first[:start], limits.nesting)
    extra = dict(head.extra)
    entries = EntryReader(head.seen, extra, limits).read(chain((first[end:],), batches))
    return head._replace(extra=extra), entries


def _texts(lines: LineWriter, entries: Iterable[Entry], head_bytes: int) -> Iterator[bytes]:
    """Write what stands between head and tail: commas, openings of sets, and lines."""
    set_name: str | None = None
    last_key = ""
    for name, key, element in entries:
        if name != set_name:
            separator = _opening(name, set_name)
            prefix_bytes = len(separator) + (head_bytes if set_name is None else 0)
            set_name, last_key = name, ""  # which is no key: keys are arrays
        else:
            separator, prefix_bytes = b",", 1
        if key <= last_key:
            raise ValueError(f"the entries of set {name} are not sorted by key, or a key is empty")
        last_key = key
        line = lines.write(key, element)
        if prefix_bytes + len(line) > LINE_BYTES:
            raise ValueError(f"an entry of set {name} is too large for a blob: {len(line)} of {LINE_BYTES} bytes")
        yield separator + line
    if set_name is not None:
        yield b"}"


def _opening(name: str, previous: str | None) -> bytes:
    if previous is None:
        return to_json(name) + b":{"
    if name < previous:
        raise ValueError(f"set {name} comes after set {previous}: the entries are not sorted by set")
    return b"}," + to_json(name) + b":{"
