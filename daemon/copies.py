"""Conflict copies on one server: joined like the server's blob, and removed once the server's own blob holds all of it.

Where another program syncs a folder, it keeps the loser of two uploads as a copy beside the winner. The wallet that
lost joins the winner and uploads again, but it may be gone for long, or for ever, and the copy is then all there is.

A copy is removed only after a blob that holds what it held was stored, or the server's blob was found to hold it
already. Killed before that, the next sync joins it again, which changes nothing. What cannot be read is left there,
and said once.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from daemon import logs
from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import ServerKeys
from daemon.keeper.answer import Spooled
from daemon.keeper.intake import TakenIn
from daemon.keeper.keeper import Keeper
from daemon.keeper.merge import TimePoisoned
from daemon.logs import syncing
from daemon.server.base import Copy, HasCopies
from daemon.worker import Worker


class Copies:
    """The conflict copies of one account's blob on one server."""

    def __init__(self, url: str, server: HasCopies, keys: ServerKeys, keeper: Keeper, exclusively: Worker) -> None:
        self._url = url
        self._server = server
        self._keys = keys
        self._keeper = keeper
        self._exclusively = exclusively
        self._joined: set[Copy] = set()
        self._unreadable: set[Copy] = set()

    async def take_in(self, sync_id: str, spool: Path, on_taken: Callable[[TakenIn], None]) -> None:
        """Join the copies that were not joined yet. Cancelled, some may be joined."""
        found = set(await self._server.copies(self._keys.account))
        self._joined &= found
        self._unreadable &= found
        for copy in sorted(found - self._joined - self._unreadable):
            fetched = await self._server.fetch_copy(copy, spool)
            if fetched is None:
                continue
            spooled = Spooled(spool, fetched.revision, fetched.sealed_bytes, self._keys)
            try:
                taken = await self._exclusively(partial(self._keeper.take_in_copy, self._url, spooled, sync_id))
            except (BlobUnreadable, TimePoisoned) as error:
                self._unreadable.add(copy)
                logs.emit(syncing.CopyUnreadable(sync_id=sync_id, server=self._url, message=str(error)))
                continue
            self._joined.add(copy)
            logs.emit(syncing.CopyJoined(sync_id=sync_id, server=self._url, sealed_bytes=fetched.sealed_bytes))
            on_taken(taken)

    async def remove_joined(self) -> None:
        """Remove what was joined, now that the server's own blob holds it. What cannot be removed stays joined."""
        for copy in sorted(self._joined):
            await self._server.remove_copy(copy)
