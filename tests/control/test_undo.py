"""Requests for deleted values."""

import pytest
from structlog.testing import capture_logs
from support.quiet_daemon import MemoryServer, quiet_daemon

from daemon.control import UndoDesk
from ipc.errors import Refusal
from ipc.messages import HeldParams, RestoreParams

URL = "https://memory.example/"


@pytest.fixture
async def keeper_and_restore(tmp_path, autojump_clock):
    """A wallet whose history holds one value, under the id 1, and the request that brings values back."""
    async with quiet_daemon(tmp_path, {URL: MemoryServer("memory")}) as daemon:
        keeper = daemon.circle.keeper
        now, sealed = keeper.store.surroundings.wall(), keeper.store.vault.seal(b'{"value":"1"}')
        with keeper.store.state.transaction():
            keeper.store.history.keep(now, "s1", "local", "coins", '["C"]', sealed)
        yield keeper, UndoDesk(daemon.circle).methods()["restore"].handler


def lives(keeper):
    known = keeper.store.replica.known("coins", '["C"]')
    return known.element is not None and known.element.live


async def test_ids_that_are_not_kept_are_named_and_nothing_is_restored(keeper_and_restore):
    keeper, restore = keeper_and_restore
    with pytest.raises(Refusal, match=r"nothing is kept as 7, 9: `walletsync history` lists what is"):
        await restore(RestoreParams(ids=[9, 1, 7, 9]))
    assert not lives(keeper)


async def test_an_id_that_is_named_twice_is_restored_once(keeper_and_restore):
    keeper, restore = keeper_and_restore
    result = await restore(RestoreParams(ids=[1, 1]))
    assert [entry.id for entry in result.restored] == [1]
    assert lives(keeper)


@pytest.mark.parametrize("decision", ["approved", "rejected"])
async def test_what_a_person_decided_of_a_mass_delete_is_logged_and_told(
    decision, tmp_path, autojump_clock, monkeypatch
):
    method = {"approved": "approve", "rejected": "reject"}[decision]
    async with quiet_daemon(tmp_path, {URL: MemoryServer("memory")}) as daemon:
        monkeypatch.setattr(daemon.circle.keeper, method, lambda number: None)
        with capture_logs() as lines:
            await UndoDesk(daemon.circle).methods()[method].handler(HeldParams(held="h1"))
        (line,) = [line for line in lines if line["event"] == "deletes.decided"]
        assert (line["held"], line["decision"]) == ("H1", decision)
        assert ("deletes.decided", {"held": "H1", "decision": decision}) in daemon.events


async def test_what_was_brought_back_is_logged_as_a_count(keeper_and_restore):
    _, restore = keeper_and_restore
    with capture_logs() as lines:
        await restore(RestoreParams(ids=[1]))
    assert [line["rows"] for line in lines if line["event"] == "values.restored"] == [1]
