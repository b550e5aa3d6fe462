"""The circle is rolled over on servers of every kind: notes, new accounts, payments, limits, and wiped accounts."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from support.devices import ROOT
from support.servers_beside import TalerBeside, taler_beside
from support.servers_daemon import ServedDaemon, in_step, served_daemon, until
from support.taler_double import TalerDouble

from daemon.blob.keys import ServerKeys, server_keys
from daemon.rotation.finding import find
from daemon.rotation.note import Note
from daemon.rotation.steps import Found
from daemon.secret import Secret
from daemon.server.base import Fetched, NoBlob, Stored
from daemon.server.urls import parse_server_url

OLD = Secret(ROOT)
MEBIBYTE = 1 << 20


@pytest.fixture(params=["folder", "taler", "taler before 2023-09", "s3"])
def url(request, quick_path: Path) -> Iterator[str]:
    """A server of each kind."""
    match request.param:
        case "folder":
            (quick_path / "shared").mkdir()
            yield f"{(quick_path / 'shared').as_uri()}/"
        case "s3":
            yield request.getfixturevalue("bucket").url
        case dialect:
            with taler_beside(TalerDouble(quoted=dialect == "taler")) as beside:
                yield beside.url


@pytest.fixture(params=[True, False], ids=["taler", "taler before 2023-09"])
def seller(request) -> Iterator[TalerBeside]:
    """A server that wants to be paid for each account."""
    with taler_beside(TalerDouble(quoted=request.param, free=False)) as beside:
        yield beside


def identity_at(daemon: ServedDaemon, url: str) -> str:
    return daemon.circle.reporter.overview.record_by_url[url].identity


def keys_at(daemon: ServedDaemon, url: str, root: Secret[bytes]) -> ServerKeys:
    return server_keys(root.reveal(), identity_at(daemon, url))


async def held(daemon: ServedDaemon, url: str, root: Secret[bytes] = OLD) -> Note | object:
    """Return what the account of this root secret holds."""
    identity, keys, spool = identity_at(daemon, url), keys_at(daemon, url, root), daemon.device.folder / "looked at"
    async with daemon.circle.kinds.opened(parse_server_url(url), identity, {}) as server:
        match await server.fetch(keys.account, None, spool):
            case Fetched():
                return find(spool, keys, identity)
            case NoBlob():
                return Found.NOTHING
            case other:
                return other


async def overwrite(daemon: ServedDaemon, url: str, sealed: Path) -> None:
    """Be a device that was left out, and put this into the account that was left."""
    keys, spool = keys_at(daemon, url, OLD), daemon.device.folder / "looked at"
    async with daemon.circle.kinds.opened(parse_server_url(url), identity_at(daemon, url), {}) as server:
        fetched = await server.fetch(keys.account, None, spool)
        assert isinstance(fetched, Fetched)
        assert isinstance(await server.store(keys.account, sealed, fetched.revision), Stored)


@asynccontextmanager
async def circle_of(quick_path: Path, url: str, *names: str) -> AsyncIterator[list[ServedDaemon]]:
    """Run daemons that are in step."""
    async with AsyncExitStack() as stack:
        daemons = [await stack.enter_async_context(served_daemon(name, quick_path, has_key=True)) for name in names]
        for daemon in daemons:
            await daemon.membership.enroll(url, None)
            daemon.coin(f"OF {daemon.name}", "1")
        yield daemons


def waiting(daemon: ServedDaemon):
    return [note for note in daemon.status().notes if note.waits]


async def follow(daemon: ServedDaemon) -> None:
    """Approve the only roll-over that waits."""
    await until(lambda: waiting(daemon), f"{daemon.name} has met the note")
    (note,) = waiting(daemon)
    await daemon.circle.rolling.follow(int(note.id[1:]), note.code)


def told(daemon: ServedDaemon, event: str) -> list[dict[str, object]]:
    return [data for name, data in daemon.events if name == event]


async def test_the_kept_follow_the_left_out_stop_and_the_note_is_put_back(quick_path, url):
    async with circle_of(quick_path, url, "phone", "desktop", "laptop") as (phone, desktop, laptop):
        url = phone.circle.named(None)[0]
        await in_step(phone, desktop, laptop)
        assert await held(laptop, url) is Found.STATE
        state = (laptop.device.folder / "looked at").rename(laptop.device.folder / "a state")

        note = await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: told(phone, "rotation.noted"), "the note lies there")
        assert await laptop.sync() == ["moved"]
        assert "left this wallet out" in laptop.status_of(url).error.message
        for _ in range(2):
            before = len(told(phone, "rotation.restored"))
            await overwrite(laptop, url, state)
            await phone.sync()
            await until(lambda before=before: len(told(phone, "rotation.restored")) > before, "the note is put back")
            found = await held(laptop, url)
            assert isinstance(found, Note)
            assert found.text == note.text

        assert await desktop.sync() == ["moved"]
        await follow(desktop)
        phone.coin("NEW", "1")
        await in_step(phone, desktop)
        assert desktop.device.coins() == {"OF phone": "1", "OF desktop": "1", "OF laptop": "1", "NEW": "1"}
        assert "NEW" not in laptop.device.coins()
        await until(lambda: told(phone, "rotation.done"), "all is done")
        assert phone.status().rotations == desktop.status().rotations == []


async def paid(daemon: ServedDaemon, seller: TalerBeside, url: str) -> None:
    """Pay what a server wants to be paid, as a person does who reads the status."""
    await until(lambda: daemon.status_of(url).payment, "the payment is asked for")
    seller.double.pay(daemon.status_of(url).payment.uri.rstrip("/").rpartition("/")[2])
    await until(lambda: daemon.status_of(url).state == "idle", "it goes on")


async def test_a_new_account_is_paid_for_and_nothing_is_lost_until_then(quick_path, seller):
    async with circle_of(quick_path, seller.url, "phone", "desktop") as (phone, desktop):
        url = phone.circle.named(None)[0]
        await paid(phone, seller, url)
        await in_step(phone, desktop)
        await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: phone.status_of(url).state == "payment_required", "the new account wants to be paid")
        assert phone.status_of(url).payment.amount == "KUDOS:0.1"
        await until(lambda: told(phone, "rotation.noted"), "the note lies there all the same")
        await desktop.sync()
        await follow(desktop)
        await until(lambda: desktop.status_of(url).state == "payment_required", "it wants that of all")
        assert desktop.status_of(url).payment == phone.status_of(url).payment, "it is one order for all"
        for daemon in (phone, desktop):
            daemon.coin(f"MEANWHILE ON {daemon.name}", "1")
            assert await daemon.sync() == ["payment_required"]
        assert not told(phone, "rotation.done")
        await paid(phone, seller, url)
        await until(lambda: desktop.status_of(url).state == "idle", "it goes on everywhere")
        await in_step(phone, desktop)
        everything = {"OF phone", "OF desktop", "MEANWHILE ON phone", "MEANWHILE ON desktop"}
        assert set(phone.device.coins()) == set(desktop.device.coins()) == everything
        await until(lambda: told(phone, "rotation.done"), "all is done")


async def test_an_account_that_expired_is_paid_for_once_more_so_that_the_note_is_back(quick_path, seller):
    async with circle_of(quick_path, seller.url, "phone", "desktop") as (phone, desktop):
        url = phone.circle.named(None)[0]
        await paid(phone, seller, url)
        await in_step(phone, desktop)
        note = await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: told(phone, "rotation.noted"), "the note lies there")
        await paid(phone, seller, url)
        seller.double.collect_garbage(keys_at(phone, url, OLD).account.public_key)

        def left():
            ((account,),) = (rotation.accounts for rotation in phone.status().rotations)
            return account

        await phone.sync()
        await until(lambda: left().payment, "the account that was left wants to be paid")
        assert left().error == "the server wants to be paid: KUDOS:0.1 a year"
        seller.double.pay(left().payment.uri.rstrip("/").rpartition("/")[2])
        await phone.sync()
        await until(lambda: told(phone, "rotation.restored"), "the note is back")
        assert (await held(phone, url)).text == note.text
        assert left().payment is left().error is None
        await desktop.sync()
        await follow(desktop)
        await in_step(phone, desktop)
        await until(lambda: told(phone, "rotation.done"), "all is done")


@pytest.mark.parametrize("what", ["account", "backup"])
async def test_a_wiped_account_gets_its_note_back(what, quick_path, taler):
    async with circle_of(quick_path, taler.url, "phone", "desktop") as (phone, desktop):
        url = phone.circle.named(None)[0]
        await in_step(phone, desktop)
        await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: told(phone, "rotation.noted"), "the note lies there")
        await desktop.sync()
        await until(lambda: waiting(desktop), "the desktop has met the note")
        old = keys_at(phone, url, OLD).account.public_key
        (taler.double.collect_garbage if what == "account" else taler.double.lose_backup)(old)
        desktop.coin("MEANWHILE", "1")
        assert await desktop.sync() == ["moved"], "it stores nothing where the circle has left"
        await phone.sync()
        await until(lambda: told(phone, "rotation.restored"), "the note is back")
        await follow(desktop)
        await in_step(phone, desktop)
        assert set(phone.device.coins()) == {"OF phone", "OF desktop", "MEANWHILE"}


async def test_a_new_account_that_takes_less_is_said_and_the_roll_over_goes_on_when_there_is_room(quick_path, taler):
    async with circle_of(quick_path, taler.url, "phone", "desktop") as (phone, desktop):
        url = phone.circle.named(None)[0]
        phone.coin("LARGE", os.urandom(1_200_000).hex())
        await in_step(phone, desktop)
        taler.double.megabytes = 1
        await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: phone.status_of(url).state == "too_large", "the new account is too small")
        await until(lambda: told(phone, "rotation.noted"), "the note lies there all the same")
        await desktop.sync()
        await follow(desktop)
        await until(lambda: desktop.status_of(url).state == "too_large", "it is for all")
        taler.double.megabytes = 16
        for daemon in (phone, desktop):
            await until(lambda daemon=daemon: daemon.status_of(url).state == "idle", "it goes on by itself")
        phone.coin("NEW", "1")
        await in_step(phone, desktop)
        assert phone.device.coins() == desktop.device.coins()
        await until(lambda: told(phone, "rotation.done"), "all is done")
