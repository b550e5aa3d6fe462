"""A daemon that one forgets about: pauses, reloads and ends as it is told, and remembers what matters."""

import json
import signal
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing

import pytest
from support.processes import Device, Place, open_wallet, wait_until
from support.taler_rows import put_exchange

from ipc.state import Pause


@pytest.fixture
def device(place: Place) -> Device:
    device = place.device("phone")
    device.start()
    return device


def reload(device: Device, **settings: Mapping[str, object]) -> dict[str, object]:
    """Change the configuration, have it read anew, and return the log line of what came of it."""
    before = len(device.events("config.reloaded")) + len(device.events("config.kept"))
    if settings:
        device.configure(**settings)
    device.signal(signal.SIGHUP)
    wait_until(
        lambda: len(device.events("config.reloaded")) + len(device.events("config.kept")) > before, "it was read anew"
    )
    return (device.events("config.reloaded") + device.events("config.kept"))[-1]


def test_a_pause_holds_over_a_restart_and_a_person_can_still_sync(device: Device, place: Place) -> None:
    device.enroll(place.folder())
    device.sync()
    paused = device.cli("pause")
    assert (paused.returncode, paused.stderr) == (0, "")
    assert "walletsync resume --home" in paused.stdout
    wait_until(lambda: device.server.state == "paused", "it is paused")
    device.stop()
    device.start()
    assert (device.server.state, device.server.next_try) == ("paused", None)
    assert device.status().pause == Pause(until=None)
    before = device.server.last_success
    assert [ended.outcome for ended in device.sync()] == ["ok"]
    assert device.server.last_success != before
    wait_until(lambda: device.server.state == "paused", "it is still paused")
    assert device.cli("resume").stdout == "Syncing goes on.\n"
    wait_until(lambda: device.server.state == "idle" and device.server.next_try, "it goes on")


def test_a_snooze_ends_by_itself(device: Device, place: Place) -> None:
    device.enroll(place.folder())
    device.sync()
    assert "rests for 1 s" in device.cli("pause", "--for", "1 s").stdout
    wait_until(lambda: device.events("daemon.resumed"), "the snooze is over")
    wait_until(lambda: device.server.next_try is not None, "it goes on")
    assert device.status().pause is None


def test_status_tells_when_a_snooze_ends(device: Device, place: Place) -> None:
    device.enroll(place.folder())
    until = json.loads(device.cli("pause", "--for", "2 h", "--json").stdout)["until"]
    assert until is not None
    assert device.status().pause == Pause(until=until)
    assert "Syncing rests and goes on in 1 h" in device.cli("status").stdout


def test_a_pause_of_nonsense_is_a_usage_error_that_says_what_would_be_right(device: Device) -> None:
    refused = device.cli("pause", "--for", "soon")
    assert refused.returncode == 2
    assert '"15 min"' in refused.stderr
    assert device.cli("pause", "--for", "10 ms").returncode == 2


def test_what_can_change_while_it_runs_changes_and_what_cannot_is_named(device: Device, place: Place) -> None:
    device.enroll(place.folder())
    device.sync()
    sync = {"interval": "10 s", "active_interval": "1 s", "jitter": 0}
    line = reload(device, sync=sync, wallet={"profile": "/nowhere.toml"}, log={"level": "debug"})
    assert line["changed"] == ["sync.interval", "sync.active_interval", "sync.jitter", "log.level"]
    assert line["restart"] == ["wallet.profile"]
    wait_until(lambda: device.events("sync.started"), "it logs at debug, and syncs by the new interval")
    assert device.status().wallet.profile == "taler"
    assert reload(device)["restart"] == ["wallet.profile"]


def test_a_file_that_cannot_be_used_changes_nothing_and_is_said(device: Device) -> None:
    device.paths.config_file.write_text("[sync]\ninterval = 5\n")
    line = reload(device)
    assert (line["event"], line["level"]) == ("config.kept", "error")
    assert "[sync] interval is 5" in str(line["message"])
    with device.client() as client:
        assert any(event.event == "config.kept" for event in client.events_since(0).events)


