"""The daemon: opens every resource, and runs all tasks in one nursery.

Everything that is opened here is closed here, in the opposite order, however the daemon ends. Cancellation at any
point leaves wallet, state and servers consistent: every step of a sync can be repeated.
"""

import contextlib
import fcntl
import gc
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from config import __version__
from config.load import load_settings
from config.model import Settings
from config.paths import Paths, check_socket_paths, claims_folder
from config.profile import check_optional_sets, load_profile
from daemon import credentials, keys, logs, pulse
from daemon.blob.keys import wallet_keys
from daemon.blob.limits import Limits
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
from daemon.errors import HomeTaken, SecretsError, StateUnusable, WalletShared
from daemon.keeper.keeper import Keeper
from daemon.keeper.stamping import Identity
from daemon.keeper.store import Rules, Store
from daemon.keeper.vault import Vault
from daemon.logs import running
from daemon.lookout import Lookout
from daemon.notify import Notifier, watchdog_interval
from daemon.obeying import SIGNALS, Obeying
from daemon.plan import Timing
from daemon.reporting import Reporter
from daemon.secret import Secret
from daemon.server.kinds import ServerKinds
from daemon.state.database import StateDatabase
from daemon.status import summary
from daemon.surroundings import Surroundings, real_surroundings
from daemon.waking import Waking
from daemon.wallet.claim import Claim
from daemon.wallet.guest import Guest
from daemon.wallet.trouble import WalletTaken, WalletTrouble
from daemon.worker import Worker
from ipc import server as ipc_server
from ipc.base32 import encode
from ipc.dispatch import Method

T = TypeVar("T")

RUN_ID_BYTES = 8
DAY = 24 * 3600.0
SWITCH_INTERVAL = 0.0005
"""Seconds for which a thread that works on a sync may keep the event loop waiting for the interpreter."""


def exclusive(worker: Worker) -> Worker:
    """Make a worker that runs one function at a time: whoever touches the replica goes through it."""
    lock = trio.Lock()

    async def run(work: Callable[[], T], /) -> T:
        async with lock:
            return await worker(work)

    return run


async def serve(paths: Paths, notifier: Notifier) -> None:
    """Run the daemon of one home until SIGTERM or SIGINT. Raises WalletsyncError, ConfigError."""
    began = trio.current_time()
    sys.setswitchinterval(SWITCH_INTERVAL)
    settings = load_settings(paths.config_file)
    logs.configure(settings.log.level, settings.log.format)
    check_socket_paths(paths)
    logs.emit(running.DaemonStarted(version=__version__, home=paths.home or paths.config_file.parent))
    unlocked_by = credentials.find_passphrase(_secrets_of(paths))  # before signals are caught: it may wait for a person
    with (
        trio.open_signal_receiver(*SIGNALS) as signals,
        cut_short_after() as start_countdown,
        _locked(paths),
        _spool_folder(paths) as spool_folder,
        _listening(paths) as listening,
    ):
        async with _opened(paths, settings, unlocked_by, spool_folder) as circle:
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


@contextlib.asynccontextmanager
async def _opened(
    paths: Paths, settings: Settings, passphrase: Secret[str] | None, spool_folder: Path
) -> AsyncIterator[Circle]:
    """Open the databases, and a nursery for the tasks that work with them."""
    surroundings = real_surroundings()
    credential = credentials.secrets_credential()
    _check_keys_are_not_lost(paths)
    held, created = keys.load_or_create(paths.secrets, surroundings.ids, passphrase=passphrase, credential=credential)
    own = wallet_keys(held.wallet.reveal())
    if created:
        logs.emit(running.SecretsCreated(path=paths.secrets, wallet_id=own.id))
    identity = Identity(own.id, encode(own.sealing_key), settings.wallet.nickname)
    keeper = _open_keeper(paths, settings, surroundings, identity, held.wallet)
    try:
        exclusively = exclusive(surroundings.worker)
        reporter = Reporter(keeper, exclusively, surroundings, keeper.overview(), settings.wallet.profile)
        async with trio.open_nursery() as nursery:
            circle = Circle(
                secrets=held,
                secrets_path=paths.secrets,
                keeper=keeper,
                exclusively=exclusively,
                surroundings=surroundings,
                kinds=ServerKinds(surroundings, settings.network, settings.limits.max_sealed),
                timing=timing_of(settings),
                reporter=reporter,
                spool_folder=spool_folder,
                nursery=nursery,
            )
            yield circle
    finally:
        keeper.close()


