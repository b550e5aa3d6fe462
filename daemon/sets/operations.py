"""Local operations: what a change in this wallet makes of an element.

- **insert** (a new key, a changed value, or a key that was deleted): the insert becomes (stamp, value); the deletes
  stay, since the maker has seen them.
- **delete** (live elements only): the insert goes, and the stamp is noted among the deletes.
- A change of a key that waits to be applied was made by someone who had not seen what the list would write. It is
  judged as a replica of its own that has seen no more than what was seen before that join (``aware_of``): a delete
  that it had not seen beats an unaware insert, a delete beats what it had not seen either.
"""

from daemon.sets.element import Element, Seen, Stamp, covers, tombstone


def insert(before: Element | None, stamp: Stamp, value: bytes) -> Element:
    """Insert or change, by someone who has seen the element as it is."""
    return Element(stamp, value, before.deletes if before else {})


def unaware_insert_survives(before: Element | None, aware_of: Seen) -> bool:
    """Tell whether an insert by someone who had seen only ``aware_of`` stands against the element's deletes.

    Where it does, it is stamped now and so is the larger one; where it does not, the element stays as it is.
    """
    return before is None or covers(aware_of, before.deletes)


def delete(before: Element, stamp: Stamp) -> Element:
    """Delete a live element. It makes no difference what the deleter had seen of it: the delete wins."""
    assert before.live
    return tombstone({**before.deletes, stamp.writer: stamp.time})
