"""Rolling over, with daemons of memory: who follows, who is left out, and what is never lost."""

import io
import itertools
from contextlib import AsyncExitStack, suppress

import pytest
import trio
from support.devices import LIMITS, ROOT
from support.rolling_daemons import Effects, Killed, Shelves, in_step, rolling_daemon, until

from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import server_keys, wallet_keys
from daemon.blob.schema import decode
from daemon.blob.seal import Context, open_sealed
from daemon.rotation.judging import Verdict
from daemon.rotation.note import open_box, read_note, write_note
from daemon.secret import Secret
from ipc.errors import Refusal

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


async def circle_of_three(stack: AsyncExitStack, folder, servers):
    """Return a phone, a desktop and a laptop that are in step."""
    daemons = [
        await stack.enter_async_context(rolling_daemon(name, folder, servers))
        for name in ("phone", "desktop", "laptop")
    ]
    for daemon in daemons:
        daemon.coin(f"OF {daemon.device.name}", "1")
    await in_step(*daemons)
    return daemons


async def test_the_left_out_can_read_nothing_new_with_all_its_keys(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await circle_of_three(stack, folder, one)
        known_before = set(one[ONE].blob_by_account.values())
        note = await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: desktop.waiting, "the desktop has met the note")
        await desktop.follow_the_one()
        phone.coin("NEW", "1")
        await in_step(phone, desktop)

        assert open_box(note, laptop.circle.secrets.wallet) is None
        keys = server_keys(OLD.reveal(), "one")
        new_blobs = [blob for blob in one[ONE].blob_by_account.values() if blob not in known_before]
        assert one[ONE].blob(phone.root) in new_blobs
        readable = []
        for blob, account, kind in itertools.product(
            new_blobs, (keys.account.public_key, *one[ONE].blob_by_account), ("state", "moved")
        ):
            with suppress(BlobUnreadable):
                context = Context(kind, account, "one")
                readable.append(b"".join(open_sealed(io.BytesIO(blob), keys.blob_key, context, LIMITS)))
        assert set(readable) == {note.text}


async def test_the_new_account_begins_with_the_rows_of_all_that_are_expected(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, _ = await circle_of_three(stack, folder, one)
        ids = {daemon.id for daemon in (phone, desktop)}
        await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: one[ONE].blob(phone.root), "the new account has a blob")
        keys = server_keys(phone.root.reveal(), "one")
        source = io.BytesIO(one[ONE].blob(phone.root) or b"")
        context = Context("state", keys.account.public_key, "one")
        head, entries = decode(open_sealed(source, keys.blob_key, context, LIMITS), LIMITS)
        list(entries)
        assert set(head.clocks) == ids

        phone.device.sql("DELETE FROM coins WHERE coin_pub = 'OF phone'")
        phone.circle.changed()
        await trio.sleep(86400)
        assert phone.device.tombstones() > 0, "the desktop has not seen that delete"
        await desktop.follow_the_one()
        await until(lambda: phone.device.tombstones() == 0, "the tombstones are gone", hours=80)
        assert "OF phone" not in desktop.device.coins()


