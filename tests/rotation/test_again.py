"""Roll-overs after roll-overs: circles that are left again and again, and wallets that come back into them."""

from contextlib import AsyncExitStack

import pytest
import trio
from support.devices import ROOT
from support.rolling_daemons import in_step, rolling_daemon, until

from daemon.blob.schema import Head
from daemon.keeper.rolling import expect_from
from daemon.keys import Secrets, save
from daemon.secret import Secret
from ipc.errors import Refusal

OLD = Secret(ROOT)
ONE, TWO = "file:///one/", "file:///two/"


async def three(stack: AsyncExitStack, folder, servers):
    """Return a phone, a desktop and a laptop that are in step."""
    names = ("phone", "desktop", "laptop")
    daemons = [await stack.enter_async_context(rolling_daemon(name, folder, servers)) for name in names]
    for daemon in daemons:
        daemon.coin(f"OF {daemon.device.name}", "1")
    await in_step(*daemons)
    return daemons


async def leave_out_the_laptop(phone, desktop):
    """Roll over to the phone and the desktop alone."""
    note = await phone.circle.rolling.rotate(["desktop"])
    await until(lambda: desktop.waiting, "the desktop has met the note")
    await desktop.follow_the_one()
    await in_step(phone, desktop)
    await until(lambda: phone.told("rotation.done") and desktop.told("rotation.done"), "all is done")
    return note


async def test_a_wallet_that_was_left_out_comes_back_by_an_invitation_and_brings_nothing_back(
    folder, one, autojump_clock
):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await three(stack, folder, one)
        await leave_out_the_laptop(phone, desktop)
        await until(lambda: laptop.state_of(ONE) == "moved", "the laptop knows that it was left out")
        phone.device.sql("DELETE FROM coins WHERE coin_pub = 'OF desktop'")
        phone.circle.changed()
        await until(lambda: "OF desktop" not in desktop.device.coins(), "the desktop has heard of it")
        await until(lambda: phone.device.tombstones() == desktop.device.tombstones() == 0, "all is forgotten", hours=80)
        laptop.coin("OF phone", "changed by the laptop")
        laptop.coin("WHILE LEFT OUT", "1")

        await laptop.membership.join((await desktop.membership.invite(None))[0], None)
        await in_step(phone, desktop, laptop)
        assert laptop.root == phone.root
        assert laptop.device.coins() == {
            "OF phone": "changed by the laptop",
            "OF laptop": "1",
            "WHILE LEFT OUT": "1",
        }
        assert {wallet.shown_as for wallet in phone.status.wallets} == {"phone", "desktop", "laptop"}
        assert laptop.status.notes == []


