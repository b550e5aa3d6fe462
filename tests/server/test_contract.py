"""What every kind of server does, whatever it is made of. tests/support/server_kinds.py says how a kind joins in."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from support.server_kinds import Connect, server_kinds

from daemon.blob.keys import server_keys
from daemon.server.base import (
    Account,
    Conflict,
    Description,
    Fetched,
    FetchOutcome,
    NoBlob,
    Server,
    Stored,
    StoreOutcome,
    Unchanged,
)

ACCOUNT = server_keys(bytes(32), "a server").account
OTHER_ACCOUNT = server_keys(bytes(32), "another server").account
KINDS = server_kinds()


class Device:
    """One device's view of the server, with files of its own."""

    def __init__(self, server: Server, scratch: Path) -> None:
        self.server = server
        self._sealed = scratch / "sealed"
        self._spool = scratch / "spool"

    async def store(self, body: bytes, expected: str | None, account: Account = ACCOUNT) -> StoreOutcome:
        self._sealed.write_bytes(body)
        return await self.server.store(account, self._sealed, expected)

    async def stored(self, body: bytes, expected: str | None, account: Account = ACCOUNT) -> str:
        outcome = await self.store(body, expected, account)
        assert isinstance(outcome, Stored)
        return outcome.revision

    async def fetch(self, known: str | None = None, account: Account = ACCOUNT) -> FetchOutcome:
        return await self.server.fetch(account, known, self._spool)

    async def fetched(self, known: str | None = None, account: Account = ACCOUNT) -> tuple[bytes, str]:
        outcome = await self.fetch(known, account)
        assert isinstance(outcome, Fetched)
        body = self._spool.read_bytes()
        assert outcome.sealed_bytes == len(body)
        return body, outcome.revision


class World:
    """A fresh server, and any number of devices."""

    def __init__(self, connect: Connect, stack: AsyncExitStack, scratch: Path) -> None:
        self._connect = connect
        self._stack = stack
        self._scratch = scratch
        self._devices = 0

    async def device(self) -> Device:
        self._devices += 1
        scratch = self._scratch / f"device {self._devices}"
        scratch.mkdir()
        return Device(await self._stack.enter_async_context(self._connect()), scratch)


@pytest.fixture(params=sorted(KINDS))
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        connect = await stack.enter_async_context(KINDS[request.param](tmp_path))
        yield World(connect, stack, tmp_path)


async def test_all_devices_find_the_same_identity_and_it_stays(world):
    one, other = await world.device(), await world.device()
    description = await one.server.describe()
    assert isinstance(description, Description)
    assert description.identity
    assert await other.server.describe() == description
    await one.stored(b"blob", None)
    assert await other.server.describe() == description


async def test_an_account_has_no_blob_at_first(world):
    device = await world.device()
    assert await device.fetch() == NoBlob()
    assert await device.fetch("0" * 128) == NoBlob()


@pytest.mark.parametrize("size", [1, 1000, 2**20 + 1])
async def test_what_one_device_stores_another_fetches_byte_by_byte(world, size):
    one, other = await world.device(), await world.device()
    body = os.urandom(size)
    revision = await one.stored(body, None)
    assert await other.fetched() == (body, revision)


async def test_a_known_revision_is_not_fetched_again(world):
    one, other = await world.device(), await world.device()
    revision = await one.stored(b"blob", None)
    assert await one.fetch(revision) == Unchanged()
    assert await other.fetch(revision) == Unchanged()
    assert await other.fetch(revision) == Unchanged()


async def test_a_blob_of_another_revision_than_the_known_one_is_fetched(world):
    one, other = await world.device(), await world.device()
    first = await one.stored(b"blob 1", None)
    second = await other.stored(b"blob 2", first)
    assert second != first
    assert await one.fetched(first) == (b"blob 2", second)
    assert await other.fetched(first) == (b"blob 2", second)


