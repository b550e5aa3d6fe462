"""Opens what a run of the daemon works with: its home's lock, the wallet's keys, and both databases.

Each is closed where it was opened, however the daemon ends.
"""

import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import trio

from config.model import Settings
from config.paths import Paths, claims_folder
from config.profile import check_optional_sets, load_profile
from daemon import credentials, keys, logs
from daemon.blob.keys import wallet_keys
from daemon.circle import Circle
from daemon.errors import HomeTaken, SecretsError, StateUnusable, WalletShared
from daemon.keeper.keeper import Keeper
from daemon.keeper.stamping import Identity
from daemon.keeper.store import Store
from daemon.keeper.vault import Vault
from daemon.logs import belonging
from daemon.reporting import Reporter
from daemon.secret import Secret
from daemon.server.kinds import ServerKinds
from daemon.settings import limits_of, rules_of, timing_of
from daemon.state.database import StateDatabase
from daemon.surroundings import Surroundings, real_surroundings
from daemon.wallet.claim import Claim
from daemon.wallet.guest import Guest
from daemon.wallet.holder import this_process
from daemon.wallet.trouble import WalletTaken, WalletTrouble
from daemon.worker import exclusive
from ipc.base32 import encode


@contextlib.contextmanager
def locked(paths: Paths) -> Iterator[None]:
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


@contextlib.asynccontextmanager
async def opened(
    paths: Paths, settings: Settings, passphrase: Secret[str] | None, spool_folder: Path
) -> AsyncIterator[Circle]:
    """Open the databases, and a nursery for the tasks that work with them."""
    surroundings = real_surroundings()
    credential = credentials.secrets_credential()
    _check_keys_are_not_lost(paths)
    held, created = keys.load_or_create(paths.secrets, surroundings.ids, passphrase=passphrase, credential=credential)
    own = wallet_keys(held.wallet.reveal())
    if created:
        logs.emit(belonging.SecretsCreated(path=paths.secrets, wallet_id=own.id))
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
    if paths.state_database.exists() and not secrets_of(paths).exists():
        raise SecretsError(
            f"the secrets {paths.secrets} are gone, while {paths.state_database} is there: put back a copy of them,"
            f" give them as the credential {credentials.SECRETS}, or move the whole state folder away to begin anew as"
            " another wallet"
        )


def secrets_of(paths: Paths) -> Path:
    """Return where the secrets lie, whether they are there or not."""
    return credentials.secrets_credential() or paths.secrets


def _open_keeper(
    paths: Paths, settings: Settings, surroundings: Surroundings, identity: Identity, wallet_seed: Secret[bytes]
) -> Keeper:
    wallet = settings.wallet
    profile = load_profile(wallet.profile)
    check_optional_sets(profile, wallet.optional_sets)
    claim = Claim(claims_folder(), paths.home or paths.config_file.parent)
    guest = Guest(
        wallet.path,
        profile,
        wallet.optional_sets,
        use_triggers=wallet.capture == "triggers",
        claim=claim,
        holder=this_process(),
    )
    _check_wallet_is_not_shared(guest)
    vault = Vault(wallet_seed, surroundings.ids)
    state = StateDatabase(paths.state_database)
    identity = identity._replace(nickname=state.nickname(identity.nickname))
    store = Store(state, guest, surroundings, identity, vault, rules_of(settings))
    return Keeper(store, limits_of(settings))


def _check_wallet_is_not_shared(guest: Guest) -> None:
    """Refuse to work with a wallet database that the daemon of another home works with. Raises WalletShared."""
    try:
        guest.claim()
    except WalletTaken as taken:
        raise WalletShared(taken.reason) from taken
    except WalletTrouble:
        pass  # the first look tells it
