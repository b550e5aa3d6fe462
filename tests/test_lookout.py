"""Noticing commits of the wallet, as the file system's events allow it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import trio

from daemon.lookout import LOOK_AGAIN, Lookout


@dataclass
class FakeCircle:
    """A circle whose wallet has something new at the looks of these numbers."""

    news_at: set[int]
    looks: list[float] = field(default_factory=list)
    changed_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reporter = SimpleNamespace(wallet_state="ok")
        self.keeper = SimpleNamespace(committed_since=self._committed_since)

    async def exclusively(self, work: Callable[[], Any]) -> Any:
        return work()

    def changed(self) -> None:
        self.changed_at.append(trio.current_time())

    def _committed_since(self) -> bool:
        self.looks.append(trio.current_time())
        return len(self.looks) in self.news_at


async def watched(circle: FakeCircle, *told_at: float) -> None:
    """Have the lookout told at these times, and wait until it has nothing more to do."""
    lookout = Lookout(circle)  # type: ignore[arg-type]
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lookout.look_when_told)
        for at in told_at:
            await trio.sleep_until(began + at)
            lookout.tell()
        await trio.sleep(3600)
        nursery.cancel_scope.cancel()
    circle.looks = [at - began for at in circle.looks]


async def test_a_commit_that_is_to_be_seen_only_after_its_event_is_noticed(autojump_clock) -> None:
    circle = FakeCircle(news_at={3})
    await watched(circle, 1.0)
    assert len(circle.changed_at) == 1


async def test_nothing_is_looked_at_without_an_event_and_only_for_some_seconds_after_one(autojump_clock) -> None:
    circle = FakeCircle(news_at={1})
    await watched(circle, 10.0)
    assert len(circle.looks) == 1 + len(LOOK_AGAIN)
    assert circle.looks[0] == 10.0
    assert circle.looks[-1] < 20.0


async def test_an_event_that_comes_meanwhile_is_looked_at_at_once(autojump_clock) -> None:
    circle = FakeCircle(news_at=set())
    await watched(circle, 1.0, 3.0)
    assert 3.0 in circle.looks
    assert circle.changed_at == []