async def test_a_blob_is_replaced_only_by_who_knows_its_revision(world):
    one, other = await world.device(), await world.device()
    first = await one.stored(b"blob 1", None)
    second = await one.stored(b"blob 2", first)
    assert await other.store(b"late", first) == Conflict()
    assert await other.store(b"blind", None) == Conflict()
    assert await other.fetched() == (b"blob 2", second)
    assert await other.stored(b"blob 3", second) == (await one.fetched())[1]


async def test_a_revision_that_the_server_never_had_is_a_conflict(world):
    device = await world.device()
    outside = await world.device()
    revision = await outside.stored(b"blob", None, OTHER_ACCOUNT)
    assert await device.store(b"blob", revision) == Conflict()
    assert await device.fetch() == NoBlob()


async def test_going_back_to_earlier_bytes_goes_back_to_their_revision(world):
    """Equal revisions mean equal bytes, and the other way round."""
    device = await world.device()
    first = await device.stored(b"blob 1", None)
    second = await device.stored(b"blob 2", first)
    assert await device.stored(b"blob 1", second) == first
    assert await device.fetched(second) == (b"blob 1", first)


async def test_accounts_do_not_meet(world):
    device = await world.device()
    mine = await device.stored(b"mine", None)
    assert await device.fetch(account=OTHER_ACCOUNT) == NoBlob()
    theirs = await device.stored(b"theirs", None, OTHER_ACCOUNT)
    assert await device.fetched() == (b"mine", mine)
    assert await device.fetched(account=OTHER_ACCOUNT) == (b"theirs", theirs)


async def test_a_store_whose_answer_was_lost_can_be_repeated(world):
    """Whether the server knows its own upload again or reports a conflict: nothing is lost, and no one else's is."""
    device = await world.device()
    revision = await device.stored(b"blob", None)
    assert await device.store(b"blob", None) in (Stored(revision), Conflict())
    assert await device.fetched() == (b"blob", revision)


@pytest.mark.parametrize("is_first", [True, False])
async def test_of_many_uploads_at_once_exactly_one_is_stored(world, is_first):
    devices = [await world.device() for _ in range(6)]
    expected = None if is_first else await devices[0].stored(b"before", None)
    outcome_by_body: dict[bytes, StoreOutcome] = {}

    async def store(device: Device, body: bytes) -> None:
        outcome_by_body[body] = await device.store(body, expected)

    async with trio.open_nursery() as nursery:
        for number, device in enumerate(devices):
            nursery.start_soon(store, device, b"blob %d" % number)
    (winner,) = [body for body, outcome in outcome_by_body.items() if isinstance(outcome, Stored)]
    assert [outcome for body, outcome in outcome_by_body.items() if body != winner] == [Conflict()] * 5
    assert await devices[0].fetched() == (winner, outcome_by_body[winner].revision)


async def test_a_cancelled_store_leaves_the_old_blob_or_the_new_one(world):
    one, other = await world.device(), await world.device()
    revision = await one.stored(b"old" * 300_000, None)
    for pause in (0, 0.001, 0.005, 0.02):
        with trio.move_on_after(pause):
            await one.store(b"new" * 300_000, revision)
        body, _ = await other.fetched()
        assert body in (b"old" * 300_000, b"new" * 300_000)
        if body != b"old" * 300_000:
            return


async def test_a_fetch_is_of_one_revision_while_others_store(world):
    one, other = await world.device(), await world.device()
    bodies = [bytes([number]) * 200_000 for number in range(5)]
    revision = await one.stored(bodies[0], None)
    revisions = {bodies[0]: revision}

    async with trio.open_nursery() as nursery:

        async def fetch_again_and_again() -> None:
            while True:
                body, revision = await other.fetched()
                assert len(set(body)) == 1
                assert revisions.setdefault(body, revision) == revision

        nursery.start_soon(fetch_again_and_again)
        for body in bodies[1:]:
            revision = await one.stored(body, revision)
            assert revisions.setdefault(body, revision) == revision
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
