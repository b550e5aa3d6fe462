"""What the daemon does by itself over days and months: nothing but what is due, and it says so rarely."""

from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from support.quiet_daemon import TIMING, MemoryServer, quiet_daemon

from daemon.control.syncs import SyncDesk
from daemon.server.base import Failure, FailureKind
from ipc.messages import NoParams, PauseParams, SyncParams

DAY = 86400.0
ONE, TWO = "file:///one/", "file:///two/"
AWAY = Failure(FailureKind.UNREACHABLE, "no route")


class WakeUps(trio.abc.Instrument):
    """Notes at which moments anything ran."""

    def __init__(self) -> None:
        self.moments: set[float] = set()

    def task_scheduled(self, _task: trio.lowlevel.Task) -> None:
        self.moments.add(trio.current_time())


def shown(lines: list[dict[str, object]]) -> list[str]:
    """Return the events of the lines that are written at the usual level."""
    return [str(line["event"]) for line in lines if line["log_level"] != "debug"]


async def test_ten_idle_days_wake_for_the_schedule_and_the_watchdog_alone(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    server = MemoryServer("one")
    with capture_logs() as lines:
        async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
            await trio.sleep(3601)  # not when the watchdog is fed: nothing falls due at the ends
            wake_ups, lines_before, events_before = WakeUps(), len(lines), len(daemon.events)
            asked, stored, fed = len(server.asked_at), server.stores, len(daemon.watchdog_fed)
            trio.lowlevel.add_instrument(wake_ups)
            await trio.sleep(10 * DAY)
            trio.lowlevel.remove_instrument(wake_ups)
            requests, feeds = len(server.asked_at) - asked, len(daemon.watchdog_fed) - fed
            told, events = shown(lines[lines_before:]), len(daemon.events) - events_before
            stores = server.stores - stored
    with capsys.disabled():
        print(  # noqa: T201 - figures to watch
            f"\nten idle days, one server: {len(wake_ups.moments)} wake-ups"
            f" = {requests} syncs + {feeds} feeds of the watchdog; {requests} requests, {stores} uploads,"
            f" {len(told)} log lines at info, {events} events"
        )
    assert 10 * DAY / TIMING.interval * 0.97 < requests < 10 * DAY / TIMING.interval * 1.03
    assert feeds == 10 * DAY / 60
    assert len(wake_ups.moments) <= requests + feeds + 1  # the last is this test's own
    assert stores == 0
    assert told == []


async def test_a_server_that_is_away_for_ten_days_is_said_once_and_asked_hourly_at_most(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = MemoryServer("one", failure=AWAY)
    with capture_logs() as lines:
        async with quiet_daemon(tmp_path, {ONE: server}):
            await trio.sleep(DAY)
            asked, lines_before = len(server.asked_at), len(lines)
            await trio.sleep(10 * DAY)
            assert len(server.asked_at) - asked < 10 * 24 * 3  # full jitter: half the cap on average
            assert shown(lines[lines_before:]) == ["server.stale"]
    assert shown(lines).count("sync.failed") == 1


async def test_the_first_success_with_a_server_is_said_although_there_is_nothing_to_say_yet(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    with capture_logs() as lines:
        async with quiet_daemon(tmp_path, {ONE: MemoryServer("one"), TWO: MemoryServer("two")}):
            await trio.sleep(DAY)
    assert shown(lines).count("sync.ended") == 2
    assert sorted(line["server"] for line in lines if line.get("first")) == [ONE, TWO]


async def test_a_server_that_did_not_succeed_for_long_is_warned_of_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = MemoryServer("one")
    with capture_logs() as lines:
        async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
            await trio.sleep(60)
            server.failure = AWAY
            await trio.sleep(TIMING.stale_after - DAY)
            assert "server.stale" not in [name for name, _ in daemon.events]
            await trio.sleep(3 * DAY)
            assert [name for name, _ in daemon.events].count("server.stale") == 1
    assert shown(lines).count("server.stale") == 1


async def test_a_server_that_answers_again_has_the_others_tried_soon(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    one, two = MemoryServer("one", failure=AWAY), MemoryServer("two", failure=AWAY)
    async with quiet_daemon(tmp_path, {ONE: one, TWO: two}) as daemon:
        await trio.sleep(3 * DAY)
        one.failure = two.failure = None
        daemon.circle.syncer_by_url[ONE].request("user", "1" * 16)
        await trio.sleep(10)
        assert daemon.circle.syncer_by_url[TWO].failure is None


async def test_another_network_has_unreachable_servers_tried_within_the_minute(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = MemoryServer("one", failure=AWAY)
    async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
        await trio.sleep(2 * DAY)
        daemon.addresses.clear()
        await trio.sleep(100)
        asked, server.failure = len(server.asked_at), None
        daemon.addresses.add("198.51.100.9")
        await trio.sleep(45)
        assert len(server.asked_at) > asked
        assert daemon.circle.syncer_by_url[ONE].failure is None


async def test_after_a_sleep_all_servers_are_asked_at_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = MemoryServer("one")
    with capture_logs() as lines:
        async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
            await trio.sleep(1000)
            asked = len(server.asked_at)
            daemon.waking.look_at_clocks()
            daemon.slept[0] += 3600.0
            daemon.waking.look_at_clocks()
            await trio.sleep(1)
            assert len(server.asked_at) == asked + 1
            daemon.waking.look_at_clocks()
            await trio.sleep(1)
            assert len(server.asked_at) == asked + 1
    assert shown(lines).count("machine.slept") == 1


async def test_while_a_frontend_watches_servers_are_asked_often_and_no_longer(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = MemoryServer("one")
    async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
        await trio.sleep(DAY)
        watch = SyncDesk(daemon.circle).methods()["watch"].handler
        asked = len(server.asked_at)
        assert (await watch(NoParams())).seconds == TIMING.active_for  # type: ignore[attr-defined]
        await trio.sleep(TIMING.active_for)
        assert len(server.asked_at) - asked >= 8
        asked = len(server.asked_at)
        await trio.sleep(3600)
        assert len(server.asked_at) - asked <= 6


async def test_a_snooze_ends_when_its_time_has_come_and_nothing_is_asked_before(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = MemoryServer("one")
    async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
        await trio.sleep(100)
        asked = len(server.asked_at)
        await daemon.pausing.methods()["pause"].handler(PauseParams(seconds=5 * DAY))
        await trio.sleep(5 * DAY - 1)
        assert len(server.asked_at) == asked
        await trio.sleep(2)
        assert len(server.asked_at) == asked + 1


async def test_a_sync_that_a_server_put_off_is_ended_at_once_for_whoever_follows_it(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    server = MemoryServer("one", failure=Failure(FailureKind.BUSY, "come back later", retry_after=600))
    async with quiet_daemon(tmp_path, {ONE: server}) as daemon:
        await trio.sleep(10)
        asked = len(server.asked_at)
        sync = SyncDesk(daemon.circle).methods()["sync"].handler
        sync_id = (await sync(SyncParams())).sync_id  # type: ignore[attr-defined]
        (ended,) = [data for name, data in daemon.events if name == "sync.ended" and data["sync_id"] == sync_id]  # type: ignore[index]
        assert ended["outcome"] == "busy"
        assert "come back later" in ended["message"]
        await trio.sleep(500)
        assert len(server.asked_at) == asked
        await trio.sleep(100)
        assert len(server.asked_at) == asked + 1


async def test_the_watchdog_starves_while_a_sync_makes_no_step(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    class Stuck(MemoryServer):
        async def fetch(self, *_: object) -> None:  # type: ignore[override]
            await trio.sleep_forever()

    with capture_logs() as lines:
        async with quiet_daemon(tmp_path, {ONE: Stuck("one")}) as daemon:
            await trio.sleep(DAY)
            assert daemon.watchdog_fed[-1] == pytest.approx(1800, abs=60)
    assert shown(lines).count("daemon.stalled") == 1