async def test_it_comes_back_also_after_it_has_left_the_circle(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await three(stack, folder, one)
        await leave_out_the_laptop(phone, desktop)
        await laptop.membership.leave_all()
        phone.device.sql("DELETE FROM coins WHERE coin_pub = 'OF desktop'")
        phone.circle.changed()
        await until(lambda: "OF desktop" not in desktop.device.coins(), "the desktop has heard of it")
        await until(lambda: phone.device.tombstones() == desktop.device.tombstones() == 0, "all is forgotten", hours=80)
        laptop.coin("WHILE AWAY", "1")
        await laptop.membership.join((await phone.membership.invite(None))[0], None)
        await in_step(phone, desktop, laptop)
        assert set(laptop.device.coins()) == {"OF phone", "OF laptop", "WHILE AWAY"}


async def test_an_invitation_does_for_a_wallet_that_has_yet_to_follow(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await three(stack, folder, one)
        await phone.circle.rolling.rotate(["desktop", "laptop"])
        await until(lambda: desktop.waiting and laptop.waiting, "both have met the note")
        desktop.coin("MEANWHILE", "1")
        await desktop.membership.join((await phone.membership.invite(None))[0], None)
        assert desktop.status.notes == []
        await in_step(phone, desktop)
        assert "MEANWHILE" in phone.device.coins()
        await laptop.follow_the_one()
        await in_step(phone, desktop, laptop)
        await until(lambda: phone.told("rotation.done"), "all is done")


async def test_an_invitation_from_before_is_refused_as_such(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, _ = await three(stack, folder, one)
        old, _ = await desktop.membership.invite(None)
        await leave_out_the_laptop(phone, desktop)
        with pytest.raises(Refusal, match="before the circle was rolled over"):
            await desktop.membership.join(old, None)


async def test_a_wallet_that_came_back_can_roll_the_circle_over(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await three(stack, folder, one)
        await leave_out_the_laptop(phone, desktop)
        await until(lambda: laptop.state_of(ONE) == "moved", "the laptop knows that it was left out")
        await laptop.membership.join((await phone.membership.invite(None))[0], None)
        await in_step(phone, desktop, laptop)
        await laptop.circle.rolling.rotate(["phone", "desktop"])
        await until(lambda: phone.waiting and desktop.waiting, "both have met the note of the laptop")
        for daemon in (phone, desktop):
            await daemon.follow_the_one()
        await in_step(phone, desktop, laptop)
        await until(lambda: laptop.told("rotation.done"), "all is done")


async def test_who_was_left_out_by_a_roll_over_that_came_to_nothing_can_make_the_next(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await three(stack, folder, one)
        winner, loser = sorted((phone, desktop), key=lambda daemon: daemon.id)
        one[ONE].down = True
        won = await winner.circle.rolling.rotate([loser.id, laptop.id])
        lost = await loser.circle.rolling.rotate([winner.id])
        assert won.rank < lost.rank
        one[ONE].put_note(OLD, won)
        one[ONE].down = False
        for daemon in (winner, loser, laptop):
            daemon.nudge()
        await until(lambda: loser.waiting and laptop.waiting, "both have met the note that holds")
        for daemon in (loser, laptop):
            await daemon.follow_the_one()
        await in_step(phone, desktop, laptop)
        await laptop.circle.rolling.rotate(["phone", "desktop"])
        await until(lambda: loser.waiting and winner.waiting, "both have met the note of the laptop")


async def test_rolled_over_again_before_everyone_came(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await three(stack, folder, one)
        first = await phone.circle.rolling.rotate(["desktop", "laptop"])
        await until(lambda: desktop.waiting and laptop.waiting, "both have met the first note")
        second = await phone.circle.rolling.rotate(["desktop"])
        assert await desktop.follow_the_one() == first
        await until(lambda: desktop.waiting, "the desktop has met the second note")
        assert await desktop.follow_the_one() == second
        assert await laptop.follow_the_one() == first
        await until(lambda: laptop.state_of(ONE) == "moved", "the laptop was left out by the second")
        assert "left this wallet out" in laptop.message_of(ONE)
        phone.coin("NEW", "1")
        await in_step(phone, desktop)
        await until(lambda: len(phone.told("rotation.done")) == 2, "both are done")
        assert "NEW" not in laptop.device.coins()
        assert {wallet.shown_as for wallet in phone.status.wallets} == {"phone", "desktop"}


async def test_whom_a_later_roll_over_leaves_out_is_not_expected_by_an_earlier_one(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await three(stack, folder, one)
        first = await phone.circle.rolling.rotate(["desktop", "laptop"])
        await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: one[ONE].blob(phone.root), "the last account is there")
        store = phone.device.keeper.store
        row = store.replica.seen()
        store.servers.note_clocks(ONE, {phone.id: row}, 0.0)
        expect_from(store, Head(seen=row, clocks={desktop.id: row, laptop.id: row}), ONE, first, ())
        assert set(store.servers.clocks(ONE) or {}) == {phone.id, desktop.id}


async def test_a_roll_over_that_has_to_yield_ends_once_all_have_come_by_invitation(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await three(stack, folder, one)
        winner, loser = sorted((phone, desktop), key=lambda daemon: daemon.id)
        one[ONE].down = True
        await winner.circle.rolling.rotate([laptop.id])
        await loser.circle.rolling.rotate([winner.id, laptop.id])
        one[ONE].down = False
        winner.nudge()
        await until(lambda: laptop.waiting and loser.told("rotation.met"), "the note that holds was met")
        await winner.membership.leave_all()
        for daemon in (winner, laptop):
            await daemon.membership.join((await loser.membership.invite(None))[0], None)
        await in_step(phone, desktop, laptop)
        await until(lambda: loser.told("rotation.done"), "all is done")
        assert loser.status.rotations == []


async def test_secrets_of_two_roll_overs_ago_are_brought_up_to_date(folder, one, autojump_clock):
    """A disk on which the secrets could not be written, or a copy of them from before that was put back."""
    async with rolling_daemon("phone", folder, one) as phone:
        phone.coin("OF phone", "1")
        await until(lambda: one[ONE].blob(OLD), "it is stored")
        before = phone.circle.secrets
        for _ in range(2):
            await phone.circle.rolling.rotate([])
        root = phone.root
        await until(lambda: one[ONE].blob(root), "the last account is there")
    save(folder / "phone" / "secrets.json", Secrets(before.wallet, before.root, None), bytes)
    async with rolling_daemon("phone", folder, one) as phone:
        assert phone.root == root
        await trio.sleep(60)
        assert phone.state_of(ONE) == "idle"
