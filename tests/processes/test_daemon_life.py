"""A daemon starts, is asked, is frozen and ends as a service should, and keeps its secrets."""

import base64
import json
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.mounts import Mounts, fill
from support.opened_blobs import keys_on, secrets_of
from support.processes import Device, Place, settle, wait_until
from support.taler_rows import coins, exchanges, put_coins, put_exchange

from ipc import NoAnswer, base32

MANY = 10_000  # whose sync takes long enough to be met
A, B = "https://a.example/", "https://b.example/"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_status_says_that_no_daemon_runs_and_how_to_start_it(place: Place) -> None:
    device = place.device("phone")
    answer = device.cli("status")
    assert (answer.returncode, answer.stdout) == (3, "")
    assert "walletsync is not running" in answer.stderr
    assert f"walletsyncd --home {device.folder}" in answer.stderr
    device.start()
    assert device.cli("status").returncode == 0
    device.kill()  # which leaves its sockets behind
    assert device.cli("status", "--json").returncode == 3


def test_a_second_daemon_on_a_home_says_so_and_leaves_the_first_alone(place: Place) -> None:
    first = place.device("phone")
    first.start()
    second = Twin(first)
    assert second.exit_code() == 7
    assert [event["home"] for event in second.events("home.taken")] == [str(first.folder)]
    first.enroll(place.folder())
    assert [each.outcome for each in first.sync()] == ["ok"]


class Twin(Device):
    """Another daemon on the home of a device, with a log of its own."""

    def __init__(self, device: Device) -> None:
        self.__dict__ |= device.__dict__ | {"process": None, "log": device.folder / "twin.log"}

    def exit_code(self) -> int:
        """Start the daemon, and return how it ends."""
        self.spawn()
        return self.ended()


def spoil_configuration(device: Device) -> None:
    device.configure(sync={"interval": 5})


def spoil_profile(device: Device) -> None:
    device.configure(wallet={"profile": "nickel"})


def spoil_mode_of_secrets(device: Device) -> None:
    device.paths.secrets.chmod(0o644)


def lose_secrets(device: Device) -> None:
    device.paths.secrets.unlink()


def spoil_secrets(device: Device) -> None:
    device.paths.secrets.write_text("{}")


def forget_circle(device: Device) -> None:
    text = json.loads(device.paths.secrets.read_text()) | {"root": None}
    device.paths.secrets.write_text(json.dumps(text))


def spoil_state(device: Device) -> None:
    device.paths.state_database.write_bytes(b"no database" * 100)