async def test_what_was_stored_before_the_note_is_joined_and_the_kept_lose_nothing(folder, two, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, _ = await circle_of_three(stack, folder, two)
        two[TWO].down = True
        note = await phone.circle.rolling.rotate(["desktop"])
        await until(lambda: desktop.state_of(ONE) == "moved", "the desktop has met the note")
        two[TWO].down = False
        desktop.coin("LATE", "1")
        old = two[TWO].blob(OLD)
        await until(lambda: two[TWO].blob(OLD) != old, "the desktop says it, or the note is there")
        await until(lambda: two[TWO].note(OLD) == note, "the server that was away is moved")
        await until(lambda: two[TWO].blob(phone.root), "and has the new account")
        await desktop.follow_the_one()
        await in_step(phone, desktop)
        assert set(phone.device.coins()) == {"OF phone", "OF desktop", "OF laptop", "LATE"}
        await until(lambda: phone.told("rotation.done"), "all is done")


async def test_an_overwritten_note_is_put_back_until_the_kept_have_come(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await circle_of_three(stack, folder, one)
        state = one[ONE].blob(OLD)
        async with AsyncExitStack() as off:
            note = await phone.circle.rolling.rotate(["desktop"])
            await until(lambda: one[ONE].note(OLD) == note, "the note is there")
            forged = write_note(
                root=OLD,
                new_root=Secret(bytes(32)),
                wallet_seed=laptop.circle.secrets.wallet,
                kept={laptop.id: "laptop", desktop.id: "desktop"},
                left_out={phone.id: "phone"},
                time=1,
            )
            first, second, _ = forged.text.split(b"\n")
            unsigned = read_note(first.replace(b'"time":1', b'"time":2') + b"\n" + second + b"\n")
            one[ONE].put(OLD, state)
            await until(lambda: one[ONE].note(OLD) == note, "a state is replaced")
            for other in (forged, unsigned):
                one[ONE].put_note(OLD, other)
                await until(lambda: one[ONE].note(OLD) == note, "another note is replaced")
            one[ONE].put(OLD, b"garbage")
            await until(lambda: one[ONE].note(OLD) == note, "garbage is replaced")
            one[ONE].blob_by_account.pop(server_keys(OLD.reveal(), "one").account.public_key)
            await until(lambda: one[ONE].note(OLD) == note, "what is gone is put back")
            await off.aclose()
        assert [data["found"] for data in phone.told("rotation.restored")] == [
            "state",
            "another note",
            "another note",
            "garbage",
            "nothing",
        ]
        assert {met.note.id for met in phone.circle.reporter.overview.met} == set()
        await until(lambda: note.id in {met.note.id for met in desktop.waiting}, "the desktop has the right one")
        (met,) = [met for met in desktop.waiting if met.note.id == note.id]
        await desktop.circle.rolling.follow(met.number, met.note.code)
        await in_step(phone, desktop)
        await until(lambda: phone.told("rotation.done"), "all is done")


async def test_a_forged_note_is_shown_for_what_it_is_and_never_followed(folder, one, autojump_clock):
    async with AsyncExitStack() as stack:
        _, desktop, laptop = await circle_of_three(stack, folder, one)
        kept = {laptop.id: "laptop", desktop.id: "desktop"}
        stranger = Secret(b"a stranger's seed, of 32 bytes.."[:32])
        stranger_id = wallet_keys(stranger.reveal()).id
        new_root = Secret(bytes(32))

        def by(seed, kept):
            return write_note(root=OLD, new_root=new_root, wallet_seed=seed, kept=kept, left_out={}, time=1)

        genuine = by(laptop.circle.secrets.wallet, kept)
        first, second, _ = genuine.text.split(b"\n")
        unsigned = read_note(first.replace(b'"time":1', b'"time":2') + b"\n" + second + b"\n")
        unknown = by(stranger, {stranger_id: "phone", desktop.id: "desktop"})
        for forged, words in (
            (unsigned, "has not signed it"),
            (by(stranger, {stranger_id: "phone"}), "is not of the circle"),
            (unknown, "does not know"),
        ):
            one[ONE].put_note(OLD, forged)
            desktop.nudge()
            await until(lambda words=words: words in desktop.message_of(ONE), f"the desktop says: {words}")
            await trio.sleep(7200)
            assert desktop.root == OLD
            assert desktop.state_of(ONE) == "moved"
            assert one[ONE].note(OLD) == forged
        with pytest.raises(Refusal):
            await desktop.circle.rolling.follow(desktop.waiting[0].number, "0000-0000")
        await desktop.circle.rolling.reject(desktop.waiting[0].number)
        assert desktop.waiting == []
        desktop.nudge()
        await until(lambda: "you said no" in desktop.message_of(ONE), "it is shown as rejected")


@pytest.mark.parametrize("winner_first", [True, False])
async def test_of_two_roll_overs_at_once_the_smaller_holds_and_the_loser_follows(
    winner_first, folder, one, autojump_clock
):
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await circle_of_three(stack, folder, one)
        one[ONE].down = True
        notes = {}
        for daemon in (phone, desktop):
            notes[daemon.id] = await daemon.circle.rolling.rotate([phone.id, desktop.id, laptop.id])
        winner, loser = sorted((phone, desktop), key=lambda daemon: notes[daemon.id].rank)
        won, lost = notes[winner.id], notes[loser.id]
        loser.coin("BY THE LOSER", "1")
        winner.coin("BY THE WINNER", "1")
        one[ONE].put_note(OLD, won if winner_first else lost)
        one[ONE].down = False
        if not winner_first:
            laptop.nudge()
            await until(lambda: laptop.waiting, "the laptop has met the losing note")
            met = next(met for met in laptop.waiting if met.note.id == lost.id)
            await laptop.circle.rolling.follow(met.number, met.note.code)
            assert laptop.root == loser.root
        for daemon in (phone, desktop, laptop):
            daemon.nudge()
        await until(lambda: one[ONE].note(OLD) == won, "the winning note is there")
        for daemon in (loser, laptop):
            await until(lambda daemon=daemon: daemon.waiting, "each is asked to follow")
            await until(lambda daemon=daemon: won.id in {m.note.id for m in daemon.waiting}, "the winner's note is met")
            met = next(met for met in daemon.waiting if met.note.id == won.id)
            await daemon.circle.rolling.follow(met.number, met.note.code)
        await in_step(phone, desktop, laptop)
        assert phone.root == desktop.root == laptop.root
        assert {"BY THE LOSER", "BY THE WINNER"} <= set(laptop.device.coins())
        await until(lambda: winner.told("rotation.done"), "the winner knows that all have come")


async def test_two_that_leave_each_other_out_do_not_overwrite_each_other_without_end(folder, one, autojump_clock):
    one[ONE].watched = True
    async with AsyncExitStack() as stack:
        phone, desktop, laptop = await circle_of_three(stack, folder, one)
        one[ONE].down = True
        await phone.circle.rolling.rotate(["laptop"])
        await desktop.circle.rolling.rotate(["laptop"])
        one[ONE].down = False
        for daemon in (phone, desktop):
            daemon.nudge()
        await until(lambda: phone.told("rotation.restored") and desktop.told("rotation.restored"), "they are at it")
        stored = one[ONE].stored
        await trio.sleep(86400)
        assert one[ONE].stored < stored + 100
        await until(lambda: laptop.waiting, "the laptop has met one of them, and its person decides")


async def test_a_wallet_of_other_servers_hears_of_it_by_one_that_has_followed(folder, two, autojump_clock):
    first, second = {ONE: two[ONE]}, {TWO: two[TWO]}
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(rolling_daemon("phone", folder, first))
        desktop = await stack.enter_async_context(rolling_daemon("desktop", folder, two))
        laptop = await stack.enter_async_context(rolling_daemon("laptop", folder, second))
        for daemon in (phone, desktop, laptop):
            daemon.coin(f"OF {daemon.device.name}", "1")
        await in_step(phone, desktop, laptop)
        note = await phone.circle.rolling.rotate(["desktop", "laptop"])
        await until(lambda: desktop.waiting, "the desktop has met the note")
        assert laptop.waiting == []
        await desktop.follow_the_one()
        await until(lambda: laptop.waiting, "the desktop has left the note on the other server")
        assert laptop.waiting[0].note == note
        await laptop.follow_the_one()
        await in_step(phone, desktop, laptop)
        await until(lambda: phone.told("rotation.done"), "the phone knows that all have come", hours=30)


async def test_a_wallet_that_was_away_for_months_follows_once_confirmed(folder, one, autojump_clock):
    async with rolling_daemon("phone", folder, one) as phone:
        async with rolling_daemon("desktop", folder, one) as desktop:
            await in_step(phone, desktop)
        async with rolling_daemon("tablet", folder, one) as tablet:
            await in_step(phone, tablet)
            note = await tablet.circle.rolling.rotate(["phone", "desktop"])
            await until(lambda: phone.waiting, "the phone has met the note")
            await phone.follow_the_one()
            await until(lambda: tablet.told("rotation.arrived"), "the tablet knows that the phone has come")
            assert not tablet.told("rotation.done")
            (rotation,) = tablet.status.rotations
            arrived = {wallet.shown_as: wallet.arrived for wallet in rotation.kept}
            assert arrived == {"phone": True, "desktop": False, "tablet": True}
    await trio.sleep(200 * 86400)
    async with AsyncExitStack() as stack:
        desktop, phone, tablet = [
            await stack.enter_async_context(rolling_daemon(name, folder, one))
            for name in ("desktop", "phone", "tablet")
        ]
        desktop.coin("OFFLINE", "1")
        await until(lambda: desktop.waiting, "the desktop has met the note")
        (met,) = desktop.waiting
        assert (met.note, met.verdict) == (note, Verdict.STRANGER), "it never heard of the tablet before"
        await desktop.follow_the_one()
        await in_step(phone, tablet, desktop)
        assert "OFFLINE" in tablet.device.coins()
        await until(lambda: tablet.told("rotation.done"), "the tablet knows that all have come")


async def is_killed(who: str, n: int, folder, servers) -> bool:
    """Roll over and follow, ``who`` of both killed before its effect number n from there on. Tell if it was.

    Killed or not, started again both come to the same end.
    """
    effects = {"phone": Effects(), "desktop": Effects()}
    killed = False
    async with AsyncExitStack() as stack:
        laptop = await stack.enter_async_context(rolling_daemon("laptop", folder, servers))
        try:
            async with AsyncExitStack() as both:
                phone, desktop = [
                    await both.enter_async_context(rolling_daemon(name, folder, servers, effects=effects[name]))
                    for name in effects
                ]
                phone.coin("OF phone", "1")
                await in_step(phone, desktop, laptop)
                if who == "phone":
                    effects[who].kill_at = effects[who].count + n
                await phone.circle.rolling.rotate(["desktop"])
                await until(lambda: desktop.waiting, "the desktop has met the note")
                if who == "desktop":
                    effects[who].kill_at = effects[who].count + n
                await desktop.follow_the_one()
                await trio.sleep(10)
                effects[who].kill_at = None
        except* Killed:
            killed = True
        phone, desktop = [await stack.enter_async_context(rolling_daemon(name, folder, servers)) for name in effects]
        if phone.root == OLD:
            assert servers[ONE].note(OLD) is None, "nothing was published"
            await phone.circle.rolling.rotate(["desktop"])
        if desktop.root == OLD:
            await until(lambda: desktop.waiting, "the desktop has met the note")
            await desktop.follow_the_one()
        phone.coin("NEW", "1")
        await in_step(phone, desktop)
        assert phone.root == desktop.root != OLD
        assert set(desktop.device.coins()) == {"OF phone", "NEW"}
        for daemon in (laptop, phone, desktop):
            daemon.nudge()
        await until(lambda: laptop.state_of(ONE) == "moved", "the laptop knows that it was left out")
        await until(lambda: not phone.status.rotations and not desktop.status.rotations, "all is done")
    return killed


@pytest.mark.parametrize("who", ["phone", "desktop"])
@pytest.mark.parametrize("start", range(1, 33, 8))
async def test_killed_before_any_effect_it_finishes_or_nothing_has_happened(who, start, folder, autojump_clock):
    for n in range(start, start + 8):
        if not await is_killed(who, n, folder / str(n), {ONE: Shelves("one")}):
            assert n > 15, "there are more effects than that"
            break
