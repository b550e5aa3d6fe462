"""What the daemon takes from the world besides files and sockets, as one argument.

Wall time, randomness, ids and the worker that runs blocking work come from here and nowhere else, so that a
simulation can replace all of them and years pass in seconds. Monotonic time is trio's clock.
"""

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from daemon.worker import Worker, threads

WRITER_BYTES = 8
THREADS_OF_A_SERVER = 4


@dataclass(frozen=True)
class Surroundings:
    """Wall time in seconds since 1970, random delays, random ids, and where blocking work runs.

    ``new_worker`` makes a worker for one server, whose files may hang: it must hold up no other. Without it all share
    ``worker``.
    """

    worker: Worker
    wall: Callable[[], float]
    chance: random.Random
    ids: Callable[[int], bytes]
    new_worker: Callable[[], Worker] | None = None

    def worker_of_its_own(self) -> Worker:
        """Return where one server's blocking work runs."""
        return self.worker if self.new_worker is None else self.new_worker()

    def new_writer(self) -> str:
        """Make the id of a new writer: 16 hexadecimal digits."""
        return self.ids(WRITER_BYTES).hex()


def real_surroundings() -> Surroundings:
    """Return the world as it is."""
    return Surroundings(
        worker=threads(),
        wall=time.time,
        chance=random.SystemRandom(),
        ids=secrets.token_bytes,
        new_worker=partial(threads, THREADS_OF_A_SERVER),
    )
