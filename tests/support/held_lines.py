"""A replica in memory, held beside a document as the state database would hold it."""

from collections.abc import Iterator, Sequence

from daemon.blob.held import HeldLine
from daemon.blob.lines import LineWriter
from daemon.sets.element import Element, Entry, Seen


class HeldEntries:
    """Entries sorted by place, and their lines in a blob that has seen this. Counts what was looked at."""

    def __init__(self, entries: Sequence[Entry], blob_seen: Seen) -> None:
        self.looked_at: list[tuple[str, str]] = []
        self._entries = entries
        self._writer = LineWriter(blob_seen)

    def set_names(self) -> list[str]:
        return sorted({entry.set_name for entry in self._entries})

    def lines(self, set_name: str) -> Iterator[HeldLine]:
        return ((entry.key, line_of(self._writer, entry)) for entry in self._entries if entry.set_name == set_name)

    def element(self, set_name: str, key: str) -> Element:
        self.looked_at.append((set_name, key))
        (element,) = [entry.element for entry in self._entries if entry.place == (set_name, key)]
        return element


def line_of(writer: LineWriter, entry: Entry) -> bytes | None:
    """Return the line of a live element that was never deleted, if the blob can have it."""
    if entry.element.deletes:
        return None
    try:
        return writer.write(entry.key, entry.element)
    except ValueError:
        return None
