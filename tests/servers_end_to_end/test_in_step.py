"""Two daemons are in step over each kind of server."""

import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import trio
from support.servers_beside import taler_beside
from support.servers_daemon import in_step, served_daemon, until
from support.taler_double import TalerDouble


@dataclass
class Kind:
    """One server, and what is another thing after each upload to it."""

    url: str
    mark: Callable[[], object]


@pytest.fixture(params=["folder", "taler", "taler before 2023-09", "s3"])
def kind(request, quick_path) -> Iterator[Kind]:
    match request.param:
        case "folder":
            folder = quick_path / "shared folder"
            folder.mkdir()
            yield Kind(f"{folder.as_uri()}/", lambda: [path.read_bytes() for path in folder.glob("*.blob")])
        case "s3":
            bucket = request.getfixturevalue("bucket")
            yield Kind(bucket.url, bucket.uploads)
        case dialect:
            with taler_beside(TalerDouble(quoted=dialect == "taler")) as beside:
                yield Kind(beside.url, beside.uploads)


async def test_two_wallets_are_in_step_and_then_quiet(kind, quick_path):
    async with AsyncExitStack() as stack:
        phone, desktop = [
            await stack.enter_async_context(served_daemon(name, quick_path)) for name in ("phone", "desktop")
        ]
        for daemon in (phone, desktop):
            daemon.device.coin(f"OF {daemon.name}", "1")
            await daemon.membership.enroll(kind.url, None)
            await daemon.sync()
        await phone.sync()
        assert phone.device.coins() == desktop.device.coins() == {"OF phone": "1", "OF desktop": "1"}
        phone.coin("OF desktop", "2")
        phone.delete("OF phone")
        changed = time.time()
        await until(lambda: phone.last_success(kind.url) > changed, "the phone has said it")
        await desktop.sync()
        assert desktop.device.coins() == {"OF desktop": "2"}
        await in_step(phone, desktop)
        assert phone.tombstones() == desktop.tombstones() == 0

        said, mark = phone.uploads() + desktop.uploads(), kind.mark()
        for _ in range(3):
            for daemon in (phone, desktop):
                daemon.circle.changed()  # somebody committed something that is no entity
                assert await daemon.sync() == ["ok"]
        assert (phone.uploads() + desktop.uploads(), kind.mark()) == (said, mark)


async def test_wallets_that_change_at_the_same_moment_lose_nothing(kind, quick_path):
    async with AsyncExitStack() as stack:
        daemons = [await stack.enter_async_context(served_daemon(f"wallet{number}", quick_path)) for number in range(4)]
        for daemon in daemons:
            await daemon.membership.enroll(kind.url, None)
            await daemon.sync()
        for daemon in daemons:
            daemon.coin(f"OF {daemon.name}", "1")
        async with trio.open_nursery() as nursery:
            for daemon in daemons:
                nursery.start_soon(daemon.sync)
        await in_step(*daemons)
        assert [sorted(daemon.device.coins()) for daemon in daemons] == [[f"OF wallet{n}" for n in range(4)]] * 4
