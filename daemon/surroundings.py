"""What the daemon takes from the world besides files and sockets, as one argument.

Wall time, randomness, ids and the worker that runs blocking work come from here and nowhere else, so that a
simulation can replace all of them and years pass in seconds. Monotonic time is trio's clock.
"""

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from daemon.worker import Worker, threads

WRITER_BYTES = 8


@dataclass(frozen=True)
class Surroundings:
    """Wall time in seconds since 1970, random delays, random ids, and where blocking work runs."""

    worker: Worker
    wall: Callable[[], float]
    chance: random.Random
    ids: Callable[[int], bytes]

    def new_writer(self) -> str:
        """Make the id of a new writer: 16 hexadecimal digits."""
        return self.ids(WRITER_BYTES).hex()


def real_surroundings() -> Surroundings:
    """Return the world as it is."""
    return Surroundings(worker=threads(), wall=time.time, chance=random.SystemRandom(), ids=secrets.token_bytes)
