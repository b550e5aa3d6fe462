"""Keeps an eye on the wallet database: whether it can be used, and when someone else has committed to it.

An event of the file system says that a commit was written; it is to be seen only once the disk has it, and that makes
no event of its own. So each event is followed by some more looks.
"""

import math
from typing import TYPE_CHECKING

import trio

from daemon.circle import Circle
from daemon.wallet.trouble import WalletTrouble
from daemon.wallet.watch import watch_file

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_AGAIN = (0.1, 0.3, 1.0, 4.0)
"""Seconds between the looks after an event. Disks that are slow or busy take so long to keep a commit."""


class Lookout:
    """Looks at the wallet database of a circle's wallet."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle
        self._looking_since: float | None = None
        self._told = trio.Event()

    async def look(self) -> None:
        """Find out whether the wallet database can be used, so that status tells it before the first sync."""
        trouble: WalletTrouble | None = None
        try:
            await self._circle.exclusively(self._circle.keeper.store.guest.refresh)
        except WalletTrouble as found:
            trouble = found
        self._circle.reporter.wallet_trouble(trouble)

    async def run(self) -> None:
        """Tell the plans whenever someone else has committed to the wallet database, for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.look_when_told)
            await watch_file(self._circle.keeper.store.guest.path, self.tell)

    def tell(self) -> None:
        """Note that the wallet database may have changed."""
        self._told.set()

    async def look_when_told(self) -> None:
        """Tell the plans of commits whenever there may be one, for ever."""
        delays: Iterator[float] = iter(())
        while True:
            with trio.move_on_after(next(delays, math.inf)):
                await self._told.wait()
                self._told = trio.Event()
                delays = iter(LOOK_AGAIN)
            self._looking_since = trio.current_time()
            if await self._committed():
                self._circle.changed()
            self._looking_since = None

    def stalled_for(self) -> float:
        """Return for how many seconds the present look has lasted."""
        return 0.0 if self._looking_since is None else trio.current_time() - self._looking_since

    async def _committed(self) -> bool:
        """Tell whether there is something to capture; note whether the wallet can be used."""
        before = self._circle.reporter.wallet_state
        try:
            changed = await self._circle.exclusively(self._circle.keeper.committed_since)
        except WalletTrouble as trouble:
            self._circle.reporter.wallet_trouble(trouble)
            return False
        if before != "ok":
            await self.look()
            return self._circle.reporter.wallet_state == "ok"
        return changed
