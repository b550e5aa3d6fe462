"""What a person does to the circle while it is rolled over: each does what it should, or is refused in one sentence."""

from contextlib import AsyncExitStack

import pytest
import trio
from support.devices import ROOT
from support.rolling_daemons import Shelves, in_step, rolling_daemon, until

from daemon.keys import load_or_create
from daemon.secret import Secret
from ipc.errors import Refusal

OLD = Secret(ROOT)
ONE, TWO, NEW = "file:///one/", "https://two.example/", "https://new.example/"


@pytest.fixture
def two():
    """Two servers."""
    return {ONE: Shelves("one"), TWO: Shelves(TWO)}


async def pair(stack: AsyncExitStack, folder, servers):
    """Return a phone and a desktop that are in step."""
    daemons = [await stack.enter_async_context(rolling_daemon(name, folder, servers)) for name in ("phone", "desktop")]
    for daemon in daemons:
        daemon.coin(f"OF {daemon.device.name}", "1")
    await in_step(*daemons)
    return daemons


def move(servers):
    """Have the second server move to another address."""
    servers[NEW] = servers[TWO]
    servers[TWO] = Shelves(TWO, down=True)


async def test_an_account_that_was_left_is_reached_under_its_new_address(folder, two, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, two)
        move(two)
        note = await phone.circle.rolling.rotate(["desktop"])
        await phone.membership.enroll(NEW, TWO)
        await until(lambda: two[NEW].note(OLD) == note, "the note is there")
        await desktop.membership.enroll(NEW, TWO)
        await until(lambda: desktop.waiting, "the desktop has met the note")
        await desktop.follow_the_one()
        await in_step(phone, desktop)
        await until(lambda: phone.told("rotation.done"), "all is done")


async def test_an_account_that_was_left_is_reached_also_where_its_server_is_enrolled_anew(folder, two, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, _ = await pair(stack, folder, two)
        move(two)
        note = await phone.circle.rolling.rotate(["desktop"])
        await phone.membership.leave(TWO, erase=False)
        await phone.membership.enroll(NEW, TWO)
        await until(lambda: two[NEW].note(OLD) == note, "the note is there")


async def test_a_note_that_waits_is_that_of_the_server_s_new_address(folder, two, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, two)
        state = two[TWO].blob(OLD)
        two[ONE].down = True
        note = await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: desktop.state_of(TWO) == "moved", "the desktop has met the note")
        move(two)
        await desktop.membership.enroll(NEW, TWO)
        (shown,) = desktop.status.notes
        assert (shown.servers, shown.waits) == ([NEW], True)
        two[NEW].put(OLD, state)
        desktop.coin("NOT FOR THE LEFT OUT", "1")
        desktop.nudge()
        await until(lambda: desktop.state_of(NEW) == "moved", "it stays stopped whatever is put over the note")
        await desktop.follow_the_one()
        await until(lambda: two[NEW].note(OLD) == note, "the note is back")


async def test_a_server_that_was_left_holds_no_roll_over_up(folder, two, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, two)
        two[TWO].down = True
        await phone.circle.rolling.rotate(["desktop"])
        for daemon in (phone, desktop):
            await daemon.membership.leave(TWO, erase=False)
        await until(lambda: desktop.waiting, "the desktop has met the note")
        await desktop.follow_the_one()
        await in_step(phone, desktop)
        await until(lambda: phone.told("rotation.done") and desktop.told("rotation.done"), "all is done")
        assert phone.status.rotations == desktop.status.rotations == []


async def test_a_server_that_was_left_is_told_as_long_as_someone_has_to_follow(folder, two, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, two)
        await desktop.membership.leave(ONE, erase=False)
        two[TWO].down = True
        note = await phone.circle.rolling.rotate(["desktop"])
        await phone.membership.leave(TWO, erase=True)
        two[TWO].down = False
        await until(lambda: two[TWO].note(OLD) == note, "the note is there", hours=13)
        await until(lambda: desktop.waiting, "the desktop has met the note")
        await desktop.follow_the_one()
        assert desktop.root == phone.root


