"""Wallets whose folder another program syncs lose nothing by it: conflict copies are joined, and then removed."""

import json
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from support.devices import ROOT
from support.servers_daemon import ServedDaemon, in_step, served_daemon, until

from daemon import logs
from daemon.blob.keys import server_keys
from daemon.plan import Paused
from daemon.server.base import Failure, FailureKind
from daemon.server.folder import FolderServer
from ipc import base32

CONFLICT = ".sync-conflict-20260131-081500-ABCDEFG.blob"


class Synced:
    """A folder on each device, and the program that syncs them when it is told to."""

    def __init__(self, scratch: Path, *names: str) -> None:
        self.folders = {name: scratch / f"folder of {name}" for name in names}
        for folder in self.folders.values():
            folder.mkdir()

    def url(self, name: str) -> str:
        return f"{self.folders[name].as_uri()}/"

    def blob(self, name: str) -> Path:
        identity = (self.folders[name] / "walletsync.id").read_text().splitlines()[-1]
        account = server_keys(ROOT, f"folder:{identity}").account
        return self.folders[name] / f"{base32.encode(account.public_key)}.blob"

    def copies(self, name: str) -> list[str]:
        return sorted(path.name for path in self.folders[name].iterdir() if "conflict" in path.name)

    def carry(self, source: str, target: str) -> None:
        """Bring the target to what the source has, where the target has not changed."""
        for path in self.folders[source].iterdir():
            if path.suffix in (".id", ".blob"):
                self._put(path.read_bytes(), self.folders[target] / path.name)
        for path in self.folders[target].glob("*conflict*"):
            if not (self.folders[source] / path.name).exists():
                path.unlink()

    def meet(self, winner: str, loser: str) -> None:
        """Both have changed: the winner's blob stays, the loser's is kept beside it, on both."""
        lost = self.blob(loser).read_bytes()
        self._put(self.blob(winner).read_bytes(), self.blob(loser))
        for name in (winner, loser):
            self._put(lost, self.blob(name).with_name(self.blob(name).stem + CONFLICT))

    @staticmethod
    def _put(content: bytes, path: Path) -> None:
        beside = path.with_name("~beside.tmp")
        beside.write_bytes(content)
        beside.rename(path)


class Pair:
    """Two daemons in step, each with its folder; ``synced`` goes between them."""

    def __init__(self, synced: Synced, phone: ServedDaemon, desktop: ServedDaemon) -> None:
        self.synced = synced
        self.phone = phone
        self.desktop = desktop

    async def diverge(self) -> None:
        """Let both change something and store it before either knows of the other."""
        self.phone.device.coin("OF PHONE", "1")
        self.desktop.device.coin("OF DESKTOP", "1")
        self.desktop.device.sql("DELETE FROM coins WHERE coin_pub = 'SHARED'")
        assert await self.phone.sync() == ["ok"]
        assert await self.desktop.sync() == ["ok"]

    async def settle(self) -> None:
        """Let the program carry files to and fro until nothing changes any more."""
        for _ in range(3):
            assert await self.phone.sync() == ["ok"]
            self.synced.carry("phone", "desktop")
            assert await self.desktop.sync() == ["ok"]
            self.synced.carry("desktop", "phone")


@pytest.fixture
async def pair(quick_path):
    synced = Synced(quick_path, "phone", "desktop")
    async with AsyncExitStack() as stack:
        phone, desktop = [await stack.enter_async_context(served_daemon(name, quick_path)) for name in synced.folders]
        phone.device.coin("SHARED", "0")
        await phone.membership.enroll(synced.url("phone"), None)
        await phone.sync()
        synced.carry("phone", "desktop")
        await desktop.membership.enroll(synced.url("desktop"), None)
        made = Pair(synced, phone, desktop)
        await desktop.sync()
        synced.carry("desktop", "phone")
        await made.settle()
        assert desktop.device.coins() == {"SHARED": "0"}
        yield made


@pytest.fixture
def happenings(monkeypatch) -> Callable[[str], list[dict[str, object]]]:
    """Return the happenings of one event, as they were told."""
    told = []
    monkeypatch.setattr(logs, "emit", lambda happening, **_: told.append(happening))
    return lambda event: [each.fields() for each in told if each.event == event]


async def test_what_a_wallet_stored_that_is_gone_for_ever_is_had_from_the_copy(pair, quick_path):
    await pair.diverge()
    pair.synced.meet("phone", "desktop")
    await until(lambda: "OF DESKTOP" in pair.phone.device.coins(), "the copy was noticed, and joined")
    await until(lambda: not pair.synced.copies("phone"), "the copy was removed")
    assert pair.phone.device.coins() == {"OF PHONE": "1", "OF DESKTOP": "1"}
    async with served_daemon("tablet", quick_path) as tablet:
        await tablet.membership.enroll(pair.synced.url("phone"), None)
        await tablet.sync()
        assert tablet.device.coins() == {"OF PHONE": "1", "OF DESKTOP": "1"}


