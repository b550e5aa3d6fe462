"""What both clients assume unless they are told otherwise."""

import os

TIMEOUT = 10.0  # seconds for an answer
LONG_TIMEOUT = 120.0  # the same, where the daemon has to ask a sync server first


def random_id() -> str:
    """Draw the id of a request: unique, and long enough for requests that change something."""
    return os.urandom(16).hex()
