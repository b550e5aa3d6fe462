"""One server's syncer: waits as its plan says, and syncs (daemon.exchange).

Whatever fails, fails for this server alone, and is remembered over a restart (daemon.lessons).
"""

import contextlib
from collections.abc import Callable, Mapping
from functools import partial

import trio

from daemon import plan
from daemon.exchange import Exchange, Link, SyncResult
from daemon.lessons import Lessons
from daemon.server.base import Failure
from daemon.state.pause import paused_until
from daemon.state.servers import Trouble
from daemon.trouble import failure_of, remembering, trouble_of
from ipc.state import SyncReason

SYNC_ID_BYTES = 8
STOPPED = "stopped"
"""The outcome of a sync that did not come to its end: the server was left, or its address or the keys are others."""


class Syncer:
    """Syncs with one server, for as long as ``run`` runs. ``on_news``: the other servers may have to be told."""

    def __init__(
        self,
        link: Link,
        *,
        memory: Mapping[str, str],
        timing: plan.Timing,
        on_news: Callable[[], None],
    ) -> None:
        self.url = link.url
        self.server = link.server
        self.failure: Failure | None = None
        self.failing_since: float | None = None
        self.plan = plan.first_plan(trio.current_time())
        self._link = link
        self._exchange: Exchange | None = None
        self._lessons = Lessons(link, memory)
        self._keeper = link.keeper
        self._exclusively = link.exclusively
        self._surroundings = link.surroundings
        self._timing = timing
        self._reporter = link.reporter
        self._on_news = on_news
        self._new_order = False
        self._requested_ids: list[str] = []
        self._running_ids: list[str] = []
        self._woken = trio.Event()

    def tell(self, event: plan.Event) -> None:
        """Take an event into the plan, and act on it."""
        self.plan = plan.step(self.plan, event, trio.current_time(), self._timing)
        self._woken.set()

    def changed(self) -> None:
        """Note that the wallet has changed."""
        self.tell(plan.Changed(self._draw()))

    def server_changed(self) -> None:
        """Note that the server's blob may have changed, or that it is there again."""
        self.tell(plan.ServerChanged(self._draw()))

    def may_be_back(self) -> None:
        """Note a sign that servers which could not be reached can be reached again."""
        self.tell(plan.MayBeBack(self._draw()))

    def watched(self) -> None:
        """Note that somebody watches."""
        self.tell(plan.Watched(self._draw()))

    def retime(self, timing: plan.Timing) -> None:
        """Go by other settings from now on."""
        self._timing = timing
        self.tell(plan.Retimed(self._draw()))

    def request(self, reason: SyncReason, sync_id: str, *, new_order: bool = False) -> None:
        """Ask for a sync now; what comes of it is told under this id (too).

        With ``new_order`` a server that wants to be paid is asked for a new order, since the one it made before cannot
        be paid any more.
        """
        self._requested_ids.append(sync_id)
        self._new_order |= new_order
        self.tell(plan.Requested(reason))
        self._put_off()

    def stalled_for(self) -> float:
        """Return for how many seconds a running sync has made no step."""
        return 0.0 if self._exchange is None else trio.current_time() - self._exchange.stepped_at

    async def run(self) -> None:
        """Sync whenever it is due, until cancelled. Cancellation leaves wallet, replica and server consistent."""
        while True:
            await self._until_due()
            reason, acknowledge = self.plan.reason, self.plan.acknowledge
            self.tell(plan.SyncBegan())
            ids = self._requested_ids or [self._surroundings.ids(SYNC_ID_BYTES).hex()]
            self._requested_ids, self._running_ids = [], ids
            await self._sync_and_tell(ids, reason, acknowledge=acknowledge)
            self._running_ids = []

    def give_up(self) -> None:
        """Tell the end of the syncs that were cancelled, or have not begun, for this syncer runs no more."""
        ids = [*self._running_ids, *self._requested_ids]
        self._running_ids = self._requested_ids = []
        self._reporter.put_off(ids, self.url, STOPPED, "syncing with this server was stopped before it was done")

    async def recall(self) -> None:
        """Take up where the last run left off: with its back-off, and resting if it rested. To be done before ``run``.

        Cancelled, nothing is taken up.
        """
        record = await self._exclusively(partial(self._keeper.record, self.url))
        wall = self._surroundings.wall()
        if await self._exclusively(partial(paused_until, self._keeper.store.state, wall)) is not None:
            self.tell(plan.Paused(paused=True))
        self._lessons.recall(record.trouble)
        if record.trouble is not None:
            self.failure, self.failing_since = failure_of(record.trouble), record.trouble.since
            self.plan = remembering(self.plan, record.trouble, trio.current_time(), wall, self._timing)

    def _draw(self) -> float:
        return self._surroundings.chance.random()

    def _put_off(self) -> None:
        """End the syncs asked for that cannot begin now, since whoever follows one must not wait for hours."""
        due = plan.wake_at(self.plan)
        if self.plan.syncing or not self._requested_ids or (due is not None and due <= trio.current_time()):
            return
        ids, self._requested_ids = self._requested_ids, []
        outcome = "paused" if due is None or self.failure is None else self.failure.kind.value
        wait = "until it is resumed" if due is None else f"for {due - trio.current_time():.0f} s"
        reason = f": {self.failure.message}" if due is not None and self.failure is not None else ""
        self._reporter.put_off(ids, self.url, outcome, f"syncing with this server rests {wait}{reason}")

    async def _until_due(self) -> None:
        while (due := plan.wake_at(self.plan)) is None or due > trio.current_time():
            self._woken = trio.Event()
            with trio.move_on_at(due) if due is not None else contextlib.nullcontext():
                await self._woken.wait()

    async def _sync_and_tell(self, ids: list[str], reason: SyncReason, *, acknowledge: bool) -> None:
        began = trio.current_time()
        self._reporter.sync_started(ids, self.url, reason)
        result = await self._sync(ids, acknowledge=acknowledge)
        await self._lessons.keep(result.failure)
        ended = self._end_of(result)
        since = None if result.failure is None else self.failing_since or self._surroundings.wall()
        await self._lessons.keep_trouble(self._trouble(result.failure, since, ended))
        previous, self.failure, self.failing_since = self.failure, result.failure, since
        self.tell(ended)
        await self._pass_on(result)
        await self._reporter.sync_ended(
            ids, self.url, reason, result, previous, seconds=trio.current_time() - began, retry_in=self._retry_in()
        )
        self._lessons.warn(self.failure, self.failing_since, self._timing)
        self._put_off()

    def _end_of(self, result: SyncResult) -> plan.SyncEnded | plan.SyncFailed:
        """Return what the end of a sync is to the plan."""
        if result.failure is None:
            return plan.SyncEnded(self._draw(), result.active, result.owes)
        return plan.SyncFailed(self._draw(), result.failure.kind, result.failure.retry_after)

    async def _pass_on(self, result: SyncResult) -> None:
        """Have the other servers learn what this sync brought, or do without what this server held."""
        given_up = result.failure is not None and await self._exclusively(partial(self._keeper.give_up_on, self.url))
        if given_up or (result.failure is None and result.active):
            self._on_news()

    async def _sync(self, ids: list[str], *, acknowledge: bool) -> SyncResult:
        new_order, self._new_order = self._new_order, False
        self._exchange = Exchange(self._link, ids, acknowledge=acknowledge, new_order=new_order)
        result = await self._exchange.run()
        self._exchange = None
        self._new_order |= new_order and not result.sent
        return result

    def _trouble(self, failure: Failure | None, since: float | None, ended: plan.Event) -> Trouble | None:
        """Return what is to be remembered of why the sync failed, if it did: before anybody is told of it."""
        if failure is None or since is None:
            return None
        now, wall = trio.current_time(), self._surroundings.wall()
        return trouble_of(failure, since, plan.step(self.plan, ended, now, self._timing), now, wall)

    def _retry_in(self) -> float | None:
        due = plan.wake_at(self.plan)
        return None if due is None else max(0.0, due - trio.current_time())
