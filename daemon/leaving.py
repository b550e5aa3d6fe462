"""Leaving a server: this wallet's row goes from its clocks, or all that the account holds does.

Leaving works offline. What is left to be done at the server is remembered, with the server's URL and identity and the
account's keys, sealed, and tried again until it is done or the account is enrolled anew. So it is done also where the
whole circle was left, and its root secret forgotten. What the blob holds is not joined any more: it is written back as
it was read, but for the row.

An account that was emptied still names the other wallets in its clocks, as having seen nothing. Those that go on with
it put what they hold there again (daemon.keeper.merge), wait for each other as before, and for the one that left no
more.

Where a note that the account has moved lies by then, there is nothing of this wallet left to be taken out. The note
stays, also where the account was to be emptied: it leads the wallets kept to the new one, and no copy is in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from pathlib import Path

import trio

from daemon import logs
from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import SECRET_BYTES, ServerKeys, keys_from
from daemon.blob.limits import Limits
from daemon.blob.schema import Head, decode, encode
from daemon.blob.seal import Context, open_sealed, seal
from daemon.disk import DiskTrouble, is_of_the_disk
from daemon.keeper.keeper import Keeper
from daemon.keeper.vault import Vault
from daemon.logs import belonging
from daemon.reporting import Reporter
from daemon.rotation.finding import UnreadableNote, find
from daemon.rotation.note import Note
from daemon.server.base import Conflict, Failure, FailureKind, Fetched, NoBlob, Server, Stored, Unchanged
from daemon.server.kinds import ServerKinds
from daemon.server.urls import parse_server_url
from daemon.spooling import spooled
from daemon.state.servers import LeftAccount
from daemon.surroundings import Surroundings
from daemon.worker import Worker
from ipc import base32

FIRST_RETRY = 60.0
LONGEST_RETRY = 6 * 3600.0


@dataclass(frozen=True)
class Departure:
    """What is to be done at one server: take this wallet's row out, or empty the account."""

    identity: str
    wallet_id: str
    erase: bool


class Departed(Enum):
    """How a departure ended: all is done, or the account holds a note that it has moved."""

    DONE = auto()
    MOVED = auto()


class Departures:
    """Does what is left to be done at accounts that were left, each in a task of its own."""

    def __init__(
        self,
        keeper: Keeper,
        exclusively: Worker,
        surroundings: Surroundings,
        kinds: ServerKinds,
        reporter: Reporter,
        spool_folder: Path,
        nursery: trio.Nursery,
    ) -> None:
        self._keeper = keeper
        self._exclusively = exclusively
        self._surroundings = surroundings
        self._kinds = kinds
        self._reporter = reporter
        self._spool_folder = spool_folder
        self._nursery = nursery
        self._scope_by_account: dict[str, trio.CancelScope] = {}

    def left(self, url: str, identity: str, keys: ServerKeys, *, erase: bool) -> LeftAccount:
        """Return what is to be remembered of an account that is left."""
        return left_account(url, identity, keys, self._keeper.store.vault, erase=erase)

    async def go_on(self) -> None:
        """Go on with what earlier runs have left to be done."""
        self.start(await self._exclusively(self._keeper.store.servers.departures))

    def start(self, left: Iterable[LeftAccount]) -> None:
        """Begin with these."""
        for each in left:
            self._nursery.start_soon(self._depart, each)

    async def call_off(self, keys: ServerKeys) -> None:
        """Leave an account as it is, since it is taken up again, perhaps under another URL."""
        scope = self._scope_by_account.pop(account_name(keys), None)
        if scope is not None:
            scope.cancel()
        await self._exclusively(partial(self._keeper.store.servers.note_departed, account_name(keys)))

    async def _depart(self, left: LeftAccount) -> None:
        keys = keys_of(left, self._keeper.store.vault)
        departure = Departure(left.identity, self._keeper.store.identity.wallet_id, left.erase)
        with trio.CancelScope() as scope:
            self._scope_by_account[left.account] = scope
            async with self._kinds.opened(parse_server_url(left.url), left.identity, {}) as server:
                departed = await depart(
                    server, keys, departure, self._surroundings, self._keeper.limits, self._spool_folder
                )
            if departed is Departed.MOVED:
                logs.emit(belonging.ServerLeftMoved(server=left.url, erase=left.erase))
                self._reporter.tell("server.left_moved", {"server": left.url, "erase": left.erase})
            await self._note_departed(left.account)
            self._scope_by_account.pop(left.account, None)

    async def _note_departed(self, account: str) -> None:
        """Note that all is done; while the disk does not take that, try again."""
        while True:
            try:
                return await self._exclusively(partial(self._keeper.store.servers.note_departed, account))
            except DiskTrouble as error:
                if not is_of_the_disk(error):
                    raise
            await trio.sleep(LONGEST_RETRY)


