"""Whether syncing rests, and until when: kept in the state database, so that it outlives a restart."""

import math

from daemon.state.database import StateDatabase

_NAME = "paused_until"


def paused_until(state: StateDatabase, now: float) -> float | None:
    """Return until when syncing rests, in seconds since 1970 (infinite: until resumed); ``None`` if it does not."""
    text = state.meta(_NAME)
    until = float(text) if text else -math.inf
    return until if until > now else None


def note_pause(state: StateDatabase, until: float | None) -> None:
    """Keep until when syncing rests; ``None``: it does not."""
    state.set_meta(_NAME, "" if until is None else repr(until))
