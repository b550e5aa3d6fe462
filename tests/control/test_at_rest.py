"""While syncers are replaced, as for a roll-over, the servers are enrolled all the same, and nobody is told else."""

import pytest
import trio
import trio.testing
from support.rolling_daemons import Shelves, rolling_daemon

from daemon.control import RotationDesk, SyncDesk
from ipc.messages import RotateParams, SyncParams

ONE, TWO = "file:///one/", "file:///two/"


@pytest.fixture
async def phone(tmp_path, autojump_clock):
    async with rolling_daemon("phone", tmp_path, {ONE: Shelves("one"), TWO: Shelves("two", down=True)}) as daemon:
        yield daemon


async def test_status_tells_that_a_pause_lasts(phone):
    phone.circle.reporter.paused_until = 2e9
    async with phone.circle.at_rest(ONE):
        assert phone.state_of(ONE) == "paused"


async def test_a_sync_that_is_asked_for_is_made_after_it(phone):
    sync = SyncDesk(phone.circle).methods()["sync"].handler
    answers = []

    async def ask():
        answers.append(await sync(SyncParams()))

    async with trio.open_nursery() as nursery, phone.circle.at_rest():
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert answers == []
    assert answers[0].servers == [ONE, TWO]


async def test_a_roll_over_can_be_tried_out(phone):
    rotate = RotationDesk(phone.circle).methods()["rotate"].handler
    await trio.sleep(0.5)
    async with phone.circle.at_rest():
        assert [wallet.shown_as for wallet in (await rotate(RotateParams(keep=[], dry_run=True))).kept] == ["phone"]


async def test_servers_start_again_where_changing_them_failed(phone):
    with pytest.raises(OSError, match="no space"):
        async with phone.circle.at_rest(ONE):
            raise OSError("no space")
    assert sorted(phone.circle.syncer_by_url) == [ONE, TWO]