def test_a_nickname_can_change_while_it_runs(device: Device) -> None:
    text = device.paths.config_file.read_text()
    device.paths.config_file.write_text(text.replace('"phone"', '"telephone"'))
    assert reload(device)["changed"] == ["wallet.nickname"]
    wait_until(lambda: device.status().wallet.shown_as == "telephone", "it is called anew")


def joins(device: Device) -> bool:
    """Tell whether a sync is joining, for which it captures first."""
    with device.client() as client:
        last = client.events_since(0).events[-1]
    return last.data.get("stage") == "join"


def test_it_ends_within_seconds_while_the_wallet_is_locked_and_loses_nothing(device: Device, place: Place) -> None:
    device.enroll(place.folder())
    device.sync()
    assert reload(device, log={"level": "debug"})["changed"] == ["log.level"]
    device.signal(signal.SIGSTOP)
    put_exchange(device, "https://a.example/", "KUDOS")
    with closing(open_wallet(device.wallet)) as wallet:
        wallet.execute("BEGIN IMMEDIATE")
        device.signal(signal.SIGCONT)
        wait_until(lambda: joins(device), "a sync waits for the wallet's lock")
        asked = time.monotonic()
        assert device.stop() == 0
        assert time.monotonic() - asked < 5
        assert device.events("daemon.cut_short")
        wallet.execute("ROLLBACK")
    device.start()
    assert [ended.outcome for ended in device.sync()] == ["ok"]
    with closing(sqlite3.connect(device.paths.state_database)) as state:
        assert state.execute("SELECT count(*) FROM element WHERE set_name = 'exchanges'").fetchone() == (1,)


def test_a_back_off_and_its_reason_outlive_a_restart(device: Device, place: Place) -> None:
    url = place.folder()
    device.enroll(url)
    device.sync()
    (place.path / "server").rename(place.path / "away")
    assert [ended.outcome for ended in device.sync()] == ["unreachable"]
    error = device.server.error
    device.stop()
    failed = len(device.events("sync.failed"))
    with closing(sqlite3.connect(device.paths.state_database)) as state:
        later = f"json_set(trouble, '$.retry_at', {time.time() + 600})"
        state.execute(f"UPDATE server SET trouble = {later}")
        state.commit()
    device.start()
    assert (device.server.state, device.server.error) == ("unreachable", error)
    assert device.server.next_reason == "retry"
    (place.path / "away").rename(place.path / "server")
    assert len(device.events("sync.failed")) == failed
    assert [ended.outcome for ended in device.sync()] == ["ok"]
    with closing(sqlite3.connect(device.paths.state_database)) as state:
        assert state.execute("SELECT trouble FROM server").fetchone() == (None,)


def test_the_doctor_finds_a_running_daemon_well_and_what_is_broken(device: Device, place: Place) -> None:
    device.enroll(place.folder())
    device.sync()
    well = device.cli("doctor")
    assert (well.returncode, well.stderr) == (0, "")
    assert "answers, process" in well.stdout
    (place.path / "server").rename(place.path / "away")
    broken = device.cli("doctor", "--json")
    assert broken.returncode == 1
    (server,) = [each for each in json.loads(broken.stdout)["findings"] if each["about"] == "server"]
    assert (server["verdict"], server["advice"] is not None) == ("bad", True)


def test_a_report_of_a_real_daemon_names_nobody(device: Device, place: Place) -> None:
    device.enroll(place.folder())
    device.sync()
    device.cli("pause")
    wait_until(lambda: device.server.state == "paused", "no sync is under way")
    report = device.cli("report")
    assert report.returncode == 0
    assert "server 1 (file): paused" in report.stdout
    for private in ("phone", str(place.path), device.status().wallet.id, "wallet.db"):
        assert private not in report.stdout
