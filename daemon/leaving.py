"""Leaving a server: this wallet's row goes from its clocks, or all that the account holds does.

Leaving works offline. What is left to be done at the server is remembered, with the server's URL and identity, and
tried again until it is done or the server is enrolled anew. What the blob holds is not joined any more: it is written
back as it was read, but for the row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import trio

from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import ServerKeys
from daemon.blob.limits import Limits
from daemon.blob.schema import Head, decode, encode
from daemon.blob.seal import Context, open_sealed, seal
from daemon.server.base import Conflict, Failure, FailureKind, Fetched, NoBlob, Server, Stored, Unchanged
from daemon.sets.element import Entry
from daemon.surroundings import Surroundings

FIRST_RETRY = 60.0
LONGEST_RETRY = 6 * 3600.0


@dataclass(frozen=True)
class Departure:
    """What is to be done at one server: take this wallet's row out, or empty the account."""

    identity: str
    wallet_id: str
    erase: bool


async def depart(
    server: Server, keys: ServerKeys, departure: Departure, surroundings: Surroundings, limits: Limits, spool: Path
) -> None:
    """Do what is left to be done at a server, however long it takes.

    Cancelled, the server holds what it held, or the blob without the row.
    """
    retry = FIRST_RETRY
    while True:
        outcome = await _try(server, keys, departure, surroundings, limits, spool)
        if outcome is None:
            return
        if isinstance(outcome, Failure):
            await trio.sleep(retry * (0.5 + surroundings.chance.random()))
            retry = min(retry * 2, LONGEST_RETRY)
        else:
            await trio.sleep(surroundings.chance.random())


async def _try(
    server: Server, keys: ServerKeys, departure: Departure, surroundings: Surroundings, limits: Limits, spool: Path
) -> Conflict | Failure | None:
    """Try once; ``None`` when it is done."""
    down, up = spool.with_suffix(".down"), spool.with_suffix(".up")
    try:
        fetched = await server.fetch(keys.account, None, down)
        match fetched:
            case NoBlob() | Unchanged():
                return None
            case Failure():
                return fetched
            case Fetched():
                rewrite = partial(_rewrite, down, up, keys, departure, limits)
                if not await surroundings.worker(rewrite):
                    return None
        stored = await server.store(keys.account, up, fetched.revision)
        return None if isinstance(stored, Stored) else stored
    except BlobUnreadable as error:
        return Failure(FailureKind.UNREADABLE, error.message)
    finally:
        down.unlink(missing_ok=True)
        up.unlink(missing_ok=True)


def _rewrite(down: Path, up: Path, keys: ServerKeys, departure: Departure, limits: Limits) -> bool:
    """Write the blob without the row, or an empty one. Tell whether there was anything to take out."""
    context = Context(kind="state", account=keys.account.public_key, server=departure.identity)
    with down.open("rb") as source, up.open("wb") as sink:
        head, entries = decode(open_sealed(source, keys.blob_key, context, limits), limits)
        if departure.erase:
            return _write_emptied(entries, keys, context, sink)
        if departure.wallet_id not in head.clocks:
            return False
        rows = {wallet: row for wallet, row in head.clocks.items() if wallet != departure.wallet_id}
        seal(encode(head._replace(clocks=rows), entries), keys.blob_key, context, sink)
        return True


def _write_emptied(entries: Iterable[Entry], keys: ServerKeys, context: Context, sink: BinaryIO) -> bool:
    anything = any(True for _ in entries)
    if anything:
        seal(encode(Head(seen={}, clocks={}), ()), keys.blob_key, context, sink)
    return anything
