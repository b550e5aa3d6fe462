"""What syncs with one server taught: kept over a restart, and warned of once.

memory   what the server's kind notes for itself, as which dialect the server speaks
limit    the largest blob that it takes
trouble  why the last sync failed, since when, and how long to wait
"""

import sqlite3
from collections.abc import Callable, Mapping
from functools import partial

from daemon import plan
from daemon.exchange import Link
from daemon.server.base import Failure, Limited
from daemon.state.servers import Trouble

NEARLY_FULL = 0.8
"""The share of the largest blob that a server takes, from which on a person is warned."""


class Lessons:
    """What one server taught; ``memory`` is what its kind goes on writing to."""

    def __init__(self, link: Link, memory: Mapping[str, str]) -> None:
        self._link = link
        self._servers = link.keeper.store.servers
        self._limited = link.server if isinstance(link.server, Limited) else None
        self._memory = memory
        self._kept_memory = dict(memory)
        self._kept_limit: int | None = None
        self._kept_trouble: Trouble | None = None
        self._was_described = False
        self._was_nearly_full = False
        self._stale_was_said = False

    def recall(self, trouble: Trouble | None) -> None:
        """Take what the last run kept for what is kept."""
        self._kept_trouble = trouble

    async def keep(self, failure: Failure | None) -> None:
        """Keep memory and limit after a sync, if they changed. Cancelled, the next sync keeps them."""
        await self._keep_limit(failure)
        memory = dict(self._memory)
        if memory != self._kept_memory and await self._kept(
            partial(self._link.keeper.note_memory, self._link.url, memory)
        ):
            self._kept_memory = memory

    async def keep_trouble(self, trouble: Trouble | None) -> None:
        """Keep why the last sync failed, or that it did not. Cancelled, the next sync keeps it."""
        if trouble != self._kept_trouble and await self._kept(
            partial(self._servers.note_trouble, self._link.url, trouble)
        ):
            self._kept_trouble = trouble

    def warn(self, failure: Failure | None, failing_since: float | None, timing: plan.Timing) -> None:
        """Say once that the server has not succeeded for long, and once that the wallet nearly outgrows it."""
        record = self._link.reporter.overview.record_by_url.get(self._link.url)
        last_good = (record.last_success if record else None) or failing_since
        is_stale = failure is not None and plan.is_stale(last_good, self._link.surroundings.wall(), timing)
        if is_stale and not self._stale_was_said:
            self._link.reporter.stale(self._link.url, last_good)
        self._stale_was_said = is_stale
        if record is not None and record.limit_bytes is not None:
            self._warn_if_nearly_full(record.sealed_bytes, record.limit_bytes)

    def _warn_if_nearly_full(self, sealed_bytes: int, limit_bytes: int) -> None:
        is_nearly_full = sealed_bytes >= NEARLY_FULL * limit_bytes
        if is_nearly_full and not self._was_nearly_full:
            self._link.reporter.nearly_full(self._link.url, sealed_bytes, limit_bytes)
        self._was_nearly_full = is_nearly_full

    async def _keep_limit(self, failure: Failure | None) -> None:
        server = self._limited
        if server is None:
            return
        if server.limit_bytes is None and not self._was_described and failure is None:
            self._was_described = True
            await server.describe()
        limit = server.limit_bytes
        if limit is None or limit == self._kept_limit:
            return
        if await self._kept(partial(self._servers.note_limit, self._link.url, limit)):
            self._kept_limit = limit

    async def _kept(self, note: Callable[[], None]) -> bool:
        """Keep something; tell whether it could be kept. Where not, the next sync tries again."""
        try:
            await self._link.exclusively(note)
        except sqlite3.OperationalError:  # a full disk, which the sync itself has met or is about to
            return False
        return True