@pytest.mark.parametrize(
    ("spoil", "code", "message"),
    [
        (spoil_configuration, 5, "[sync] interval is 5: it must be a duration"),
        (spoil_profile, 6, "there is no profile nickel"),
        (spoil_mode_of_secrets, 5, "can be read by others: set their mode with chmod 600"),
        (lose_secrets, 5, "are gone, while"),
        (spoil_secrets, 5, "are damaged: put back a copy"),
        (forget_circle, 5, "name no circle, while servers are enrolled"),
        (
            spoil_state,
            1,
            "cannot be used as the state database: file is not a database; keep a copy of it and move it away",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_makes_a_start_impossible_is_said_in_one_line_and_nothing_is_changed(
    enrolled: Device, spoil: Callable[[Device], None], code: int, message: str
) -> None:
    spoil(enrolled)
    spoilt = contents(enrolled)
    twin = Twin(enrolled)
    twin.log.unlink(missing_ok=True)
    assert twin.exit_code() == code
    (last,) = [json.loads(line) for line in twin.log_lines() if '"level": "info"' not in line]
    assert message in str(last["message"])
    assert "exception" not in last
    assert contents(enrolled) == spoilt


@pytest.fixture(scope="module")
def prepared() -> Iterator[Device]:
    """A device that was enrolled, and does not run. In the end it must start as if nothing had been."""
    with Place() as place:
        device = place.device("phone")
        device.start()
        device.enroll(place.folder())
        device.sync()
        assert device.stop() == 0
        yield device
        device.start()
        assert [each.outcome for each in device.sync()] == ["ok"]


@pytest.fixture
def enrolled(prepared: Device) -> Iterator[Device]:
    """That device, whose files are put back after the test."""
    kept = contents(prepared)
    yield prepared
    for path, content in kept.items():
        path.write_bytes(content)
    prepared.paths.secrets.chmod(0o600)


def contents(device: Device) -> dict[Path, bytes]:
    """Return what lies in the state folder, and the configuration."""
    files = [device.paths.config_file, *(path for path in device.paths.state_folder.iterdir() if path.is_file())]
    return {path: path.read_bytes() for path in files}


def test_sigterm_ends_a_sync_of_a_large_wallet_in_time_and_the_next_start_finishes_it(place: Place) -> None:
    phone, desktop = place.pair()
    put_coins(phone, {f"COIN{number}": number for number in range(MANY)})
    for device in (phone, desktop):
        wait_until(lambda: device.server.state == "syncing", f"{device.name} syncs")  # noqa: B023
        asked = time.monotonic()
        assert device.stop() == 0
        assert time.monotonic() - asked < 5
        device.start()
        device.sync()
    settle(phone, desktop)
    assert len(coins(desktop)) == MANY
    assert coins(phone) == coins(desktop)


def test_a_full_disk_of_this_device_is_said_and_passes(place: Place, mounts: Mounts) -> None:
    phone = place.device("phone")
    phone.paths.state_folder.mkdir(mode=0o700)
    state_folder = mounts.tmpfs(phone.paths.state_folder, "size=4m,mode=700")
    phone.prefix = mounts.prefix
    phone.start()
    phone.enroll(place.folder())
    phone.sync()
    filler = fill(state_folder)
    put_exchange(phone, A, "KUDOS")
    wait_until(lambda: phone.server.error, "the disk is full")
    (ended,) = phone.sync()
    assert f"this device cannot keep what a sync needs in {phone.paths.state_folder}" in str(ended.message)
    assert len(phone.events("sync.failed")) == 1
    filler.unlink()
    assert [each.outcome for each in phone.sync()] == ["ok"]
    assert phone.status().sets["exchanges"].live == 1


def test_a_daemon_that_is_frozen_goes_on_where_it_was(place: Place) -> None:
    phone, desktop = place.pair()
    phone.signal(signal.SIGSTOP)
    put_exchange(phone, A, "KUDOS")
    put_exchange(desktop, B, "KUDOS")
    desktop.sync()
    with pytest.raises(NoAnswer), phone.client(timeout=0.3) as client:
        client.status()
    phone.signal(signal.SIGCONT)
    for device in (phone, desktop):
        wait_until(lambda: set(exchanges(device)) == {A, B}, f"{device.name} has both")  # noqa: B023
    assert phone.stop() == 0


def test_files_and_sockets_are_their_owners_alone_and_no_secret_is_told(place: Place) -> None:
    phone, desktop = place.pair(log={"level": "debug"})
    invitation = phone.invite()
    url = phone.server.url
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    shown = phone.cli("status", "--json").stdout + phone.cli("status").stdout
    with phone.client() as client:
        events = "\n".join(str(event) for event in client.events_since(0).events)
    paths = phone.paths
    assert [mode_of(path) for path in (paths.run_folder, paths.state_folder)] == [0o700, 0o700]
    assert mode_of(paths.secrets) == 0o600
    assert {mode_of(path) & 0o077 for path in paths.state_folder.iterdir()} == {0}
    phone.stop()

    root, seed = secrets_of(phone)
    keys = keys_on(phone, url)
    told = "\n".join([*phone.log_lines(), *desktop.log_lines(), shown, events])
    assert "sync.progress" in events
    assert A not in told
    for secret in (root, seed, keys.blob_key, keys.account.seed, invitation.encode()):
        for spelling in spellings(secret):
            assert spelling not in told


def spellings(secret: bytes) -> set[str]:
    """Return how a secret could be written."""
    return {
        secret.hex(),
        secret.hex().upper(),
        base32.encode(secret),
        base64.b64encode(secret).decode().rstrip("="),
        base64.urlsafe_b64encode(secret).decode().rstrip("="),
        base64.b32encode(secret).decode().rstrip("="),
        repr(secret),
        secret.decode("latin-1"),
    }