async def test_both_wallets_join_the_copy_and_come_to_rest(pair):
    await pair.diverge()
    pair.synced.meet("phone", "desktop")
    for daemon in (pair.phone, pair.desktop):
        await until(lambda: set(daemon.device.coins()) == {"OF PHONE", "OF DESKTOP"}, f"{daemon.name} has both")  # noqa: B023
        await until(lambda: not pair.synced.copies(daemon.name), f"{daemon.name} has no copy left")  # noqa: B023
    pair.synced.meet("desktop", "phone")  # both have stored again, so that the program makes another copy
    await pair.settle()
    assert pair.synced.copies("phone") == pair.synced.copies("desktop") == []
    assert pair.phone.tombstones() == pair.desktop.tombstones() == 0
    uploads = pair.phone.uploads() + pair.desktop.uploads()
    blob = pair.synced.blob("phone").read_bytes()
    for daemon in (pair.phone, pair.desktop):
        daemon.circle.changed()
    await pair.settle()
    assert pair.phone.uploads() + pair.desktop.uploads() == uploads
    assert pair.synced.blob("phone").read_bytes() == pair.synced.blob("desktop").read_bytes() == blob


async def test_a_copy_stays_until_what_it_held_was_stored(pair, monkeypatch, quick_path):
    await pair.diverge()

    async def refuse(*_: object) -> Failure:
        return Failure(FailureKind.REFUSED, "the disk is full of something else")

    with monkeypatch.context() as patched:
        patched.setattr(FolderServer, "store", refuse)
        pair.synced.meet("phone", "desktop")
        await until(lambda: "OF DESKTOP" in pair.phone.device.coins(), "the copy was joined")
        assert set(await pair.phone.sync()) == {"refused"}
        assert pair.synced.copies("phone")
        for syncer in pair.phone.circle.syncer_by_url.values():
            syncer.tell(Paused(paused=True))
    # As if the daemon had been killed here: whoever starts on its files finds the copy again.
    crashed = quick_path / "crashed"
    shutil.copytree(quick_path / "phone", crashed / "phone", ignore=shutil.ignore_patterns("spool"))
    before = pair.synced.blob("phone").read_bytes()
    async with served_daemon("phone", crashed) as restarted:
        await restarted.circle.start_enrolled()
        await until(lambda: not pair.synced.copies("phone"), "the copy was removed")
        assert pair.synced.blob("phone").read_bytes() != before
        assert restarted.device.coins() == {"OF PHONE": "1", "OF DESKTOP": "1"}


async def test_a_copy_that_cannot_be_read_is_left_there_and_said_once(pair, happenings):
    broken = pair.synced.blob("phone").with_name(pair.synced.blob("phone").stem + CONFLICT)
    foreign = broken.with_name(broken.name.replace("ABCDEFG", "GFEDCBA"))
    broken.write_bytes(pair.synced.blob("phone").read_bytes()[:-10])
    foreign.write_bytes(b"a file of another program\n" * 100)
    for _ in range(3):
        assert await pair.phone.sync() == ["ok"]
    pair.phone.coin("LATER", "1")
    assert await pair.phone.sync() == ["ok"]
    assert len(pair.synced.copies("phone")) == 2
    said = [line["message"] for line in happenings("copy.unreadable")]
    assert sorted(said) == ["the blob is truncated: its end is missing", "the file is not a walletsync blob"]
    assert pair.phone.status_of(pair.synced.url("phone")).error is None
    assert json.dumps(happenings("copy.joined")) == "[]"


async def test_a_copy_that_cannot_be_removed_is_joined_once_only(pair, happenings, monkeypatch):
    removed = []

    async def keep(_: FolderServer, copy: object) -> None:
        removed.append(copy)

    monkeypatch.setattr(FolderServer, "remove_copy", keep)
    await pair.diverge()
    pair.synced.meet("phone", "desktop")
    await until(lambda: "OF DESKTOP" in pair.phone.device.coins(), "the copy was joined")
    for _ in range(3):
        assert await pair.phone.sync() == ["ok"]
    of_phone = [line for line in happenings("copy.joined") if line["server"] == pair.synced.url("phone")]
    assert len(of_phone) == 1
    assert len(removed) >= 3
    with trio.fail_after(5):
        await in_step(pair.phone)
