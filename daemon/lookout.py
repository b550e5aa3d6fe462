"""Keeps an eye on the wallet database: whether it can be used, and when someone else has committed to it."""

import trio

from daemon.circle import Circle
from daemon.wallet.guest import WalletTrouble
from daemon.wallet.watch import watch_file


class Lookout:
    """Looks at the wallet database of a circle's wallet."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle
        self._looking_since: float | None = None

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
        looks = trio.Event()

        async def look_when_told() -> None:
            nonlocal looks
            while True:
                await looks.wait()
                looks = trio.Event()
                self._looking_since = trio.current_time()
                if await self._committed():
                    self._circle.changed()
                self._looking_since = None

        path = self._circle.keeper.store.guest.path
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look_when_told)
            await watch_file(path, lambda: looks.set())

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
