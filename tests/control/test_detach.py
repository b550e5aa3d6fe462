"""The request to take walletsync out of the wallet database."""

import sqlite3
from contextlib import closing

import pytest
import trio
from support.quiet_daemon import MemoryServer, quiet_daemon

from daemon.control.detach import ANSWER_TIME, DetachDesk
from daemon.keeper.answer import NoBlobThere
from ipc.errors import Refusal
from ipc.frame import WALLET_UNFIT
from ipc.messages import NoParams

URL = "https://memory.example/"


class Ending:
    """Counts how often the process was asked to end, and when last."""

    def __init__(self):
        self.count, self.at = 0, None

    def __call__(self):
        self.count, self.at = self.count + 1, trio.current_time()


@pytest.fixture
async def detaching(tmp_path, autojump_clock):
    """A daemon whose wallet is captured, the request that detaches it, and what ends it."""
    async with quiet_daemon(tmp_path, {URL: MemoryServer("memory")}) as daemon:
        ending = Ending()
        keeper = daemon.circle.keeper
        keeper.take_in(URL, NoBlobThere())
        yield keeper, DetachDesk(daemon.circle, ending).methods()["detach"].handler, ending


async def test_the_daemon_is_ended_once_after_its_answer_however_often_it_is_asked(detaching):
    _, detach, ending = detaching
    began = trio.current_time()
    assert await detach(NoParams()) == await detach(NoParams())
    assert ending.count == 0
    await trio.sleep(10 * ANSWER_TIME)
    assert ending.count == 1
    assert ending.at >= began + ANSWER_TIME


async def test_a_sync_that_is_under_way_adds_nothing_again(detaching):
    keeper, detach, _ = detaching
    attached = keeper.store.guest.refresh()
    path = (await detach(NoParams())).path
    taken = keeper.take_in(URL, NoBlobThere())
    assert attached
    assert taken.trouble is not None
    assert "was taken out of" in taken.trouble.reason
    assert not [name for name in names_in(path) if "walletsync_" in name]


async def test_a_wallet_that_is_not_there_is_refused_and_nothing_ends(detaching):
    keeper, detach, ending = detaching
    keeper.store.guest.path.unlink()
    with pytest.raises(Refusal, match="there is no wallet database") as refused:
        await detach(NoParams())
    await trio.sleep(10 * ANSWER_TIME)
    assert (refused.value.code, ending.count) == (WALLET_UNFIT, 0)


def names_in(path):
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
