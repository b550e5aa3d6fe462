"""Waking up when the wallet commits.

The folder of the database is watched, not the file: in WAL mode only the -wal file changes, and a file that is
replaced would take a watch with it. Where the path is a symbolic link, it is the folder that the link leads into, since
SQLite writes its files there. An event says no more than "look": whether anyone committed is asked of SQLite.

Where the folder is not there, goes away or cannot be watched (a system has so many watches and no more), and as a
backstop where events are lost, a slow look takes over.
"""

import os
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import trio
import watchfiles
from watchfiles._rust_notify import WatchfilesRustInternalError

LOOK_EVERY = 30.0
"""Seconds between looks where no event comes."""

DEBOUNCE_MS = 50
STEP_MS = 25


async def watch_file(path: Path, look: Callable[[], None]) -> None:
    """Call ``look`` whenever a file of this path, or one whose name begins alike, may have changed, for ever.

    Cancellation ends it at once.
    """
    while True:
        real = _real(path)
        try:
            await _watch_until_elsewhere(path, real, look)
        except* (OSError, WatchfilesRustInternalError):
            pass  # the slow look has to do
        if _real(path) == real:
            await trio.sleep(LOOK_EVERY)
        look()


async def _watch_until_elsewhere(path: Path, real: Path, look: Callable[[], None]) -> None:
    """Watch until the folder is gone, or the path leads to another file."""
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_set_on_cancel, stop)
        events = watchfiles.awatch(
            real.parent,
            watch_filter=lambda _change, changed: Path(changed).name.startswith(real.name),
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            stop_event=stop,
            recursive=False,
            rust_timeout=int(LOOK_EVERY * 1000),
            yield_on_timeout=True,
        )
        async with aclosing(events):
            async for _ in events:
                look()
                if not real.parent.is_dir() or _real(path) != real:
                    break
        nursery.cancel_scope.cancel()


def _real(path: Path) -> Path:
    """Return where a path leads to: a few looks at folders, none of which waits."""
    return Path(os.path.realpath(path))


async def _set_on_cancel(stop: trio.Event) -> None:
    """Set the event when cancelled: awatch itself would block until its next timeout."""
    try:
        await trio.sleep_forever()
    finally:
        stop.set()
