"""Waking up when the wallet commits.

The folder of the database is watched, not the file: in WAL mode only the -wal file changes, and a file that is
replaced would take a watch with it. An event says no more than "look": whether anyone committed is asked of SQLite.
Where the folder is not there or goes away, and as a backstop where events are lost, a slow look takes over.
"""

from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path

import trio
import watchfiles

LOOK_EVERY = 30.0
"""Seconds between looks where no event comes."""

DEBOUNCE_MS = 50
STEP_MS = 25


async def watch_folder(folder: Path, prefix: str, look: Callable[[], None]) -> None:
    """Call ``look`` whenever a file whose name begins with ``prefix`` may have changed in the folder, for ever.

    Cancellation ends it at once.
    """
    while True:
        with suppress(FileNotFoundError):
            await _watch_until_gone(folder, prefix, look)
        await trio.sleep(LOOK_EVERY)
        look()


async def _watch_until_gone(folder: Path, prefix: str, look: Callable[[], None]) -> None:
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_set_on_cancel, stop)
        events = watchfiles.awatch(
            folder,
            watch_filter=lambda _change, path: Path(path).name.startswith(prefix),
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
                if not folder.is_dir():  # noqa: ASYNC240 - one stat, and rarely
                    break
        nursery.cancel_scope.cancel()


async def _set_on_cancel(stop: trio.Event) -> None:
    """Set the event when cancelled: awatch itself would block until its next timeout."""
    try:
        await trio.sleep_forever()
    finally:
        stop.set()
