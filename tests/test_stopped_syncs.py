"""Syncs that end since their server is left, and servers while the circle changes or the disk is full."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from support.quiet_daemon import MemoryServer, QuietDaemon, quiet_daemon

from config.model import Settings, WalletSettings
from daemon.control import CircleDesk, StatusDesk, SyncDesk, methods, telling_of_the_disk
from daemon.control.pausing import PauseDesk
from daemon.server.base import Failure, FailureKind
from ipc.errors import Refusal
from ipc.frame import REFUSED
from ipc.messages import EnrollParams, LeaveParams, NoParams, PauseParams, RenameParams, SyncParams
from ipc.state import ServerStatus

ONE, TWO = "file:///one/", "file:///two/"


class Stuck(MemoryServer):
    """A server that never answers."""

    async def fetch(self, *_: object) -> None:  # type: ignore[override]
        await trio.sleep_forever()


def servers_of(daemon: QuietDaemon) -> dict[str, ServerStatus]:
    desk = StatusDesk(daemon.circle, Settings(wallet=WalletSettings(path=Path("/wallet.db"))))
    return {server.url: server for server in desk.status().servers}


def told(daemon: QuietDaemon, sync_id: str) -> list[tuple[object, object]]:
    ended = [data for event, data in daemon.events if event == "sync.ended"]
    return [(data["server"], data["outcome"]) for data in ended if data["sync_id"] == sync_id]  # type: ignore[index]


@contextmanager
def a_disk_that_takes_nothing(daemon: QuietDaemon) -> Iterator[None]:
    connection = daemon.circle.keeper.store.state.connection
    connection.execute("PRAGMA query_only = ON")
    yield
    connection.execute("PRAGMA query_only = OFF")


async def test_whoever_follows_a_sync_is_told_of_its_end_where_its_server_is_left(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with quiet_daemon(tmp_path, {ONE: Stuck("one"), TWO: MemoryServer("two")}) as daemon:
        sync = SyncDesk(daemon.circle).methods()["sync"].handler
        running, waiting = [(await sync(SyncParams())).sync_id for _ in range(2)]  # type: ignore[attr-defined]
        await trio.sleep(60)
        assert told(daemon, running) == [(TWO, "ok")]
        await CircleDesk(daemon.circle).methods()["leave"].handler(LeaveParams(server=ONE))
        for sync_id in (running, waiting):
            assert told(daemon, sync_id) == [(TWO, "ok"), (ONE, "stopped")]


async def test_servers_are_shown_as_they_were_while_the_circle_changes(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    away = Failure(FailureKind.UNREACHABLE, "it is away")
    async with quiet_daemon(tmp_path, {ONE: MemoryServer("one", away), TWO: MemoryServer("two")}) as daemon:
        await trio.sleep(60)
        before = servers_of(daemon)
        async with daemon.circle.at_rest():
            during = servers_of(daemon)
        assert {url: (at.state, at.last_success, at.error) for url, at in during.items()} == {
            url: (at.state, at.last_success, at.error) for url, at in before.items()
        }
        assert [server.next_try for server in during.values()] == [None, None]


@pytest.mark.parametrize("method", ["leave", "sync"])
async def test_an_empty_text_names_no_server_also_where_there_is_only_one(
    method: str, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with quiet_daemon(tmp_path, {ONE: MemoryServer("one")}) as daemon:
        params = LeaveParams(server="") if method == "leave" else SyncParams(server="")
        with pytest.raises(Refusal, match="'' names none of the enrolled servers"):
            await methods(CircleDesk(daemon.circle), SyncDesk(daemon.circle))[method].handler(params)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("leave", LeaveParams(server=ONE)),
        ("leave_circle", NoParams()),
        ("enroll", EnrollParams(url=TWO, identity=ONE)),
        ("rename", RenameParams(nickname="laptop")),
        ("pause", PauseParams()),
    ],
)
async def test_what_a_full_disk_does_not_take_is_refused_and_the_server_is_synced_with_as_before(
    method: str,
    params: LeaveParams | NoParams | EnrollParams | RenameParams | PauseParams,
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = MemoryServer("one")
    async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
        daemon.circle.kinds.server_by_url[TWO] = server  # type: ignore[attr-defined]
        await trio.sleep(60)
        nickname = daemon.circle.keeper.store.identity.nickname
        asked = telling_of_the_disk(methods(CircleDesk(daemon.circle), PauseDesk(daemon.circle)), tmp_path)
        with (
            a_disk_that_takes_nothing(daemon),
            pytest.raises(Refusal, match=f"cannot keep .* in {tmp_path}") as refused,
        ):
            await asked[method].handler(params)
        assert refused.value.code == REFUSED
        assert daemon.circle.keeper.store.identity.nickname == nickname
        assert list(servers_of(daemon)) == [ONE]
        fetched = len(server.asked_at)
        daemon.circle.syncer_by_url[ONE].request("user", "1" * 16)
        await trio.sleep(60)
        assert len(server.asked_at) > fetched
        assert servers_of(daemon)[ONE].state == "idle"


async def test_a_snooze_ends_also_while_the_disk_is_full(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = MemoryServer("one")
    async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
        await trio.sleep(60)
        await daemon.pausing.methods()["pause"].handler(PauseParams(seconds=600))
        asked = len(server.asked_at)
        with a_disk_that_takes_nothing(daemon):
            await trio.sleep(700)
        await trio.sleep(60)
        assert daemon.circle.reporter.paused_until is None
        assert len(server.asked_at) > asked


async def test_a_departure_is_noted_once_the_disk_takes_it(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = MemoryServer("one")
    async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
        await trio.sleep(60)
        server.failure = Failure(FailureKind.UNREACHABLE, "it is away")
        await CircleDesk(daemon.circle).methods()["leave"].handler(LeaveParams(server=ONE))
        await trio.sleep(1)
        servers = daemon.circle.keeper.store.servers
        with a_disk_that_takes_nothing(daemon):
            server.failure = None
            await trio.sleep(3600)
            assert [left.url for left in servers.departures()] == [ONE]
        await trio.sleep(24 * 3600)
        assert servers.departures() == []
