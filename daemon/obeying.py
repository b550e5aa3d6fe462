"""Obeys signals: SIGTERM and SIGINT end the daemon, SIGHUP has it read its settings anew."""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

from config.errors import ConfigError
from config.load import load_settings
from config.model import Settings
from daemon import logs
from daemon.logs import running
from daemon.notify import Notifier
from daemon.reload import differences, taken_over
from daemon.reporting import Reporter
from daemon.worker import Worker

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Apply = Callable[[Settings], Awaitable[None]]


class Obeying:
    """Does what signals say. ``apply`` makes settings hold; ``summary`` says in one line how the daemon is."""

    def __init__(
        self,
        config_file: Path,
        settings: Settings,
        apply: Apply,
        worker: Worker,
        reporter: Reporter,
        notifier: Notifier,
        summary: Callable[[], str],
    ) -> None:
        self._config_file = config_file
        self._settings = settings
        self._apply = apply
        self._worker = worker
        self._reporter = reporter
        self._notifier = notifier
        self._summary = summary

    async def until_asked_to_end(self, signals: AsyncIterator[int]) -> None:
        """Return when the daemon is to end. Cancellation leaves the settings as they were, or as they were read."""
        async for number in signals:
            if number != signal.SIGHUP:
                name = signal.Signals(number).name
                logs.emit(running.DaemonStopping(reason=name))
                self._notifier.stopping(f"ends on {name}")
                return
            self._notifier.reloading()
            await self._reload()
            self._notifier.ready(self._summary())

    async def _reload(self) -> None:
        try:
            read = await self._worker(partial(load_settings, self._config_file))
        except ConfigError as error:
            logs.emit(running.ConfigKept(path=self._config_file, message=str(error)))
            self._reporter.tell("config.kept", {"message": str(error)})
            return
        changed, restart = differences(self._settings, read)
        self._settings = taken_over(self._settings, read)
        await self._apply(self._settings)
        logs.emit(running.ConfigReloaded(changed=changed, restart=restart))
        self._reporter.tell("config.reloaded", {"changed": changed, "restart": restart})
