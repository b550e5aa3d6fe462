"""Requests about the circle: servers and wallets that come and go. One at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from config.model import Nickname
from daemon.circle import Circle
from daemon.errors import WalletsyncError
from daemon.membership import Membership
from daemon.status import circle_wallets
from ipc.dispatch import Method
from ipc.errors import Refusal
from ipc.frame import API_VERSION
from ipc.messages import (
    EnrollParams,
    EnrollResult,
    ForgetParams,
    InviteParams,
    InviteResult,
    JoinParams,
    JoinResult,
    LeaveCircleResult,
    LeaveParams,
    LeaveResult,
    NoParams,
    RenameParams,
    SealParams,
    SealResult,
    WalletsResult,
)


class CircleDesk:
    """Changes the circle."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle
        self._membership = Membership(circle)

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        return {
            "invite": Method(InviteParams, self._invite, changes=False),
            "enroll": Method(EnrollParams, self._enroll, changes=True),
            "join": Method(JoinParams, self._join, changes=True),
            "leave": Method(LeaveParams, self._leave, changes=True),
            "leave_circle": Method(NoParams, self._leave_circle, changes=True),
            "rename": Method(RenameParams, self._rename, changes=True),
            "seal": Method(SealParams, self._seal, changes=True),
            "forget": Method(ForgetParams, self._forget, changes=True),
        }

    async def _invite(self, params: InviteParams) -> InviteResult:
        if params.passphrase == "":
            raise Refusal("an empty passphrase seals nothing: leave it out for an invitation that is not sealed")
        uri, servers = await self._membership.invite(params.passphrase)
        return InviteResult(api=API_VERSION, uri=uri, sealed=params.passphrase is not None, servers=servers)

    async def _enroll(self, params: EnrollParams) -> EnrollResult:
        async with self._changing():
            enrolled = await self._membership.enroll(params.url, params.identity)
        return EnrollResult(url=enrolled.url, identity=enrolled.identity, circle_created=enrolled.circle_created)

    async def _join(self, params: JoinParams) -> JoinResult:
        async with self._changing():
            return JoinResult(servers=await self._membership.join(params.uri, params.passphrase))

    async def _leave(self, params: LeaveParams) -> LeaveResult:
        async with self._changing():
            return LeaveResult(url=await self._membership.leave(params.server, erase=params.erase))

    async def _leave_circle(self, _params: NoParams) -> LeaveCircleResult:
        async with self._changing():
            return LeaveCircleResult(urls=await self._membership.leave_all())

    async def _seal(self, params: SealParams) -> SealResult:
        if params.passphrase == "":
            raise Refusal("an empty passphrase seals nothing: null has the keys kept unsealed")
        async with self._changing():
            await self._circle.seal_secrets(params.passphrase)
        return SealResult(sealed=params.passphrase is not None)

    async def _rename(self, params: RenameParams) -> WalletsResult:
        try:
            nickname = msgspec.convert(params.nickname, Nickname)
        except msgspec.ValidationError:
            raise Refusal(f"{params.nickname!r} is no nickname: it has 1 to 64 characters, none of them #") from None
        if not nickname:
            raise Refusal("a nickname has 1 to 64 characters, none of them #")
        async with self._changing():
            await self._membership.rename(nickname)
        return self._wallets()

    async def _forget(self, params: ForgetParams) -> WalletsResult:
        async with self._changing():
            await self._membership.forget(params.wallet)
        return self._wallets()

    def _wallets(self) -> WalletsResult:
        circle = self._circle
        own_id = circle.keeper.store.identity.wallet_id
        return WalletsResult(wallets=circle_wallets(own_id, circle.reporter.overview, circle.surroundings.wall()))

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """Take turns; turn what the daemon says of its own files into an answer."""
        async with self._circle.turn:
            try:
                yield
            except WalletsyncError as error:
                raise Refusal(str(error), code=error.exit_code) from error
