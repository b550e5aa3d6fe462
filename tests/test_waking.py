"""What tells that the machine was asleep or is on another network, as far as it can be told without either."""

import os

import pytest
import trio

from daemon import clocks
from daemon.waking import own_addresses


def test_a_machine_that_was_never_suspended_was_not_asleep_or_says_for_how_long():
    before = clocks.seconds_asleep()
    assert before > -0.001
    assert clocks.seconds_asleep() == pytest.approx(before, abs=0.5)


async def test_the_timer_on_the_wall_clock_waits_while_nobody_sets_it():
    with clocks.wall_clock_timer() as timer:
        with trio.move_on_after(0.05) as waiting:
            await clocks.wall_clock_set(timer)
        assert waiting.cancelled_caught
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(timer)


async def test_a_timer_that_is_cancelled_tells_that_the_clock_was_set(monkeypatch):
    reader, writer = os.pipe()
    os.write(writer, b"x")

    def cancelled(descriptor, size):
        raise OSError(125, "Operation canceled")

    monkeypatch.setattr("daemon.clocks.os.read", cancelled)
    with trio.fail_after(1):
        await clocks.wall_clock_set(reader)
    monkeypatch.undo()
    os.close(reader)
    os.close(writer)


def test_the_own_addresses_are_told_without_sending_anything():
    assert all(not address.startswith("127.") for address in own_addresses())
    assert own_addresses() == own_addresses()
