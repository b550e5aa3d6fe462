"""Requests to pause, to snooze and to go on. What was said holds over a restart of the daemon."""

import math
from functools import partial
from typing import Any

import trio

from daemon import logs, plan
from daemon.circle import Circle
from daemon.disk import DiskTrouble, is_of_the_disk
from daemon.logs import running
from daemon.state.pause import note_pause, paused_until
from daemon.times import rfc3339_or_none
from ipc.dispatch import Method
from ipc.messages import NoParams, PauseParams, PauseResult

LONGEST_SLEEP = 3600.0
"""Seconds after which the wall clock is looked at again: it may be set, and the machine may sleep meanwhile."""


class PauseDesk:
    """Lets syncing rest and go on, from ``recall`` on. ``run`` ends a snooze when its time has come."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle
        self._until: float | None = None
        self._changed = trio.Event()

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        return {
            "pause": Method(PauseParams, self._pause, changes=True),
            "resume": Method(NoParams, self._resume, changes=True),
        }

    async def recall(self) -> None:
        """Recall whether syncing rests since the last run. The syncers recall by themselves whether they rest."""
        state = self._circle.keeper.store.state
        self._note(await self._circle.exclusively(partial(paused_until, state, self._wall())))

    async def run(self) -> None:
        """End each snooze when its time has come, for ever."""
        while True:
            self._changed = trio.Event()
            with trio.move_on_after(self._longest_sleep()):
                await self._changed.wait()
            if self._until is not None and self._until <= self._wall():
                await self._go_on("its time was over")
                self._told(paused=False)

    def look_again(self) -> None:
        """Look at the wall clock anew: the machine was asleep."""
        self._changed.set()

    async def _pause(self, params: PauseParams) -> PauseResult:
        until = math.inf if params.seconds is None else self._wall() + params.seconds
        await self._keep(until)
        for syncer in self._circle.syncer_by_url.values():
            syncer.tell(plan.Paused(paused=True))
        logs.emit(running.DaemonPaused(until=_shown(until)))
        return self._told(paused=True)

    async def _resume(self, _params: NoParams) -> PauseResult:
        await self._go_on("a person asked for it")
        return self._told(paused=False)

    async def _go_on(self, reason: str) -> None:
        if self._until is None:
            return
        try:
            await self._keep(None)
        except DiskTrouble as error:
            if not is_of_the_disk(error) or self._until > self._wall():
                raise
            self._note(None)  # an end that is over is none after a restart either
        for syncer in self._circle.syncer_by_url.values():
            syncer.tell(plan.Paused(paused=False))
            syncer.tell(plan.Requested("resume"))
        logs.emit(running.DaemonResumed(reason=reason))

    def _told(self, *, paused: bool) -> PauseResult:
        result = PauseResult(paused=paused, until=_shown(self._until))
        self._circle.reporter.tell("daemon.paused", {"paused": result.paused, "until": result.until})
        self._circle.reporter.on_status()
        return result

    async def _keep(self, until: float | None) -> None:
        await self._circle.exclusively(partial(note_pause, self._circle.keeper.store.state, until))
        self._note(until)
        self._changed.set()

    def _note(self, until: float | None) -> None:
        self._until = self._circle.reporter.paused_until = until

    def _longest_sleep(self) -> float:
        if self._until is None or math.isinf(self._until):
            return math.inf
        return min(max(self._until - self._wall(), 0.0), LONGEST_SLEEP)

    def _wall(self) -> float:
        return self._circle.surroundings.wall()


def _shown(until: float | None) -> str | None:
    return rfc3339_or_none(None if until is None or math.isinf(until) else until)
