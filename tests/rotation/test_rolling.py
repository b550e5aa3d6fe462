"""Rolling over, with daemons of memory: who follows, who is left out, and what is never lost."""

from contextlib import AsyncExitStack

import trio
from support.devices import ROOT
from support.rolling_daemons import in_step, rolling_daemon, until

from daemon.secret import Secret

OLD = Secret(ROOT)
ONE, TWO = "file:///one/", "file:///two/"


async def test_the_kept_follow_once_confirmed_and_the_left_out_stop(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = [
            await stack.enter_async_context(rolling_daemon(name, folder, one))
            for name in ("phone", "desktop", "laptop")
        ]
        for daemon in (phone, desktop, laptop):
            daemon.coin(f"OF {daemon.device.name}", "1")
        await in_step(phone, desktop, laptop)

        note = await phone.circle.rolling.rotate(["desktop"])
        assert phone.root != OLD
        await until(lambda: desktop.state_of(ONE) == laptop.state_of(ONE) == "moved", "both have met the note")
        assert [met.note.code for met in desktop.waiting] == [note.code]
        assert laptop.waiting == []
        assert "left this wallet out" in laptop.message_of(ONE)
        assert note.code in desktop.message_of(ONE)

        phone.coin("NEW", "1")
        laptop.coin("UNSYNCED", "1")
        await trio.sleep(7200)
        assert desktop.root == laptop.root == OLD
        assert "NEW" not in desktop.device.coins()

        await desktop.follow_the_one()
        await in_step(phone, desktop)
        assert phone.root == desktop.root
        expected = {"OF phone": "1", "OF desktop": "1", "OF laptop": "1"}
        assert desktop.device.coins() == {**expected, "NEW": "1"}
        assert laptop.device.coins() == {**expected, "UNSYNCED": "1"}
        await until(lambda: phone.told("rotation.done"), "the phone knows that all have arrived")
        assert [data["wallet"] for data in phone.told("rotation.arrived")] == [desktop.id]
        assert {wallet.shown_as for wallet in phone.status.wallets} == {"phone", "desktop"}
        assert one[ONE].note(OLD) == note