async def test_a_note_is_forgotten_with_its_server_and_met_again_where_that_is_enrolled_again(
    folder, one, autojump_clock
):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, one)
        await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: desktop.waiting, "the desktop has met the note")
        (met,) = desktop.waiting
        await desktop.membership.leave(ONE, erase=False)
        assert (desktop.waiting, desktop.status.notes) == ([], [])
        with pytest.raises(Refusal, match="nothing waits for you"):
            await desktop.circle.rolling.follow(met.number, met.note.code)
        desktop.coin("MEANWHILE", "1")
        await desktop.membership.enroll(ONE, None)
        await until(lambda: desktop.waiting, "the desktop has met it again")
        await desktop.follow_the_one()
        await in_step(phone, desktop)
        assert "MEANWHILE" in phone.device.coins()


async def test_a_circle_is_not_left_while_its_roll_over_would_be_lost_with_this_wallet(folder, two, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, two)
        two[TWO].down = True
        note = await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: two[ONE].note(OLD) == note, "one server is told")
        with pytest.raises(Refusal, match=f"{TWO} .* `walletsync leave {TWO}`"):
            await phone.membership.leave_all()
        assert phone.circle.named(None) == [ONE, TWO]
        two[TWO].down = False
        await until(lambda: two[TWO].note(OLD) == note, "the other one is told")
        phone.nudge()
        await until(lambda: two[TWO].blob(phone.root), "and has the new account")
        new_root = phone.root
        await until(lambda: two[ONE].blob(phone.root), "both have")
        await phone.membership.leave_all()
        assert phone.status.servers == []
        await until(lambda: desktop.waiting, "the desktop has met the note")
        await desktop.follow_the_one()
        assert desktop.root == new_root
        for _ in range(3):
            desktop.nudge()
            await trio.sleep(60)
        assert {"OF phone", "OF desktop"} <= set(desktop.device.coins())
        assert {wallet.shown_as for wallet in desktop.status.wallets} >= {"desktop"}


async def test_a_circle_is_left_in_the_midst_of_a_look_at_an_account(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, one)
        note = await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: one[ONE].note(OLD) == note and one[ONE].blob(phone.root), "all is there")
        one[ONE].slow = 100.0
        phone.nudge()
        await trio.sleep(50)
        await phone.membership.leave_all()
        one[ONE].slow = 0.0
        await trio.sleep(7200)
        assert one[ONE].note(OLD) == note
        assert desktop.waiting


async def test_a_wallet_with_a_note_that_waits_leaves_the_circle(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, one)
        note = await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: desktop.waiting, "the desktop has met the note")
        await desktop.membership.leave_all()
        await trio.sleep(7200)
        assert (desktop.status.notes, desktop.status.servers) == ([], [])
        assert desktop.told("server.left_moved")
        assert one[ONE].note(OLD) == note
        assert desktop.device.coins() == {"OF phone": "1", "OF desktop": "1"}
        await phone.membership.forget("desktop")
        await until(lambda: phone.told("rotation.done"), "nobody is waited for", hours=0.01)


async def test_names_that_change_meanwhile_come_through(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, one)
        await phone.circle.rolling.rotate(["desktop"])
        await phone.membership.rename("handset")
        await until(lambda: desktop.waiting, "the desktop has met the note")
        await desktop.membership.rename("tower")
        await desktop.follow_the_one()
        await until(lambda: phone.told("rotation.done"), "all is done")
        for daemon in (phone, desktop):
            await until(
                lambda daemon=daemon: {wallet.shown_as for wallet in daemon.status.wallets} == {"handset", "tower"},
                "both know both",
            )


async def test_a_passphrase_seals_the_keys_that_hold_meanwhile(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, one)
        await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: desktop.waiting, "the desktop has met the note")
        for daemon in (phone, desktop):
            await daemon.circle.seal_secrets("an old house")
        await desktop.follow_the_one()
        await in_step(phone, desktop)
        for daemon in (phone, desktop):
            held, _ = load_or_create(daemon.circle.secrets_path, bytes, passphrase=Secret("an old house"))
            assert held.root == phone.root == desktop.root


async def test_nobody_is_invited_to_where_the_circle_has_left(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop = await pair(stack, folder, one)
        laptop = await stack.enter_async_context(rolling_daemon("laptop", folder, one))
        await in_step(phone, desktop, laptop)
        await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: desktop.waiting and laptop.state_of(ONE) == "moved", "both have met the note")
        with pytest.raises(Refusal, match=r"`walletsync approve R1`"):
            await desktop.membership.invite(None)
        with pytest.raises(Refusal, match="left this wallet out"):
            await laptop.membership.invite(None)
        await desktop.follow_the_one()
        assert await desktop.membership.invite(None)
