"""How long to wait after a conflict: one server takes one wallet's upload in a round, and the others begin anew. Pure.

Of two wallets that meet, the one that lost gets through at once. Where many meet, each waits at random within a time
that doubles with every conflict, until the wallets are spread over as many rounds as there are wallets. The measure is
how long a round takes, from the fetch to the answer: where the line is slow or the blob is large, only one wallet can
get through in that time. A hundred wallets that begin at one moment need six to eight uploads each.
"""

SHORTEST_ROUND = 0.2
"""Seconds that a round is taken to last at least."""

LONGEST_DELAY = 30.0
MOST_ROUNDS = 128
"""No wallet waits longer than so many seconds, or so many rounds, whichever is longer."""

NEVER_LONGER = 900.0
"""However long a round takes: a sync that makes no step for long is taken for one that hangs (daemon.pulse)."""


def longest_delay(conflicts: int, round_seconds: float) -> float:
    """Return the ceiling of the delay after so many conflicts in one sync, the last round of which took so long."""
    if conflicts <= 1:
        return 0.0
    measure = max(round_seconds, SHORTEST_ROUND)
    longest = min(max(LONGEST_DELAY, measure * MOST_ROUNDS), NEVER_LONGER)
    return min(measure * 2.0 ** min(conflicts, 30), longest)
