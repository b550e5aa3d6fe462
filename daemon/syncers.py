"""The running syncers: one task per server, which begins and ends while the daemon runs."""

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import trio

from daemon.blob.keys import ServerKeys
from daemon.exchange import Link, Objection
from daemon.keeper.keeper import Keeper
from daemon.plan import Timing
from daemon.reporting import Reporter
from daemon.server.base import Watchable
from daemon.server.kinds import ServerKinds
from daemon.server.urls import ServerUrl
from daemon.surroundings import Surroundings
from daemon.syncer import Syncer
from daemon.worker import Worker


@dataclass(kw_only=True)
class Syncers:
    """The syncers by their server's URL, each in a task of the nursery."""

    nursery: trio.Nursery
    kinds: ServerKinds
    keeper: Keeper
    exclusively: Worker
    surroundings: Surroundings
    reporter: Reporter
    spool_folder: Path
    by_url: dict[str, Syncer] = field(default_factory=dict, init=False)
    _task_by_url: dict[str, "_Task"] = field(default_factory=dict, init=False)

    async def start(
        self,
        address: ServerUrl,
        identity: str,
        memory: dict[str, str],
        *,
        keys: ServerKeys,
        timing: Timing,
        objection: Objection,
        on_news: Callable[[], None],
    ) -> None:
        """Start a server's syncer, and return once it knows what the last run left. Cancelled, it is not started.

        It syncs from ``begin`` on.
        """

        async def run(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            task = _Task()
            async with AsyncExitStack() as stack:
                stack.callback(task.ended.set)
                stack.enter_context(task.scope)
                server = await stack.enter_async_context(self.kinds.opened(address, identity, memory))
                link = Link(
                    url=address.url,
                    server=server,
                    keys=keys,
                    keeper=self.keeper,
                    exclusively=self.exclusively,
                    surroundings=self.surroundings,
                    reporter=self.reporter,
                    spool_folder=self.spool_folder,
                    objection=objection,
                )
                syncer = Syncer(link, memory=memory, timing=timing, on_news=on_news)
                await syncer.recall()
                self.by_url[address.url] = syncer  # at once, since a pause from now on is told to those found here
                stack.callback(self.by_url.pop, address.url)
                self._task_by_url[address.url] = task
                stack.callback(self._task_by_url.pop, address.url)
                if syncer.failure is not None:
                    self.reporter.on_sync_ended(syncer.failure, syncer.failure)
                task_status.started()
                await task.begun.wait()
                async with trio.open_nursery() as nursery:
                    if isinstance(server, Watchable):
                        nursery.start_soon(_watch, server, syncer.server_changed)
                    await syncer.run()

        await self.nursery.start(run)

    def begin(self) -> None:
        """Have all syncers that were started sync, now that none has to wait for another's work any more."""
        for task in self._task_by_url.values():
            task.begun.set()

    async def stop(self, urls: Iterable[str]) -> None:
        """Have those of these servers' syncers that run end, and wait until they have. Cancelled, they end too.

        Whoever follows a sync that they were at, or had yet to begin, is told that it ended.
        """
        tasks = [(self.by_url[url], self._task_by_url[url]) for url in urls if url in self.by_url]
        for _, task in tasks:
            task.scope.cancel()
        for syncer, task in tasks:
            await task.ended.wait()
            syncer.give_up()


@dataclass
class _Task:
    """The task that syncs with one server: how to end it, whether it may sync yet, and whether it has ended."""

    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    begun: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)


async def _watch(server: Watchable, changed: Callable[[], None]) -> None:
    async for _ in server.watch():
        changed()
