"""The daemon: opens every resource, and runs all tasks in one nursery.

Everything that is opened here is closed here, in the opposite order, however the daemon ends. Cancellation at any
point leaves wallet, state and servers consistent: every step of a sync can be repeated.
"""

import contextlib
import fcntl
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import trio

from config import __version__
from config.load import load_settings
from config.model import Settings
from config.paths import Paths, check_socket_paths
from config.profile import check_optional_sets, load_profile
from daemon import keys, logs
from daemon.base32 import encode
from daemon.blob.keys import wallet_keys
from daemon.blob.limits import Limits
from daemon.circle import Circle
from daemon.control import CircleDesk, StatusDesk, SyncDesk, methods
from daemon.errors import HomeTaken, StateUnusable
from daemon.keeper.keeper import Keeper
from daemon.keeper.stamping import Identity
from daemon.keeper.store import Rules, Store
from daemon.keeper.vault import Vault
from daemon.logs import running
from daemon.notify import Notifier, watchdog_interval
from daemon.plan import Timing
from daemon.reporting import Reporter
from daemon.secret import Secret
from daemon.server.kinds import ServerKinds
from daemon.state.database import StateDatabase
from daemon.status import summary
from daemon.surroundings import Surroundings, real_surroundings
from daemon.wallet.guest import Guest, WalletTrouble
from daemon.wallet.watch import watch_folder
from daemon.worker import Worker
from ipc import server as ipc_server

T = TypeVar("T")

RUN_ID_BYTES = 8


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
    settings = load_settings(paths.config_file)
    logs.configure(settings.log.level, settings.log.format)
    check_socket_paths(paths)
    logs.emit(running.DaemonStarted(version=__version__, home=paths.home or paths.config_file.parent))
    with _locked(paths), _spool_folder(paths) as spool_folder:
        async with _opened(paths, settings, spool_folder) as circle:
            desk = StatusDesk(circle, settings)
            async with _listening(paths, circle, desk):
                await circle.start_enrolled()
                _say_ready(circle, notifier, desk, trio.current_time() - began)
                await _until_asked_to_end(notifier)
                circle.nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def _opened(paths: Paths, settings: Settings, spool_folder: Path) -> AsyncIterator[Circle]:
    """Open the databases, and a nursery for the tasks that work with them."""
    surroundings = real_surroundings()
    held, created = keys.load_or_create(paths.secrets, surroundings.ids)
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
                kinds=ServerKinds(surroundings, settings.network),
                timing=_timing(settings),
                reporter=reporter,
                spool_folder=spool_folder,
                nursery=nursery,
            )
            await _look_at_wallet(circle)
            nursery.start_soon(_watch_wallet, circle)
            yield circle
    finally:
        keeper.close()


def _open_keeper(
    paths: Paths, settings: Settings, surroundings: Surroundings, identity: Identity, wallet_seed: Secret[bytes]
) -> Keeper:
    wallet = settings.wallet
    profile = load_profile(wallet.profile)
    check_optional_sets(profile, wallet.optional_sets)
    guest = Guest(wallet.path, profile, wallet.optional_sets, use_triggers=wallet.capture == "triggers")
    rules = Rules(settings.keep.undo_days * 24 * 3600.0, settings.guard.count, settings.guard.share)
    vault = Vault(wallet_seed, surroundings.ids)
    store = Store(StateDatabase(paths.state_database), guest, surroundings, identity, vault, rules)
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


@contextlib.asynccontextmanager
async def _listening(paths: Paths, circle: Circle, desk: StatusDesk) -> AsyncIterator[None]:
    """Answer on the sockets, and publish events there."""
    identity = ipc_server.Identity(run=secrets.token_hex(RUN_ID_BYTES), version=__version__, pid=os.getpid())
    async with ipc_server.serve(
        paths.control_socket,
        paths.events_socket,
        methods(desk, SyncDesk(circle), CircleDesk(circle)),
        identity=identity,
        on_fault=lambda method, fault: logs.emit(running.IpcFault(method=method), error=fault),
    ) as listening:
        circle.reporter.publish = listening.publish
        yield


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
    interval = watchdog_interval()
    if interval is not None:
        circle.nursery.start_soon(_feed_watchdog, notifier, interval)


async def _feed_watchdog(notifier: Notifier, interval: float) -> None:
    while True:
        notifier.feed_watchdog()
        await trio.sleep(interval)


async def _until_asked_to_end(notifier: Notifier) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            name = signal.Signals(number).name
            logs.emit(running.DaemonStopping(reason=name))
            notifier.stopping(f"ends on {name}")
            return


async def _look_at_wallet(circle: Circle) -> None:
    """Find out whether the wallet database can be used, so that status tells it before the first sync."""
    trouble: WalletTrouble | None = None
    try:
        await circle.exclusively(circle.keeper.store.guest.refresh)
    except WalletTrouble as found:
        trouble = found
    circle.reporter.wallet_trouble(trouble)


async def _watch_wallet(circle: Circle) -> None:
    """Tell the plans whenever someone else has committed to the wallet database."""
    looks = trio.Event()

    async def look_when_told() -> None:
        nonlocal looks
        while True:
            await looks.wait()
            looks = trio.Event()
            if await _committed(circle):
                circle.changed()

    path = circle.keeper.store.guest.path
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look_when_told)
        await watch_folder(path.parent, path.name, lambda: looks.set())


async def _committed(circle: Circle) -> bool:
    """Tell whether there is something to capture; note whether the wallet can be used."""
    before = circle.reporter.wallet_state
    try:
        changed = await circle.exclusively(circle.keeper.committed_since)
    except WalletTrouble as trouble:
        circle.reporter.wallet_trouble(trouble)
        return False
    if before != "ok":
        await _look_at_wallet(circle)
        return circle.reporter.wallet_state == "ok"
    return changed


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


def _timing(settings: Settings) -> Timing:
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
    )
