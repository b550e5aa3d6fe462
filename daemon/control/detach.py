"""The request to take walletsync out of the wallet database, after which the daemon ends by itself."""

import signal
from collections.abc import Callable
from typing import Any

import trio

from daemon import logs
from daemon.circle import Circle
from daemon.logs.keeping import WalletDetached
from daemon.wallet.trouble import WalletTrouble
from ipc.dispatch import Method
from ipc.errors import Refusal
from ipc.frame import WALLET_UNFIT
from ipc.messages import DetachResult, NoParams

ANSWER_TIME = 0.2
"""Seconds that the answer has to reach its caller before the daemon ends."""


def end_process() -> None:
    """Ask this process to end in good order, as a service manager does."""
    signal.raise_signal(signal.SIGTERM)


class DetachDesk:
    """Detaches the wallet, and then has the process ended by ``end``."""

    def __init__(self, circle: Circle, end: Callable[[], object] = end_process) -> None:
        self._circle = circle
        self._end = end
        self._ending = False

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        return {"detach": Method(NoParams, self._detach, changes=True)}

    async def _detach(self, _params: NoParams) -> DetachResult:
        keeper = self._circle.keeper
        try:
            await self._circle.exclusively(keeper.detach)
        except WalletTrouble as trouble:
            raise Refusal(trouble.reason, code=WALLET_UNFIT) from trouble
        path = keeper.store.guest.path
        logs.emit(WalletDetached(path=path))
        if not self._ending:
            self._ending = True
            self._circle.nursery.start_soon(self._end_soon)
        return DetachResult(path=str(path))

    async def _end_soon(self) -> None:
        """End the daemon once the answer is out. Cancelled, it is ending already."""
        await trio.sleep(ANSWER_TIME)
        self._end()