def _check_keys_are_not_lost(paths: Paths) -> None:
    """Refuse to make new keys for a wallet that has had some. Raises SecretsError."""
    if paths.state_database.exists() and not _secrets_of(paths).exists():
        raise SecretsError(
            f"the secrets {paths.secrets} are gone, while {paths.state_database} is there: put back a copy of them,"
            f" give them as the credential {credentials.SECRETS}, or move the whole state folder away to begin anew as"
            " another wallet"
        )


def _secrets_of(paths: Paths) -> Path:
    """Return where the secrets lie, whether they are there or not."""
    return credentials.secrets_credential() or paths.secrets


def _open_keeper(
    paths: Paths, settings: Settings, surroundings: Surroundings, identity: Identity, wallet_seed: Secret[bytes]
) -> Keeper:
    wallet = settings.wallet
    profile = load_profile(wallet.profile)
    check_optional_sets(profile, wallet.optional_sets)
    claim = Claim(claims_folder(), paths.home or paths.config_file.parent)
    guest = Guest(wallet.path, profile, wallet.optional_sets, use_triggers=wallet.capture == "triggers", claim=claim)
    _check_wallet_is_not_shared(guest)
    vault = Vault(wallet_seed, surroundings.ids)
    state = StateDatabase(paths.state_database)
    identity = identity._replace(nickname=state.nickname(identity.nickname))
    store = Store(state, guest, surroundings, identity, vault, rules_of(settings))
    limits = settings.limits
    return Keeper(
        store,
        Limits(
            sealed_bytes=limits.max_sealed,
            plain_bytes=limits.max_plain,
            elements=limits.max_elements,
            key_bytes=limits.max_key,
            nesting=limits.max_nesting,
        ),
    )


def _check_wallet_is_not_shared(guest: Guest) -> None:
    """Refuse to work with a wallet database that the daemon of another home works with. Raises WalletShared."""
    try:
        guest.claim()
    except WalletTaken as taken:
        raise WalletShared(taken.reason) from taken
    except WalletTrouble:
        pass  # the first look tells it


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
    async def apply(changed: Settings) -> None:
        logs.configure(changed.log.level, changed.log.format)
        circle.timing = timing_of(changed)
        for syncer in circle.syncer_by_url.values():
            syncer.retime(circle.timing)
        store = circle.keeper.store
        store.rules = rules_of(changed)
        nickname = await circle.exclusively(partial(store.state.nickname, changed.wallet.nickname))
        if store.identity.nickname != nickname:
            store.identity = store.identity._replace(nickname=nickname)
            await circle.reporter.refresh()
            circle.changed()

    return Obeying(
        paths.config_file,
        settings,
        apply,
        circle.surroundings.worker,
        circle.reporter,
        notifier,
        lambda: summary(desk.status()),
    )


@contextlib.contextmanager
def _locked(paths: Paths) -> Iterator[None]:
    """Hold the lock that says: a daemon has this home. Raises HomeTaken."""
    try:
        paths.state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateUnusable(f"the state folder {paths.state_folder} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            home = paths.home or paths.state_folder
            raise HomeTaken(f"another daemon works in {home}: stop it, or choose another --home") from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _spool_folder(paths: Paths) -> Iterator[Path]:
    """Name the folder for sealed blobs on their way; what a killed run left there is removed."""
    folder = paths.state_folder / "spool"
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    yield folder


def timing_of(settings: Settings) -> Timing:
    """Return when to sync by these settings."""
    sync = settings.sync
    return Timing(
        interval=sync.interval,
        active_interval=sync.active_interval,
        active_for=sync.active_for,
        change_delay_min=sync.change_delay_min,
        change_delay_max=sync.change_delay_max,
        jitter=sync.jitter,
        retry_max=sync.retry_max,
        acknowledge_after=sync.acknowledge_after,
        stale_after=settings.keep.stale_after_days * DAY,
    )


def rules_of(settings: Settings) -> Rules:
    """Return what a person decides of the keeper's work by these settings."""
    keep, guard = settings.keep, settings.guard
    return Rules(keep.undo_days * DAY, guard.count, guard.share, keep.blob_days, keep.blob_size)
