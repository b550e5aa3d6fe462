"""What must not come back: money that was spent, and what is elsewhere now.

A spent coin that comes back looks like money. Whether an entity is spent, another set says, of which the profile tells
(config.profile, docs/profiles.md). Of what is to be restored is left out

- what has **moved**: the set that it moves to holds the same key, or gets it back in the same go;
- what was **spent**: the set that it is spent in has ever held the same key, as far as is known here (live, as a
  tombstone, or in the history), and does not hold it now, nor get it back in the same go. Where it does, both stand
  side by side, and the one says so of the other;
- what is of **no set of this profile**: whether it is spent, a wallet knows that has the set.
"""

from collections.abc import Container
from typing import Literal

from daemon.keeper.store import Store

Place = tuple[str, str]
Obstacle = Literal["spent", "unknown"]
"""Why something does not come back: it was spent or has moved on, or its set is none of this profile."""


def obstacle(store: Store, place: Place, coming: Container[Place]) -> Obstacle | None:
    """Return why what is not live now must not come back, if so. ``coming`` is what is about to come back with it."""
    set_name, key = place
    if set_name not in store.guest.set_by_name:
        return "unknown"
    if has_moved(store, place, coming):
        return "spent"
    spends = store.guest.set_by_name[set_name].spent_in
    if spends is None or store.lives((spends, key)) or (spends, key) in coming:
        return None
    return "spent" if _was_ever(store, (spends, key)) else None


def is_over(store: Store, place: Place) -> bool:
    """Tell whether what is live has been spent or has moved on: what it once was, it must not become again."""
    each = store.guest.set_by_name.get(place[0])
    spends = each.spent_in if each else None
    return has_moved(store, place) or (spends is not None and _was_ever(store, (spends, place[1])))


def has_moved(store: Store, place: Place, coming: Container[Place] = ()) -> bool:
    """Tell whether the set that an entity moves to has it now, or is about to."""
    each = store.guest.set_by_name.get(place[0])
    target = each.moves_to if each else None
    return target is not None and (store.lives((target, place[1])) or (target, place[1]) in coming)


def tells_of_others(store: Store, set_name: str) -> bool:
    """Tell whether entities of this set say of those of another one that they moved or were spent."""
    return any(set_name in (each.moves_to, each.spent_in) for each in store.guest.set_by_name.values())


def _was_ever(store: Store, place: Place) -> bool:
    return store.replica.known(*place).element is not None or store.history.latest_of(*place) is not None
