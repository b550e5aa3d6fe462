"""A machine on which a rolling daemon is started, stopped and killed, and the person who sits before it."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path

import trio
from support.rolling_daemons import Effects, Killed, RollingDaemon, Shelves, rolling_daemon

from ipc.errors import Refusal


@dataclass
class Host:
    """One machine. Its clock is wrong by so many seconds. ``refusals`` are what the person was told."""

    name: str
    folder: Path
    servers: dict[str, Shelves]
    nursery: trio.Nursery
    skew: float
    daemon: RollingDaemon | None = None
    refusals: list[str] = field(default_factory=list)
    _stopping: trio.Event = field(default_factory=trio.Event)
    _ended: trio.Event = field(default_factory=trio.Event)

    @property
    def running(self) -> RollingDaemon:
        """The daemon, which runs."""
        assert self.daemon is not None
        return self.daemon

    async def start(self) -> None:
        """Have the daemon run."""
        if self.daemon is None:
            await self.nursery.start(self._run)

    async def stop(self) -> None:
        """Have it run no more."""
        if self.daemon is not None:
            self._stopping.set()
            await self._ended.wait()

    def kill_after(self, effects: int) -> None:
        """Kill it before so many more effects are done."""
        if self.daemon is not None:
            self.daemon.effects.kill_at = self.daemon.effects.count + effects

    async def does(self, action: Awaitable[object]) -> object:
        """Have the person do something; return what came of it, also a refusal. A kill in the midst of it ends it."""
        try:
            return await action
        except Refusal as refusal:
            self.refusals.append(str(refusal))
            return refusal
        except Killed:
            await self.stop()
            return None

    async def _run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self._stopping, self._ended = trio.Event(), trio.Event()
        try:
            async with rolling_daemon(
                self.name, self.folder, self.servers, effects=Effects(), skew=self.skew
            ) as self.daemon:
                task_status.started()
                await self._stopping.wait()
        except* Killed:
            pass
        finally:
            self.daemon = None
            self._ended.set()
