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
        """Start a server's syncer, and return once it waits for its first sync. Cancelled, it is not started."""

        async def run(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            task = _Task(trio.CancelScope(), trio.Event())
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
                self.by_url[address.url] = syncer
                stack.callback(self.by_url.pop, address.url)
                self._task_by_url[address.url] = task
                task_status.started()
                async with trio.open_nursery() as nursery:
                    if isinstance(server, Watchable):
                        nursery.start_soon(_watch, server, syncer.server_changed)
                    await syncer.run()

        await self.nursery.start(run)

    async def stop(self, urls: Iterable[str]) -> None:
        """Have these servers' syncers end, and wait until they have. Cancelled, they end all the same.

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
    """The task that syncs with one server: how to end it, and whether it has ended."""

    scope: trio.CancelScope
    ended: trio.Event


async def _watch(server: Watchable, changed: Callable[[], None]) -> None:
    async for _ in server.watch():
        changed()
