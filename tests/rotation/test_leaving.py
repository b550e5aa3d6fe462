"""Leaving servers while the circle is rolled over: each does what it should, whichever comes first."""

from contextlib import AsyncExitStack

import pytest
from support.devices import ROOT
from support.rolling_daemons import in_step, rolling_daemon, until

from daemon.secret import Secret

OLD = Secret(ROOT)
ONE, TWO = "file:///one/", "file:///two/"


def departures(daemon):
    """Return what is left to be done at accounts that this daemon has left."""
    return daemon.device.keeper.store.servers.departures()


@pytest.mark.parametrize("erase", [True, False])
async def test_leaving_an_account_that_holds_a_note_by_now_ends_and_leaves_the_note(erase, folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = [
            await stack.enter_async_context(rolling_daemon(name, folder, one)) for name in ("phone", "desktop")
        ]
        phone.coin("OF phone", "1")
        await in_step(phone, desktop)
        note = await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: desktop.waiting, "the desktop has met the note")
        await desktop.membership.leave(ONE, erase=erase)
        await until(lambda: not departures(desktop), "there is nothing left to be done")
        assert one[ONE].note(OLD) == note
        (told,) = desktop.told("server.left_moved")
        assert told == {"server": ONE, "erase": erase}


async def test_who_leaves_the_circle_before_anyone_heard_of_its_roll_over_is_waited_for_by_nobody(
    folder, one, autojump_clock
):
    async with AsyncExitStack() as stack:
        phone, desktop = [
            await stack.enter_async_context(rolling_daemon(name, folder, one)) for name in ("phone", "desktop")
        ]
        await in_step(phone, desktop)
        one[ONE].down = True
        await phone.circle.rolling.rotate(["desktop"])
        await phone.membership.leave(ONE, erase=False)
        await phone.membership.leave_all()
        one[ONE].down = False
        await until(lambda: not departures(phone), "all is done", hours=7)
        desktop.nudge()
        clocks = desktop.device.keeper.store.servers.clocks
        await until(lambda: set(clocks(ONE) or {}) == {desktop.id}, "its row is gone")
        assert desktop.root == OLD


async def test_a_departure_that_waited_for_its_server_ends_at_the_note_that_came_first(folder, two, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = [
            await stack.enter_async_context(rolling_daemon(name, folder, two)) for name in ("phone", "desktop")
        ]
        phone.coin("OF phone", "1")
        await in_step(phone, desktop)
        two[TWO].down = True
        await desktop.membership.leave(TWO, erase=True)
        note = await phone.circle.rolling.rotate(["desktop"])
        state = two[TWO].blob(OLD)
        two[TWO].put_note(OLD, note)
        two[TWO].down = False
        await until(lambda: not departures(desktop), "there is nothing left to be done", hours=13)
        assert two[TWO].note(OLD) == note != state
        await until(lambda: desktop.waiting, "the desktop has met the note")
        await desktop.follow_the_one()
        await in_step(phone, desktop)
        await until(lambda: phone.told("rotation.done"), "all is done", hours=30)
        assert desktop.device.coins() == {"OF phone": "1"}
