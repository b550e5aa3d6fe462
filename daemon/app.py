"""The daemon as a whole: has every resource opened (daemon.opening), and all tasks run in one nursery.

Everything is closed in the opposite order, however the daemon ends. Cancellation at any point leaves wallet, state and
servers consistent: every step of a sync can be repeated.
"""

import contextlib
import gc
import os
import secrets
import sys
from functools import partial
from typing import Any

import trio

from config import __version__
from config.load import load_settings
from config.model import Settings
from config.paths import Paths, check_socket_paths
from daemon import credentials, logs, pulse
from daemon.circle import Circle
from daemon.control import (
    CircleDesk,
    Desk,
    DetachDesk,
    ExplainDesk,
    RotationDesk,
    StatusDesk,
    SyncDesk,
    UndoDesk,
    methods,
    telling_of_the_disk,
)
from daemon.control.pausing import PauseDesk
from daemon.ending import cut_short_after
from daemon.logs import running
from daemon.lookout import Lookout
from daemon.notify import Notifier, watchdog_interval
from daemon.obeying import SIGNALS, Obeying
from daemon.opening import locked, opened, secrets_of
from daemon.settings import make_hold
from daemon.spooling import spool_folder
from daemon.status import summary
from daemon.waking import Waking
from ipc import server as ipc_server
from ipc.dispatch import Method

RUN_ID_BYTES = 8
SWITCH_INTERVAL = 0.0005
"""Seconds for which a thread that works on a sync may keep the event loop waiting for the interpreter."""


async def serve(paths: Paths, notifier: Notifier) -> None:
    """Run the daemon of one home until SIGTERM or SIGINT. Raises WalletsyncError, ConfigError."""
    began = trio.current_time()
    sys.setswitchinterval(SWITCH_INTERVAL)
    settings = load_settings(paths.config_file)
    logs.configure(settings.log.level, settings.log.format)
    check_socket_paths(paths)
    logs.emit(running.DaemonStarted(version=__version__, home=paths.home or paths.config_file.parent))
    unlocked_by = credentials.find_passphrase(secrets_of(paths))  # before signals are caught: it may wait for a person
    with (
        trio.open_signal_receiver(*SIGNALS) as signals,
        cut_short_after() as start_countdown,
        locked(paths),
        spool_folder(paths) as spools,
        _listening(paths) as listening,
    ):
        async with opened(paths, settings, unlocked_by, spools) as circle:
            circle.reporter.publish = listening.publish
            desk, pausing = StatusDesk(circle, settings), PauseDesk(circle)
            obeying = _obeying(paths, settings, circle, notifier, desk)
            await _begin(circle, pausing, notifier, settings)
            _spare_what_stays()
            async with listening.answering(_methods(paths, circle, desk, pausing), _ipc_failed):
                _say_ready(circle, notifier, desk, trio.current_time() - began)
                await obeying.until_asked_to_end(signals)
                start_countdown()
                circle.nursery.cancel_scope.cancel()


def _listening(paths: Paths) -> contextlib.AbstractContextManager[ipc_server.Server]:
    """Listen on the sockets; who calls is answered once all that a true answer needs is known."""
    identity = ipc_server.Identity(run=secrets.token_hex(RUN_ID_BYTES), version=__version__, pid=os.getpid())
    return ipc_server.listening(paths.control_socket, paths.events_socket, identity=identity)


def _methods(paths: Paths, circle: Circle, *desks: Desk) -> dict[str, Method[Any]]:
    """Return all that the daemon answers, but for what the sockets themselves do."""
    further = (SyncDesk, CircleDesk, UndoDesk, RotationDesk, ExplainDesk, DetachDesk)
    return telling_of_the_disk(methods(*desks, *(desk(circle) for desk in further)), paths.state_folder)


def _ipc_failed(method: str, fault: BaseException) -> None:
    logs.emit(running.IpcFault(method=method), error=fault)


def _spare_what_stays() -> None:
    """Have the garbage collector look no more at what was made for the whole run.

    It holds the interpreter, and so the event loop, while it looks at everything that it does not spare.
    """
    gc.collect()
    gc.freeze()


def _say_ready(circle: Circle, notifier: Notifier, desk: StatusDesk, seconds: float) -> None:
    identity = circle.keeper.store.identity
    logs.emit(
        running.DaemonReady(
            wallet_id=identity.wallet_id,
            nickname=identity.nickname,
            servers=len(circle.syncer_by_url),
            seconds=seconds,
        )
    )
    notifier.ready(summary(desk.status()))
    circle.reporter.on_status = lambda: notifier.status(summary(desk.status()))


async def _begin(circle: Circle, pausing: PauseDesk, notifier: Notifier, settings: Settings) -> None:
    """Start the syncers, the tasks that tell their plans what happens, and the one that feeds the watchdog.

    When this returns, all that is asked of the daemon can be answered truly.
    """
    lookout, waking = Lookout(circle), Waking(circle, pausing.look_again)
    circle.reporter.on_sync_ended = waking.sync_ended
    await pausing.recall()
    await lookout.look()
    await circle.start_enrolled()
    for task in (lookout.run, pausing.run, waking.watch_clock, waking.watch_network):
        circle.nursery.start_soon(task)
    interval = watchdog_interval()
    if interval is not None:
        find_stalled = partial(pulse.stalled, circle, lookout, settings.network.timeout)
        circle.nursery.start_soon(pulse.feed, notifier.feed_watchdog, interval, find_stalled)


def _obeying(paths: Paths, settings: Settings, circle: Circle, notifier: Notifier, desk: StatusDesk) -> Obeying:
    return Obeying(
        paths.config_file,
        settings,
        partial(make_hold, circle),
        circle.surroundings.worker,
        circle.reporter,
        notifier,
        lambda: summary(desk.status()),
    )
