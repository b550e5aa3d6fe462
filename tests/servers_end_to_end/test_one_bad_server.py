"""One server that is down, slow, full, wiped or lying neither delays nor harms the others."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.devices import ROOT
from support.servers_beside import Bucket, TalerBeside
from support.servers_daemon import ServedDaemon, served_daemon, until
from support.taler_messages import Backup, Delivery

from daemon.blob.keys import server_keys
from ipc import base32

AT_ONCE = 3.0  # seconds until a change lies on a server that is well, on a busy machine


@dataclass
class Three:
    """A wallet with a server of each kind, and what can be done to them."""

    phone: ServedDaemon
    folder: Path
    taler: TalerBeside
    bucket: Bucket

    @property
    def url_by_kind(self) -> dict[str, str]:
        return {"folder": f"{self.folder.as_uri()}/", "taler": self.taler.url, "s3": self.bucket.url}

    @property
    def blob(self) -> Path:
        identity = (self.folder / "walletsync.id").read_text().splitlines()[-1]
        return self.folder / f"{base32.encode(server_keys(ROOT, f'folder:{identity}').account.public_key)}.blob"

    @property
    def taler_key(self) -> bytes:
        (key,) = self.taler.double.account_by_key
        return key


@pytest.fixture
async def three(quick_path, taler, bucket):
    folder = quick_path / "shared folder"
    folder.mkdir()
    async with served_daemon("phone", quick_path) as phone:
        made = Three(phone, folder, taler, bucket)
        phone.device.coin("FIRST", "1")
        for url in made.url_by_kind.values():
            await phone.membership.enroll(url, None)
        assert await phone.sync() == ["ok"] * 3
        yield made
        bucket.store.end_stall()


def nothing(_: Three) -> None:
    pass


def take_folder_away(three: Three) -> None:
    three.folder.rename(three.folder.with_name("away"))


def put_folder_back(three: Three) -> None:
    three.folder.with_name("away").rename(three.folder)


def break_store(three: Three) -> None:
    three.bucket.store.refusal = ("500 Internal Server Error", "InternalError")


def mend_store(three: Three) -> None:
    three.bucket.store.refusal = None


def stall_taler(three: Three) -> None:
    three.taler.double.next_delivery_by_method = {"GET": Delivery.STALLED}


def break_connections(three: Three) -> None:
    three.taler.go_down()
    three.taler.come_up()


def stall_store(three: Three) -> None:
    three.bucket.store.is_stalled = True


def end_stall(three: Three) -> None:
    three.bucket.store.end_stall()


def fill_taler(three: Three) -> None:
    three.taler.double.megabytes = 0


def empty_taler(three: Three) -> None:
    three.taler.double.megabytes = 16


def overload_taler(three: Three) -> None:
    three.taler.double.status = 503


def relieve_taler(three: Three) -> None:
    three.taler.double.status = None


def wipe_folder(three: Three) -> None:
    three.blob.unlink()


def wipe_taler(three: Three) -> None:
    three.taler.double.collect_garbage(three.taler_key)


def wipe_store(three: Three) -> None:
    three.bucket.store.delete(f"s3://{three.bucket.name}/", three.bucket.key())


def lie_in_folder(three: Three) -> None:
    three.blob.write_bytes(os.urandom(1000))


def lie_in_taler(three: Three) -> None:
    three.taler.double.put(three.taler_key, Backup(os.urandom(1000), bytes(64), bytes(64)))


def lie_in_store(three: Three) -> None:
    three.bucket.store.put(f"s3://{three.bucket.name}/", three.bucket.key(), os.urandom(1000))


@dataclass(frozen=True)
class Fault:
    """What one server does to us, the state that status shows of it then, and the end of it."""

    name: str
    kind: str
    begin: Callable[[Three], None]
    state: str
    end: Callable[[Three], None] = nothing


FAULTS = [
    Fault("nothing is wrong", "taler", nothing, "idle"),
    Fault("the folder is not there", "folder", take_folder_away, "unreachable", put_folder_back),
    Fault("Taler is down", "taler", lambda three: three.taler.go_down(), "unreachable", lambda t: t.taler.come_up()),
    Fault("the object store fails", "s3", break_store, "unreachable", mend_store),
    Fault("Taler does not answer", "taler", stall_taler, "syncing", break_connections),
    Fault("the object store does not answer", "s3", stall_store, "syncing", end_stall),
    Fault("Taler is full", "taler", fill_taler, "too_large", empty_taler),
    Fault("Taler is busy", "taler", overload_taler, "busy", relieve_taler),
    Fault("the folder was wiped", "folder", wipe_folder, "idle"),
    Fault("Taler was wiped", "taler", wipe_taler, "idle"),
    Fault("the object store was wiped", "s3", wipe_store, "idle"),
    Fault("the folder lies", "folder", lie_in_folder, "unreadable", wipe_folder),
    Fault("Taler lies", "taler", lie_in_taler, "unreadable", wipe_taler),
    Fault("the object store lies", "s3", lie_in_store, "unreadable", wipe_store),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_the_other_servers_are_in_step_at_once(fault, three, quick_path, capsys):
    phone, urls = three.phone, three.url_by_kind
    bad = urls.pop(fault.kind)
    fault.begin(three)
    changed = time.time()
    phone.coin("SECOND", "1")
    for url in urls.values():
        await until(lambda: phone.last_success(url) > changed, f"{url} holds the change", AT_ONCE)  # noqa: B023
    seconds = {kind: round(phone.last_success(url) - changed, 2) for kind, url in urls.items()}
    await until(lambda: phone.status_of(bad).state == fault.state, f"status shows {fault.state}")
    assert phone.device.coins() == {"FIRST": "1", "SECOND": "1"}
    assert all(phone.status_of(url).error is None for url in urls.values())

    # It still does so when the bad one has been bad for a while.
    changed = time.time()
    phone.coin("THIRD", "1")
    for url in urls.values():
        await until(lambda: phone.last_success(url) > changed, f"{url} holds the change", AT_ONCE)  # noqa: B023
    again = {kind: round(phone.last_success(url) - changed, 2) for kind, url in urls.items()}

    fault.end(three)
    mended = time.time()
    phone.circle.changed()
    await until(lambda: phone.last_success(bad) > mended and not phone.status_of(bad).error, "it goes on by itself")
    async with served_daemon("desktop", quick_path) as desktop:
        await desktop.membership.enroll(bad, None)
        assert await desktop.sync() == ["ok"]
        assert desktop.device.coins() == {"FIRST": "1", "SECOND": "1", "THIRD": "1"}
    with capsys.disabled():
        print(  # noqa: T201 - figures to watch
            f"\n{fault.name}: {fault.state}; seconds until the change lay on the others: {seconds}, then {again}",
            end="",
        )
