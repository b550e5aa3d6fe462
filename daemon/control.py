"""Control: what the daemon answers on its socket."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio

from config import __version__
from config.model import Settings
from daemon import plan
from daemon.circle import Circle
from daemon.errors import WalletsyncError
from daemon.status import Here, SyncerState, circle_wallets, status
from daemon.syncer import SYNC_ID_BYTES, Syncer
from ipc.dispatch import Method
from ipc.errors import Refusal
from ipc.messages import (
    API_VERSION,
    EnrollParams,
    EnrollResult,
    InviteParams,
    InviteResult,
    JoinParams,
    JoinResult,
    NoParams,
    Status,
    SyncParams,
    SyncResult,
    WalletsResult,
)


class Control:
    """Answers requests about one circle."""

    def __init__(self, circle: Circle, settings: Settings) -> None:
        self._circle = circle
        self._settings = settings
        self._changing = trio.Lock()

    def methods(self) -> dict[str, Method[Any]]:
        """Return all methods by name."""
        return {
            "status": Method(NoParams, self._status, changes=False),
            "wallets": Method(NoParams, self._wallets, changes=False),
            "invite": Method(InviteParams, self._invite, changes=False),
            "sync": Method(SyncParams, self._sync, changes=True),
            "enroll": Method(EnrollParams, self._enroll, changes=True),
            "join": Method(JoinParams, self._join, changes=True),
        }

    def status(self) -> Status:
        """Return the status, from memory."""
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
        )
        syncers = [self._state(syncer) for _, syncer in sorted(self._circle.syncer_by_url.items())]
        return status(here, reporter.overview, syncers, now)

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

    async def _invite(self, params: InviteParams) -> InviteResult:
        uri, servers = await self._circle.invite(params.passphrase)
        return InviteResult(api=API_VERSION, uri=uri, sealed=params.passphrase is not None, servers=servers)

    async def _sync(self, params: SyncParams) -> SyncResult:
        syncers = self._circle.find(params.server)
        sync_id = self._circle.surroundings.ids(SYNC_ID_BYTES).hex()
        for syncer in syncers:
            syncer.request(params.reason, sync_id)
        return SyncResult(sync_id=sync_id, servers=[syncer.url for syncer in syncers])

    async def _enroll(self, params: EnrollParams) -> EnrollResult:
        async with self._changing:
            with _refusing():
                enrolled = await self._circle.enroll(params.url, params.identity)
        return EnrollResult(url=enrolled.url, identity=enrolled.identity, circle_created=enrolled.circle_created)

    async def _join(self, params: JoinParams) -> JoinResult:
        async with self._changing:
            with _refusing():
                return JoinResult(servers=await self._circle.join(params.uri, params.passphrase))


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what the daemon says of its own files into an answer."""
    try:
        yield
    except WalletsyncError as error:
        raise Refusal(str(error), code=error.exit_code) from error
