"""A running machine that was copied: two daemons making operations under one writer id.

The first net is that every start takes a new writer id. The second is here: whatever a blob has seen of my writer, it
has from one that I sealed; a time of my writer up to which I never sealed any proves that a copy of this very run has
uploaded. (Stamps leave random gaps, so that two copies hardly ever seal up to the same time.) Then, before anything is
captured or joined:

- this run takes a new writer id;
- its inserts that the blob does not hold are stamped anew, since the copy's operations bear the same stamps and the
  blob claims to have seen them. An insert that the blob has overtaken with a larger stamp stays as it is. Deletes are
  never stamped anew: one that the blob does not hold may have been collected, and somebody who had seen it may have
  inserted the key again, which a newer delete would take away;
- what the blob holds under the shared writer id and I have nothing of is taken, since my ``seen`` claims to cover it.

Nothing live is lost so. A delete made by one copy may lose against what the other holds.

Two copies that both live on do not stop at that: each has a writer of its own, and both upload as one wallet. They lose
nothing, but they share one row of clocks, so that tombstones may be forgotten which one of them has yet to see; a
person has to end that. It shows by the row: what this wallet has put there, it has seen. A row that has seen more was
put there by another. Once in a run, and on one server, it may have been a former life of this wallet, from which a
backup of its state or of its machine was put back. The second time it is a copy that lives.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from daemon.keeper.merge import list_for_wallet
from daemon.keeper.store import Store
from daemon.sets.collect import Clocks
from daemon.sets.element import Element, Entry, Seen, Stamp, covers
from daemon.sets.operations import insert


class Parting(NamedTuple):
    """A run that gave up its writer id, and how many of its operations were stamped anew under the next one."""

    former_writer: str
    restamped: int


def is_copied(store: Store, their_seen: Seen) -> bool:
    """Tell whether a blob that has seen this proves another copy of this run."""
    if store.writer is None or store.writer not in their_seen:
        return False
    return Stamp(their_seen[store.writer], store.writer) not in store.sealed


def is_foreign_row(store: Store, clocks: Clocks) -> bool:
    """Tell whether another than this wallet has put its row into the clocks of a blob that is about to be joined."""
    return not covers(store.replica.seen(), clocks.get(store.identity.wallet_id, {}))


def copy_lives(store: Store, url: str) -> bool:
    """Tell whether a copy of this wallet is at work elsewhere, now that a blob with a foreign row was joined."""
    store.foreign_rows[url] += 1
    return store.foreign_rows[url] > 1


def part_from_copy(store: Store, theirs: Iterable[Entry]) -> Parting:
    """Go on under a new writer id, made with the next stamp.

    ``theirs`` is read to its end; what it raises leaves all as it was.
    """
    former = store.writer
    assert former is not None
    store.writer = None
    try:
        with store.state.transaction():
            stamper = store.stamper()
            batch = store.to_apply.open_batch(stamper.seen)
            own = {entry.place: entry.element for entry in store.replica.entries_of_writer(former)}
            restamped = 0
            held: dict[tuple[str, str], Element] = {}
            for entry in theirs:
                if entry.place in own:
                    held[entry.place] = entry.element
                elif _was_made_by(entry.element, former) and not store.replica.known(*entry.place).element:
                    list_for_wallet(store, entry.set_name, entry.key, batch)
                    store.replica.put(entry.set_name, entry.key, entry.element)
            for place, element in own.items():
                anew = _stamped_anew(element, held.get(place), former, stamper.stamp)
                if anew is not element:
                    store.replica.put(*place, anew)
                    restamped += 1
            stamper.finish()
    except BaseException:
        store.writer = former
        raise
    store.writer = stamper.writer
    return Parting(former, restamped)


def _was_made_by(element: Element, writer: str) -> bool:
    return element.stamp is not None and element.stamp.writer == writer


def _stamped_anew(mine: Element, theirs: Element | None, former: str, stamp: Callable[[], Stamp]) -> Element:
    """Return an element with its insert stamped anew, if that is by the former writer and the blob does not hold it."""
    if mine.stamp is None or mine.stamp.writer != former or _holds(theirs, mine):
        return mine
    return insert(mine, stamp(), mine.value)


def _holds(theirs: Element | None, mine: Element) -> bool:
    """Tell whether the blob holds this very insert, or one that overtakes it."""
    if theirs is None or theirs.stamp is None or mine.stamp is None:
        return False
    return theirs.stamp > mine.stamp or (theirs.stamp == mine.stamp and theirs.value == mine.value)
