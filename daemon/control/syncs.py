"""Requests for syncs, and for more of them while somebody looks."""

from collections.abc import Iterable
from typing import Any

from daemon.circle import Circle
from daemon.server.base import FailureKind
from daemon.syncer import SYNC_ID_BYTES, Syncer
from ipc.dispatch import Method
from ipc.errors import Refusal
from ipc.messages import NoParams, SyncParams, SyncResult, WatchResult


class SyncDesk:
    """Starts syncs that someone asks for."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        return {
            "sync": Method(SyncParams, self._sync, changes=True),
            "watch": Method(NoParams, self._watch, changes=False),
        }

    async def _sync(self, params: SyncParams) -> SyncResult:
        syncers = await self._circle.find(params.server)
        if params.new_order:
            _check_payment_is_due(syncers)
        sync_id = self._circle.surroundings.ids(SYNC_ID_BYTES).hex()
        for syncer in syncers:
            syncer.request(params.reason, sync_id, new_order=params.new_order)
        self._circle.rolling.aftercare.look_soon()
        return SyncResult(sync_id=sync_id, servers=[syncer.url for syncer in syncers])

    async def _watch(self, _params: NoParams) -> WatchResult:
        for syncer in self._circle.syncer_by_url.values():
            syncer.watched()
        return WatchResult(seconds=self._circle.timing.active_for)


def _check_payment_is_due(syncers: Iterable[Syncer]) -> None:
    for syncer in syncers:
        if syncer.failure is None or syncer.failure.kind is not FailureKind.PAYMENT_REQUIRED:
            raise Refusal(f"{syncer.url} does not wait for a payment, so there is no order to be made anew")
