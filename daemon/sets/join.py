"""The join: how two replicas become one.

For a key that both sides have, with elements a (of replica A) and b (of replica B):

1. a's insert survives if A has seen every delete of b; b's insert survives if B has seen every delete of a.
2. The deletes are the later of both for each writer.
3. Of two survivors the one with the larger stamp stays; of one, that one; of none, a tombstone. Two inserts of
   equal stamps and different values exist only if a running machine was cloned: the larger bytes stay.

For a key that one side alone has, the sides differ. *Mine* is this replica, *theirs* the blob just read:

- theirs live: skipped if I have seen its stamp (I had it, and it was deleted), else taken;
- theirs a tombstone: skipped if I have seen all its deletes, else taken;
- mine live: dropped if they have seen its stamp (they had it, and it was deleted), else kept;
- mine a tombstone: kept. Only my own garbage collection drops it.

What was seen becomes the later of both for each writer.

So a delete wins over every insert whose maker had not seen it, whatever the Lamport times are (DD05: "the delete
wins"), and an insert made after having seen the delete brings the key back.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from daemon.sets.element import Element, Entry, Seen, covers, has_seen, pointwise_max

Pair = tuple[Entry | None, Entry | None]
"""What this replica has of a key, and what the other side has of it."""


class Joined(NamedTuple):
    """What the join made of one key: the element before, the other side's, and the one after.

    ``None`` stands for "has no element of this key"; an ``after`` of ``None`` means: dropped, or never taken.
    """

    set_name: str
    key: str
    before: Element | None
    theirs: Element | None
    after: Element | None

    @property
    def changed(self) -> bool:
        """Whether this replica's element is another one now."""
        return self.after != self.before

    @property
    def owed(self) -> bool:
        """Whether they hold something live that is gone here: a reason to tell them."""
        return self.theirs is not None and self.theirs.live and (self.after is None or not self.after.live)

    @property
    def stamps_collide(self) -> bool:
        """Whether both sides hold one stamp with two values, which only a cloned machine can bring about."""
        before, theirs = self.before, self.theirs
        return (
            before is not None
            and theirs is not None
            and before.stamp is not None
            and before.stamp == theirs.stamp
            and before.value != theirs.value
        )


def join_elements(mine: Element, theirs: Element, my_seen: Seen, their_seen: Seen) -> Element:
    """Join the elements of a key that both sides have. Symmetric in the two sides."""
    deletes = pointwise_max(mine.deletes, theirs.deletes) if mine.deletes or theirs.deletes else mine.deletes
    survivors = []
    if mine.stamp is not None and covers(my_seen, theirs.deletes):
        survivors.append((mine.stamp, mine.value))
    if theirs.stamp is not None and covers(their_seen, mine.deletes):
        survivors.append((theirs.stamp, theirs.value))
    if not survivors:
        return Element(None, b"", deletes)
    stamp, value = max(survivors)
    return Element(stamp, value, deletes)


def join_one(mine: Element | None, theirs: Element | None, my_seen: Seen, their_seen: Seen) -> Element | None:
    """Join what the two sides have of one key. ``None`` stands for nothing, on either side and in the result."""
    if mine is not None and theirs is not None:
        return join_elements(mine, theirs, my_seen, their_seen)
    if theirs is not None:
        known = has_seen(my_seen, theirs.stamp) if theirs.stamp else covers(my_seen, theirs.deletes)
        return None if known else theirs
    if mine is not None and mine.stamp is not None and has_seen(their_seen, mine.stamp):
        return None
    return mine


def join(mine: Iterable[Entry], theirs: Iterable[Entry], my_seen: Seen, their_seen: Seen) -> Iterator[Joined]:
    """Join two streams of entries, both sorted by place, and yield what differs. Neither is held in memory."""
    return join_pairs(_pair(iter(mine), iter(theirs)), my_seen, their_seen)


def join_pairs(pairs: Iterable[Pair], my_seen: Seen, their_seen: Seen) -> Iterator[Joined]:
    """Join what the two sides have of each key, in any order of keys, and yield what differs.

    Keys on which both sides agree are passed over, and may be left out.
    """
    for before, other in pairs:
        my_element = before.element if before else None
        their_element = other.element if other else None
        if my_element == their_element:
            continue
        after = join_one(my_element, their_element, my_seen, their_seen)
        joined = Joined(*_place(before, other), my_element, their_element, after)
        if joined.changed or joined.owed or joined.stamps_collide:
            yield joined


def _place(one: Entry | None, other: Entry | None) -> tuple[str, str]:
    entry = one or other
    assert entry is not None
    return entry.set_name, entry.key


def _pair(mine: Iterator[Entry], theirs: Iterator[Entry]) -> Iterator[Pair]:
    """Walk two sorted streams side by side: each place once, with the entry of either side that has it."""
    one, other = next(mine, None), next(theirs, None)
    while one is not None and other is not None:
        one_place, other_place = one[:2], other[:2]
        if one_place == other_place:
            yield one, other
            one, other = next(mine, None), next(theirs, None)
        elif one_place < other_place:
            yield one, None
            one = next(mine, None)
        else:
            yield None, other
            other = next(theirs, None)
    while one is not None:
        yield one, None
        one = next(mine, None)
    while other is not None:
        yield None, other
        other = next(theirs, None)
