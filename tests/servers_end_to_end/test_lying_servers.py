"""Whatever a server lies about is one clear error in status, harms nothing, and passes once it is right again."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.devices import ROOT
from support.servers_beside import Bucket, TalerBeside, taler_beside
from support.servers_daemon import ServedDaemon, served_daemon, until
from support.taler_double import TalerDouble
from support.taler_messages import Backup, Delivery

from daemon.blob.keys import server_keys
from ipc import base32


class Liar(TalerDouble):
    """A sync server whose answers to a GET can all be delivered alike."""

    always: Delivery | None = None

    def begin(self, request):
        if self.always is not None:
            self.next_delivery_by_method = {"GET": self.always}
        return super().begin(request)


@dataclass
class Places:
    """Where the servers lie that lie."""

    folder: Path
    taler: TalerBeside
    bucket: Bucket

    @property
    def blob(self) -> Path:
        identity = (self.folder / "walletsync.id").read_text().splitlines()[-1]
        return self.folder / f"{base32.encode(server_keys(ROOT, f'folder:{identity}').account.public_key)}.blob"

    @property
    def liar(self) -> Liar:
        assert isinstance(self.taler.double, Liar)
        return self.taler.double

    @property
    def key(self) -> bytes:
        return server_keys(ROOT, self.taler.url).account.public_key

    def put_in_store(self, content: bytes) -> None:
        self.bucket.store.put(f"s3://{self.bucket.name}/", self.bucket.key(), content)


@pytest.fixture
async def places(quick_path, bucket):
    folder = quick_path / "shared folder"
    folder.mkdir()
    with taler_beside(Liar()) as beside:
        yield Places(folder, beside, bucket)


def foreign_in_folder(places: Places) -> Callable[[], object]:
    good = places.blob.read_bytes()
    foreign = places.liar.account(places.key).backup
    places.blob.write_bytes(foreign.body if foreign else b"")
    return lambda: places.blob.write_bytes(good)


def foreign_in_taler(places: Places) -> Callable[[], object]:
    account = places.liar.account(places.key)
    good = account.backup
    account.backup = Backup(places.blob.read_bytes(), good.previous, good.signature)
    return lambda: setattr(account, "backup", good)


def foreign_in_store(places: Places) -> Callable[[], object]:
    places.put_in_store(places.blob.read_bytes())
    return lambda: places.bucket.store.delete(f"s3://{places.bucket.name}/", places.bucket.key())


def forged(places: Places) -> Callable[[], object]:
    places.liar.forged = True
    return lambda: setattr(places.liar, "forged", False)


def endless(places: Places) -> Callable[[], object]:
    places.liar.always = Delivery.ENDLESS
    return lambda: setattr(places.liar, "always", None)


def ten_gigabytes(places: Places) -> Callable[[], object]:
    places.liar.announces_ten_gigabytes = True
    return lambda: setattr(places.liar, "announces_ten_gigabytes", False)


def html(places: Places) -> Callable[[], object]:
    places.liar.html = True
    return lambda: setattr(places.liar, "html", False)


def html_in_folder(places: Places) -> Callable[[], object]:
    good = places.blob.read_bytes()
    places.blob.write_bytes(b"<html>Sign in to this network</html>")
    return lambda: places.blob.write_bytes(good)


def ten_gigabytes_in_folder(places: Places) -> Callable[[], object]:
    good = places.blob.read_bytes()
    os.truncate(places.blob, 10 * 1000**3)  # a file with a hole
    return lambda: places.blob.write_bytes(good)


FOREIGN = "the blob was made with another key, or for another account, server or kind than the one expected"
LIES = [
    ("folder", foreign_in_folder, "unreadable", FOREIGN),
    ("taler", foreign_in_taler, "unreadable", "the server's blob is forged or damaged: its signature is wrong"),
    ("s3", foreign_in_store, "unreadable", FOREIGN),
    ("taler", forged, "unreadable", "the server's blob is forged or damaged: its signature is wrong"),
    ("taler", endless, "unreadable", "the server's blob has more than 4,194,304 bytes, as no wallet's has"),
    ("taler", ten_gigabytes, "unreadable", "the server's blob has more than 4,194,304 bytes, as no wallet's has"),
    ("folder", ten_gigabytes_in_folder, "unreadable", "the blob has more than 4,194,304 bytes, as no wallet's has"),
    ("taler", html, "refused", "what answers there does not answer as a sync server does"),
    ("folder", html_in_folder, "unreadable", "the file is not a walletsync blob"),
]


async def three_servers(daemon: ServedDaemon, places: Places) -> dict[str, str]:
    urls = {"folder": f"{places.folder.as_uri()}/", "taler": places.taler.url, "s3": places.bucket.url}
    for url in urls.values():
        await daemon.membership.enroll(url, None)
    assert await daemon.sync() == ["ok"] * 3
    return urls


@pytest.mark.parametrize(("kind", "lie", "state", "message"), LIES, ids=lambda each: getattr(each, "__name__", None))
async def test_a_lie_is_one_clear_error_and_harms_nothing(kind, lie, state, message, places, quick_path):
    async with AsyncExitStack() as stack:
        phone, desktop = [
            await stack.enter_async_context(served_daemon(name, quick_path)) for name in ("phone", "desktop")
        ]
        url = (await three_servers(phone, places))[kind]
        await desktop.membership.enroll(url, None)
        await desktop.sync()
        phone.coin("OF PHONE", "1")
        assert await phone.sync() == ["ok"] * 3
        await desktop.sync()
        for syncer in phone.circle.syncer_by_url.values():
            await until(lambda: not syncer.plan.syncing, "the phone rests")  # noqa: B023
        desktop.coin("OF DESKTOP", "1")
        assert await desktop.sync() == ["ok"]

        stop_lying = lie(places)
        assert state in await phone.sync()
        error = phone.status_of(url).error
        assert error is not None
        assert (error.kind, error.message) == (state, message)
        phone.coin("LATER", "1")
        assert state in await phone.sync()
        assert {"OF PHONE": "1", "LATER": "1"}.items() <= phone.device.coins().items()
        assert phone.device.element("coins", "LATER").live
        await until(lambda: not list((quick_path / "phone" / "spool").iterdir()), "nothing lies about")

        stop_lying()
        await until(lambda: phone.status_of(url).error is None, "it goes on by itself")
        assert await phone.sync() == ["ok"] * 3
        assert await desktop.sync() == ["ok"]
        assert await phone.sync() == ["ok"] * 3
        everything = {"OF PHONE": "1", "LATER": "1", "OF DESKTOP": "1"}
        assert phone.device.coins() == desktop.device.coins() == everything


@pytest.mark.parametrize("kind", ["folder", "taler", "s3"])
async def test_an_old_blob_brings_nothing_back_is_said_once_and_replaced(kind, places, quick_path):
    async with AsyncExitStack() as stack:
        phone, desktop = [
            await stack.enter_async_context(served_daemon(name, quick_path)) for name in ("phone", "desktop")
        ]
        phone.device.coin("DELETED", "1")
        url = (await three_servers(phone, places))[kind]
        await desktop.membership.enroll(url, None)
        await desktop.sync()
        assert desktop.device.coins() == {"DELETED": "1"}
        old_of_folder = places.blob.read_bytes()
        old_of_store = places.bucket.content()
        old_of_taler = len(places.liar.account(places.key).history) - 1
        phone.device.coin("NEW", "1")
        phone.delete("DELETED")
        for daemon in (phone, desktop, phone, desktop):
            assert set(await daemon.sync()) == {"ok"}
        assert phone.device.coins() == desktop.device.coins() == {"NEW": "1"}
        assert phone.tombstones() == 0

        match kind:
            case "folder":
                places.blob.write_bytes(old_of_folder)
            case "taler":
                places.liar.put_back(places.key, old_of_taler)
            case "s3":
                places.put_in_store(old_of_store)
        for daemon in (phone, desktop, phone):
            assert set(await daemon.sync()) == {"ok"}
        assert phone.device.coins() == desktop.device.coins() == {"NEW": "1"}
        told = (*phone.events, *desktop.events)
        went_back = [data["server"] for event, data in told if event == "server.went_back"]
        assert went_back
        assert set(went_back) == {url}
        await until(lambda: phone.status_of(url).state == "idle", "all is well")
        async with served_daemon("tablet", quick_path) as tablet:
            await tablet.membership.enroll(url, None)
            assert await tablet.sync() == ["ok"]
            assert tablet.device.coins() == {"NEW": "1"}
