"""Looking after the accounts that were left: when each is looked at, and until when.

A look brings an account to holding the note (daemon.rotation.care). Looks come with the schedule, on a sign that the
account's server has changed or is there (again), and when a person asks for a sync; one that failed is tried again with
back-off. After a note had to be put back, the account is left alone for a while, for longer each time: two wallets of
which each holds the other's note for wrong would else overwrite each other without end.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import trio

from daemon import logs
from daemon.blob.keys import server_keys
from daemon.keeper import rolling as turns
from daemon.logs import rotating
from daemon.plan import FIRST_RETRY
from daemon.rotation.care import Care, Meet, Restored
from daemon.rotation.note import Note
from daemon.server.base import Conflict, Failure, Watchable
from daemon.server.urls import parse_server_url
from daemon.state.pause import paused_until
from daemon.state.rotations import OldAccount

if TYPE_CHECKING:
    from daemon.circle import Circle

Place = tuple[str, str]
"""What tells an account from all others that were left: its circle, and its server's identity."""


@dataclass
class _Task:
    """The task that looks after one account: how to wake and to end it, and what holds it up.

    ``restored`` counts how often the note had to be put back lately; where it stands at the time ``calm_at``, that is
    forgotten.
    """

    account: OldAccount
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)
    woken: trio.Event = field(default_factory=trio.Event)
    failure: Failure | None = None
    failures: int = 0
    restored: int = 0
    calm_at: float = 0.0

    def note(self, failure: Failure | None) -> bool:
        """Take in how a look ended; tell whether that is what was so before."""
        before, self.failure = self.failure, failure
        self.failures = self.failures + 1 if failure is not None else 0
        return before is not None and failure is not None and before.kind is failure.kind


class Aftercare:
    """Looks after all accounts that were left, for as long as there is something to be done for them."""

    def __init__(self, circle: "Circle", meet: Meet) -> None:
        self._circle = circle
        self._store = circle.keeper.store
        self._meet = meet
        self._task_by_place: dict[Place, _Task] = {}
        self._missing_by_note: dict[str, set[str]] = {}

    def failure_at(self, account: OldAccount) -> Failure | None:
        """Return what holds an account up, if something does."""
        task = self._task_by_place.get(_place(account))
        return task.failure if task is not None else None

    async def start(self) -> None:
        """Look after all accounts that need it from here on, those already looked after as well: at once."""
        for account in await self._circle.exclusively(self._store.rotations.accounts):
            if _place(account) not in self._task_by_place:
                self._task_by_place[_place(account)] = task = _Task(account)
                self._circle.nursery.start_soon(self._run, task)
        await self.look_at_arrivals()
        self.look_soon()

    async def readdressed(self, identity: str) -> None:
        """Go on with what was left at the server of this identity under the address that it has by now."""
        if any(task.account.identity == identity for task in self._task_by_place.values()):
            await self.rest()
            await self.start()

    async def rest(self) -> None:
        """Look after no account any more, until it is started anew. Cancelled, all looks end all the same."""
        tasks = list(self._task_by_place.values())
        for task in tasks:
            task.scope.cancel()
        for task in tasks:
            await task.ended.wait()

    def look_soon(self) -> None:
        """Look at all accounts now."""
        for task in self._task_by_place.values():
            task.woken.set()

    def reached(self, url: str) -> None:
        """Take notice that a server answers: an account there that was held up is tried again."""
        for task in self._task_by_place.values():
            if task.failure is not None and task.account.url == url:
                task.woken.set()

    async def look_at_arrivals(self) -> None:
        """Tell who has arrived, and end what nothing is left to be done for."""
        if not self._task_by_place:
            return
        for progress in await self._circle.exclusively(partial(turns.progress, self._store)):
            note, missing = progress.note, set(progress.missing)
            for wallet in sorted(self._missing_by_note.get(note.id, set()) - missing):
                logs.emit(rotating.RotationArrived(code=note.code, wallet=wallet))
                self._circle.reporter.tell("rotation.arrived", {"code": note.code, "wallet": wallet})
            self._missing_by_note[note.id] = missing
        for note in await self._circle.exclusively(partial(turns.finish_complete, self._store)):
            logs.emit(rotating.RotationDone(code=note.code))
            self._circle.reporter.tell("rotation.done", {"code": note.code})
            await self._circle.reporter.refresh()
            self.look_soon()

    async def _run(self, task: _Task) -> None:
        """Look after one account until nothing is left to be done for it, or until it is to rest."""
        try:
            with task.scope:
                await self._look_after(task)
        finally:
            self._task_by_place.pop(_place(task.account))
            task.ended.set()

    async def _look_after(self, task: _Task) -> None:
        account = task.account
        keys = server_keys(self._store.vault.open(account.root), account.identity)
        address = parse_server_url(account.url)
        async with (
            self._circle.kinds.opened(address, account.identity, account.memory) as server,
            trio.open_nursery() as nursery,
        ):
            care = Care(self._circle, account, server, keys, self._meet)
            if isinstance(server, Watchable):
                nursery.start_soon(_watch, server, task)
            while (due := await self._due(account)) is not None:
                task.woken = trio.Event()
                note, care.account = due
                if not await self._paused():
                    await self._look(task, care, note)
                with trio.move_on_after(self._pause_after(task)):
                    await task.woken.wait()
            nursery.cancel_scope.cancel()

    async def _due(self, account: OldAccount) -> tuple[Note, OldAccount] | None:
        """Return the note that belongs into an account now, or ``None`` if nothing is left to be done."""
        rotations = self._store.rotations
        for each in await self._circle.exclusively(rotations.accounts):
            if _place(each) == _place(account):
                notes = {each.number: each.note for each in await self._circle.exclusively(rotations.all)}
                return notes[each.rotation], each
        return None

    async def _paused(self) -> bool:
        wall = self._circle.surroundings.wall()
        return await self._circle.exclusively(partial(paused_until, self._store.state, wall)) is not None

    async def _look(self, task: _Task, care: Care, note: Note) -> None:
        """Look at an account until nobody comes between, and leave it alone for a while after it was restored."""
        outcome = await care.look(note)
        while isinstance(outcome, Conflict):
            await trio.sleep(self._circle.surroundings.chance.random())
            outcome = await care.look(note)
        failure = outcome if isinstance(outcome, Failure) else None
        repeated = task.note(failure)
        if failure is not None:
            url, message = task.account.url, failure.message
            logs.emit(rotating.RotationHeldUp(code=note.code, server=url, message=message, repeated=repeated))
        else:
            await self.look_at_arrivals()
        await self._circle.reporter.refresh()
        if isinstance(outcome, Restored):
            task.restored += 1
            await trio.sleep(self._back_off(task.restored))
            task.calm_at = trio.current_time() + self._circle.timing.interval
        elif trio.current_time() >= task.calm_at:
            task.restored = 0

    def _pause_after(self, task: _Task) -> float:
        if task.failure is not None:
            return self._back_off(task.failures)
        timing, draw = self._circle.timing, self._circle.surroundings.chance.random()
        return timing.interval * (1 + timing.jitter * (2 * draw - 1))

    def _back_off(self, times: int) -> float:
        longest, draw = self._circle.timing.retry_max, self._circle.surroundings.chance.random()
        return min(FIRST_RETRY * 2.0 ** min(times - 1, 30), longest) * (0.5 + draw / 2)


def _place(account: OldAccount) -> Place:
    return account.circle, account.identity


async def _watch(server: Watchable, task: _Task) -> None:
    async for _ in server.watch():
        task.woken.set()
