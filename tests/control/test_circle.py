"""Requests about the circle."""

from pathlib import Path

import pytest
import trio.testing
from structlog.testing import capture_logs
from support.quiet_daemon import MemoryServer, quiet_daemon

from daemon.control import CircleDesk
from ipc.errors import Refusal
from ipc.messages import InviteParams, JoinParams, RenameParams

URL = "file:///memory/"


async def test_an_empty_passphrase_seals_no_invitation(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    async with quiet_daemon(tmp_path, {URL: MemoryServer("memory")}) as daemon:
        invite = CircleDesk(daemon.circle).methods()["invite"].handler
        with pytest.raises(Refusal, match="an empty passphrase seals nothing"):
            await invite(InviteParams(passphrase=""))


async def test_an_invitation_that_is_taken_again_changes_nothing_and_is_not_logged(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with quiet_daemon(tmp_path, {URL: MemoryServer("memory")}) as daemon:
        methods = CircleDesk(daemon.circle).methods()
        invitation = await methods["invite"].handler(InviteParams())
        with capture_logs() as lines:
            joined = await methods["join"].handler(JoinParams(uri=invitation.uri))  # type: ignore[attr-defined]
        assert joined.servers == [URL]  # type: ignore[attr-defined]
        assert "circle.joined" not in [line["event"] for line in lines]


async def test_a_new_nickname_is_logged(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    async with quiet_daemon(tmp_path, {URL: MemoryServer("memory")}) as daemon:
        with capture_logs() as lines:
            await CircleDesk(daemon.circle).methods()["rename"].handler(RenameParams(nickname="laptop"))
        assert [line["nickname"] for line in lines if line["event"] == "wallet.renamed"] == ["laptop"]
