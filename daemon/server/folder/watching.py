"""Noticing that blobs in a folder change, by watchfiles.

A cancelled awatch blocks until its timeout unless its stop event is set, so each wait for it has a guard that sets it.
The guard's nursery lives for one wait only: none may span a ``yield`` of an async generator.

What a watch misses (a mount over the folder, the other side of a network file system) is left to the schedule, by which
every server is asked anyway.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import trio
import watchfiles
from watchfiles._rust_notify import WatchfilesRustInternalError
from watchfiles.main import FileChange

LOOK_EVERY = 30.0
"""Seconds between looks for a folder that is not there, or cannot be watched."""

_DEBOUNCE_MS = 1000
_STEP_MS = 250  # between watchfiles' own looks; a cancellation waits as long
_TIMEOUT_MS = 900_000  # after which it is asked whether the folder is still the one that is watched

_Events = AsyncGenerator[set[FileChange], None]


async def changes_in(
    folder: Path, suffix: str, which_folder: Callable[[], Awaitable[object | None]]
) -> AsyncGenerator[None, None]:
    """Yield whenever files whose name ends with ``suffix`` may have changed in the folder, for ever.

    ``which_folder`` tells the folder that is there from others, ``None`` where there is none. Cancelling
    takes up to a quarter of a second, and leaves nothing behind.
    """
    was_lost = False
    while True:
        watched = await which_folder()
        if watched is None:
            was_lost = True
            await trio.sleep(LOOK_EVERY)
            continue
        if was_lost:
            yield
        stop = trio.Event()
        async with aclosing(_watch(folder, suffix, stop)) as events:
            while (changes := await _next_of(events, stop)) is not None and await which_folder() == watched:
                if changes:
                    yield
        was_lost = await which_folder() != watched
        if not was_lost:
            await trio.sleep(LOOK_EVERY)


def _watch(folder: Path, suffix: str, stop: trio.Event) -> _Events:
    return watchfiles.awatch(
        folder,
        watch_filter=lambda _, path: path.endswith(suffix) or Path(path) == folder,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        rust_timeout=_TIMEOUT_MS,
        yield_on_timeout=True,
        recursive=False,
        stop_event=stop,
    )


async def _next_of(events: _Events, stop: trio.Event) -> set[FileChange] | None:
    """Wait for the next changes, none of them after a timeout. None: the folder cannot be watched."""
    arrived = False

    async def set_on_cancellation() -> None:
        try:
            await trio.sleep_forever()
        finally:
            if not arrived:
                stop.set()

    changes: set[FileChange] | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(set_on_cancellation)
        try:
            changes = await anext(events, None)
        except (OSError, WatchfilesRustInternalError):
            changes = None  # it is gone, may not be read, or the system's watches are used up
        arrived = True
        nursery.cancel_scope.cancel()
    return changes
