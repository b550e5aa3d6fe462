"""A daemon with a heartbeat in its event loop: how late each beat comes says for how long the loop stood still."""

import sys
import time
from pathlib import Path

import msgspec
import trio

from config.paths import find_paths
from daemon.app import serve
from daemon.notify import Notifier

INTERVAL = 0.002
BEATS = "beats.json"
"""The name of the file in the home that takes the beats' lateness, in seconds, when the daemon ends."""


class Beat(msgspec.Struct, array_like=True):
    """When a beat came, in seconds of the monotonic clock, and how late it was."""

    at: float
    late: float


def read_beats(home: Path) -> list[Beat]:
    """Return the beats of the daemon that ended last in this home."""
    return msgspec.json.decode((home / BEATS).read_bytes(), type=list[Beat])


def main() -> None:
    """Run the daemon of the home that the command line names, and leave the beats there."""
    home = Path(sys.argv[2])
    beats: list[Beat] = []
    try:
        trio.run(_serve, home, beats)
    finally:
        (home / BEATS).write_bytes(msgspec.json.encode(beats))


async def _serve(home: Path, beats: list[Beat]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_beat, beats)
        await serve(find_paths(home), Notifier())
        nursery.cancel_scope.cancel()


async def _beat(beats: list[Beat]) -> None:
    while True:
        due = time.monotonic() + INTERVAL
        await trio.sleep(INTERVAL)
        now = time.monotonic()
        beats.append(Beat(now, now - due))


if __name__ == "__main__":
    main()
