"""Answers about the state of the daemon, from memory, so that they come at once also while a sync runs."""

import os
from typing import Any

import trio

from config import __version__
from config.model import Settings
from daemon import plan
from daemon.circle import Circle
from daemon.status import Here, SyncerState, circle_wallets, status
from daemon.syncer import Syncer
from ipc.dispatch import Method
from ipc.messages import NoParams, WalletsResult
from ipc.state import Status


class StatusDesk:
    """Tells how the daemon, its servers and the circle's wallets are."""

    def __init__(self, circle: Circle, settings: Settings) -> None:
        self._circle = circle
        self._settings = settings

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        return {
            "status": Method(NoParams, self._status, changes=False),
            "wallets": Method(NoParams, self._wallets, changes=False),
        }

    def status(self) -> Status:
        """Return the status."""
        reporter, now = self._circle.reporter, self._circle.surroundings.wall()
        identity = self._circle.keeper.store.identity
        here = Here(
            version=__version__,
            pid=os.getpid(),
            wallet_id=identity.wallet_id,
            nickname=identity.nickname,
            path=str(self._settings.wallet.path),
            profile=self._settings.wallet.profile,
            capture=self._settings.wallet.capture,
            wallet_state=reporter.wallet_state,
            wallet_reason=reporter.wallet_reason,
            copy_seen=reporter.copy_seen,
            in_circle=self._circle.secrets.root is not None,
            paused_until=reporter.paused_until,
        )
        syncers = map(self._state, self._circle.syncer_by_url.values())
        return status(here, reporter.overview, syncers, now, self._circle.rolling.aftercare.failure_at)

    def _state(self, syncer: Syncer) -> SyncerState:
        due = plan.wake_at(syncer.plan)
        wall = self._circle.surroundings.wall()
        return SyncerState(
            url=syncer.url,
            syncing=syncer.plan.syncing,
            paused=syncer.plan.paused,
            failure=syncer.failure,
            failing_since=syncer.failing_since,
            next_try=None if due is None else wall + max(0.0, due - trio.current_time()),
            next_reason=None if due is None else syncer.plan.reason,
        )

    async def _status(self, _params: NoParams) -> Status:
        return self.status()

    async def _wallets(self, _params: NoParams) -> WalletsResult:
        circle = self._circle
        own_id = circle.keeper.store.identity.wallet_id
        return WalletsResult(wallets=circle_wallets(own_id, circle.reporter.overview, circle.surroundings.wall()))
