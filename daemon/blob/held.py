"""What a reader of blobs has already: the lines that this replica would write, walked beside the document's.

Where both have the same line, the element is the same, and needs no reading: the line was checked when it came in, or
written here. So what a reader costs follows what differs. A line that is not like the held one of its key, for whatever
reason, is merely read: nothing depends on lines being alike where elements are. Pure: no I/O, no clock.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from daemon.sets.element import Element, Entry

HeldLine = tuple[str, bytes | None]
"""A held element's key, and what the blob at hand would have it as: a comma, then its line without the break.

``None``: the blob could not have it, or it takes more to tell. The element has to be looked at.
"""


class Held(Protocol):
    """A replica, as far as readers and writers of blobs look at it. It stands still meanwhile."""

    def set_names(self) -> Sequence[str]:
        """Return the names of all sets that have elements, sorted."""
        ...

    def lines(self, set_name: str) -> Iterator[HeldLine]:
        """Walk the elements of a set, sorted by key."""
        ...

    def element(self, set_name: str, key: str) -> Element:
        """Return one of the elements that were walked over."""
        ...


class NothingHeld:
    """A replica without elements."""

    def set_names(self) -> Sequence[str]:
        """Return no names."""
        return ()

    def lines(self, set_name: str) -> Iterator[HeldLine]:
        """Walk nothing."""
        raise LookupError(set_name)

    def element(self, set_name: str, key: str) -> Element:
        """Find nothing."""
        raise LookupError(set_name, key)


class Cursor:
    """Where a reader is: in which set of its document, behind which key there, and at which line of what is held."""

    def __init__(self, held: Held) -> None:
        self.set_name: str | None = None
        self.last_key = ""  # no key is the empty text: keys are arrays
        self._held = held
        self._names_ahead = list(reversed(held.set_names()))
        self._lines: Iterator[HeldLine] = iter(())
        self._next: HeldLine | None = None

    def pass_over(self, lines: Sequence[bytes], position: int) -> int:
        """Return the position of the first line, from this one on, that is not like the one that is held next."""
        upcoming, rest, last_key = self._next, self._lines, self.last_key
        while upcoming is not None and position < len(lines) and lines[position] == upcoming[1]:
            last_key = upcoming[0]
            upcoming = next(rest, None)
            position += 1
        self._next, self.last_key = upcoming, last_key
        return position

    def begin_set(self, name: str) -> Iterator[Entry]:
        """Go to the document's next set; yield what is held before its first element."""
        yield from self._rest_of_set()
        while self._names_ahead and self._names_ahead[-1] < name:
            yield from self._whole_set(self._names_ahead.pop())
        self.set_name, self.last_key = name, ""
        if self._names_ahead and self._names_ahead[-1] == name:
            self._lines = self._held.lines(self._names_ahead.pop())
            self._next = next(self._lines, None)

    def is_behind(self, key: str) -> bool:
        """Tell whether anything is held before this key in the present set."""
        return self._next is not None and self._next[0] < key

    def go_to(self, key: str) -> Iterator[Entry]:
        """Yield what is held before this key in the present set."""
        while self._next is not None and self._next[0] < key:
            yield self._entry(self._next[0])
            self._next = next(self._lines, None)

    def take(self, key: str) -> Entry | None:
        """Return what is held of the document's next key, to which the cursor was brought."""
        self.last_key = key
        if self._next is None or self._next[0] != key:
            return None
        self._next = next(self._lines, None)
        return self._entry(key)

    def finish(self) -> Iterator[Entry]:
        """Yield all that is held behind the document's end."""
        yield from self._rest_of_set()
        while self._names_ahead:
            yield from self._whole_set(self._names_ahead.pop())

    def _rest_of_set(self) -> Iterator[Entry]:
        while self._next is not None:
            yield self._entry(self._next[0])
            self._next = next(self._lines, None)

    def _whole_set(self, name: str) -> Iterator[Entry]:
        return (Entry(name, key, self._held.element(name, key)) for key, _ in self._held.lines(name))

    def _entry(self, key: str) -> Entry:
        assert self.set_name is not None
        return Entry(self.set_name, key, self._held.element(self.set_name, key))