def left_account(url: str, identity: str, keys: ServerKeys, vault: Vault, *, erase: bool) -> LeftAccount:
    """Return what is to be remembered of an account that is left."""
    return LeftAccount(account_name(keys), url, identity, erase, vault.seal(keys.account.seed + keys.blob_key))


def keys_of(left: LeftAccount, vault: Vault) -> ServerKeys:
    """Return the keys of an account that was left. Raises nacl.exceptions.CryptoError where they are not our own."""
    plain = vault.open(left.keys)
    return keys_from(plain[:SECRET_BYTES], plain[SECRET_BYTES:])


def account_name(keys: ServerKeys) -> str:
    """Return by what an account that was left is told apart."""
    return base32.encode(keys.account.public_key)


async def depart(
    server: Server,
    keys: ServerKeys,
    departure: Departure,
    surroundings: Surroundings,
    limits: Limits,
    spool_folder: Path,
) -> Departed:
    """Do what is left to be done at a server, however long it takes.

    Cancelled, the server holds what it held, or the blob without the row.
    """
    retry = FIRST_RETRY
    while True:
        outcome = await _try(server, keys, departure, surroundings, limits, spool_folder)
        if isinstance(outcome, Departed):
            return outcome
        if isinstance(outcome, Failure):
            await trio.sleep(retry * (0.5 + surroundings.chance.random()))
            retry = min(retry * 2, LONGEST_RETRY)
        else:
            await trio.sleep(surroundings.chance.random())


async def _try(
    server: Server,
    keys: ServerKeys,
    departure: Departure,
    surroundings: Surroundings,
    limits: Limits,
    spool_folder: Path,
) -> Conflict | Failure | Departed:
    """Try once."""
    spool = partial(spooled, spool_folder, surroundings)
    try:
        with spool("down") as down, spool("up") as up:
            fetched = await server.fetch(keys.account, None, down)
            match fetched:
                case NoBlob() | Unchanged():
                    return Departed.DONE
                case Failure():
                    return fetched
                case Fetched():
                    found = await surroundings.worker(partial(find, down, keys, departure.identity))
                    if isinstance(found, Note | UnreadableNote):
                        return Departed.MOVED
                    if not await surroundings.worker(partial(rewrite, down, up, keys, departure, limits)):
                        return Departed.DONE
            stored = await server.store(keys.account, up, fetched.revision)
            return Departed.DONE if isinstance(stored, Stored) else stored
    except BlobUnreadable as error:
        return Failure(FailureKind.UNREADABLE, error.message)
    except OSError as error:
        if not is_of_the_disk(error):
            raise
        return Failure(FailureKind.UNREACHABLE, f"this device cannot keep what it takes in {spool_folder}: {error}")


def rewrite(down: Path, up: Path, keys: ServerKeys, departure: Departure, limits: Limits) -> bool:
    """Write the blob without the row, or an empty one. Tell whether there was anything to take out.

    Raises BlobUnreadable.
    """
    context = Context(kind="state", account=keys.account.public_key, server=departure.identity)
    with down.open("rb") as source, up.open("wb") as sink:
        head, entries = decode(open_sealed(source, keys.blob_key, context, limits), limits)
        rows = {wallet: row for wallet, row in head.clocks.items() if wallet != departure.wallet_id}
        if departure.erase:
            anything = any(True for _ in entries) or rows.keys() != head.clocks.keys()
            emptied = Head(seen={}, clocks={wallet: {} for wallet in rows})
            seal(encode(emptied, ()), keys.blob_key, context, sink)
            return anything
        if departure.wallet_id not in head.clocks:
            return False
        seal(encode(head._replace(clocks=rows), entries), keys.blob_key, context, sink)
        return True
