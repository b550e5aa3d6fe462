"""Garbage collection: when the deletes of a key may be forgotten.

Each server's blob carries clocks: for each wallet enrolled there, its whole ``seen`` at its last upload. The deletes
of a key may go when, for **every** server of this wallet, **every** wallet in that server's clocks covers them.

DD05's rule (drop what is older than the smallest clock) is wrong: a Lamport clock says how late it is, not what a
wallet has seen. docs/semantics.md has the counterexample.
"""

from collections.abc import Mapping, Sequence

from daemon.sets.element import Deletes, Element, Seen, covers

Clocks = Mapping[str, Seen]
"""By wallet id, what that wallet had seen at its last upload to one server."""


def all_acknowledged(deletes: Deletes, clocks_by_server: Sequence[Clocks | None]) -> bool:
    """Tell whether every wallet of every server has seen these deletes.

    ``None`` stands for a server whose clocks were never read, which acknowledges nothing. Without any server nobody
    can have acknowledged, and the deletes stay.
    """
    return bool(clocks_by_server) and all(
        clocks is not None and all(covers(seen, deletes) for seen in clocks.values()) for clocks in clocks_by_server
    )


def without_deletes(element: Element) -> Element | None:
    """Forget an element's deletes: of a live element the rest stays, of a tombstone nothing does."""
    return Element(element.stamp, element.value) if element.live else None
