"""What a server holds is broken, or its folder is: each gives one clear error, harms nothing, and passes by itself."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.mounts import Mounts, fill
from support.opened_blobs import blob_path, folder_of, open_blob
from support.processes import Device, Place, settle, wait_until
from support.taler_rows import coins, exchanges, put_coins, put_exchange

A, B, C = (f"https://{name}.example/" for name in "abc")


def put_in_place(blob: Path, content: bytes) -> None:
    """Replace a blob at once, as a program that syncs folders does."""
    beside = blob.with_name("beside")
    beside.write_bytes(content)
    beside.rename(blob)


def wait_for_error(device: Device, kind: str) -> str:
    """Wait for a failure of the only server, and return its message."""
    wait_until(lambda: device.server.state == kind, f"the server of {device.name} is {kind}")
    error = device.server.error
    assert error is not None
    return error.message


def assert_said_once(device: Device, kind: str, message: str) -> None:
    """See that a failure was logged once, however often it was met, and that `sync --wait` ends with 8."""
    for _ in range(2):
        assert [(each.outcome, each.message) for each in device.sync()] == [(kind, message)]
    waiting = device.cli("sync", "--wait")
    assert waiting.returncode == 8
    assert message in waiting.stdout
    assert [event["message"] for event in device.events("sync.failed") if event["kind"] == kind] == [message]


def truncated(blob: Path, _: Place) -> bytes:
    return blob.read_bytes()[:-20]


def foreign(_: Path, __: Place) -> bytes:
    return b"a file of another program\n" * 100


def of_another_circle(blob: Path, place: Place) -> bytes:
    url = f"{blob.parent.as_uri()}/"
    other = place.device("other")
    other.start()
    other.enroll(url)
    other.sync()
    other.kill()
    return blob_path(other, url).read_bytes()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (truncated, "the blob is truncated: its end is missing"),
        (foreign, "the file is not a walletsync blob"),
        (
            of_another_circle,
            "the blob was made with another key, or for another account, server or kind than the one expected",
        ),
    ],
    ids=["truncated", "foreign", "of another circle"],
)
def test_an_unreadable_blob_is_never_written_over_and_all_goes_on_by_itself_once_it_is_put_back(
    place: Place, broken: Callable[[Path, Place], bytes], message: str
) -> None:
    phone, desktop = place.pair()
    blob = blob_path(phone, phone.server.url)
    good, bad = blob.read_bytes(), broken(blob, place)
    put_in_place(blob, bad)
    for device in (phone, desktop):
        assert wait_for_error(device, "unreadable") == message
    put_exchange(phone, A, "KUDOS")
    put_exchange(desktop, B, "KUDOS")
    assert_said_once(phone, "unreadable", message)
    assert blob.read_bytes() == bad
    put_in_place(blob, good)
    for device in (phone, desktop):
        wait_until(lambda: set(exchanges(device)) == {A, B}, f"{device.name} has both")  # noqa: B023
        wait_until(lambda: device.server.error is None, f"{device.name} is in step")  # noqa: B023


def test_a_blob_that_vanishes_or_goes_back_is_put_up_again(place: Place) -> None:
    phone, desktop = place.pair()
    url = phone.server.url
    blob = blob_path(phone, url)
    old = blob.read_bytes()
    put_exchange(phone, A, "KUDOS")
    put_exchange(desktop, B, "KUDOS")
    settle(phone, desktop)
    blob.unlink()
    wait_until(blob.exists, "there is a blob again")
    settle(phone, desktop)
    put_in_place(blob, old)
    wait_until(lambda: len(open_blob(phone, url).keys_of("exchanges")) == 2, "the blob has both again")
    settle(phone, desktop)
    assert exchanges(phone) == exchanges(desktop) == {A: "KUDOS", B: "KUDOS"}
    wait_until(lambda: phone.events("server.went_back") + desktop.events("server.went_back"), "it is told")


def test_a_folder_that_vanishes_or_is_not_mounted_is_never_made_anew(place: Place) -> None:
    phone, desktop = place.pair()
    folder = folder_of(phone.server.url)
    away = folder.with_name("away")
    folder.rename(away)
    phone.sync()
    message = wait_for_error(phone, "unreachable")
    assert message == f"the folder {folder} does not exist: is its disk mounted?"
    put_exchange(phone, A, "KUDOS")
    assert_said_once(phone, "unreachable", message)
    assert not folder.exists()

    folder.mkdir()
    phone.sync()
    message = wait_for_error(phone, "gone")
    assert "does not hold its identity" in message
    assert_said_once(phone, "gone", message)
    assert list(folder.iterdir()) == []

    folder.rmdir()
    away.rename(folder)
    settle(phone, desktop)
    assert exchanges(phone) == exchanges(desktop) == {A: "KUDOS"}


def test_a_full_and_a_read_only_folder_refuse_clearly_and_take_all_once_they_can(place: Place, mounts: Mounts) -> None:
    phone, desktop = place.device("phone"), place.device("desktop")
    url = place.folder()
    folder = mounts.tmpfs(folder_of(url), "size=256k")
    for device in (phone, desktop):
        device.prefix = mounts.prefix
        device.start()
    phone.enroll(url)
    desktop.join(phone.invite())
    settle(phone, desktop)

    filler = fill(folder)
    put_coins(phone, {os.urandom(40).hex(): number for number in range(500)})
    message = wait_for_error(phone, "too_large")
    assert message.startswith(f"there is no room in {folder_of(url)}: the blob needs ")
    assert_said_once(phone, "too_large", message)
    assert [path.name for path in folder.iterdir() if path.suffix == ".tmp"] == []
    assert coins(desktop) == {}
    filler.unlink()
    settle(phone, desktop)
    assert coins(phone) == coins(desktop)

    mounts.run("mount", "-o", "remount,ro", str(folder_of(url)))
    put_coins(phone, {os.urandom(40).hex(): number for number in range(5)})
    message = wait_for_error(phone, "refused")
    assert message == f"{folder_of(url)} is mounted read-only: it has to be writable"
    assert_said_once(phone, "refused", message)
    mounts.run("mount", "-o", "remount,rw", str(folder_of(url)))
    settle(phone, desktop)
    assert len(coins(phone)) == 505
    assert coins(phone) == coins(desktop)
