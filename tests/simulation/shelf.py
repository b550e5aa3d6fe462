"""The servers of the simulation: one sealed blob each, all that lay there before, and how they fail.

A ``Shelf`` is what a folder is to the daemon. A ``TalerShelf`` is a GNU Taler sync server, reached through the real
client of it; only the sockets are not there. A fault is one word of ``FAULTS`` and spoils one fetch or one store:

============= =========================================================================================
unreachable   nothing arrives
busy          the server asks for time
stalled       no answer comes for as long as anybody waits; what was sent has arrived
lost          the answer to an upload is lost, after the upload was stored
all lost      so is every answer for a while: whether the upload was stored cannot be found out
cut           the blob's second half does not come
============= =========================================================================================
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import trio
import trio.testing
from support.taler_double import InMemoryTransport, TalerDouble
from support.taler_messages import Backup, Delivery

from daemon.server.base import (
    Account,
    Conflict,
    Failure,
    FailureKind,
    Fetched,
    FetchOutcome,
    NoBlob,
    Stored,
    StoreOutcome,
    Unchanged,
)
from daemon.server.taler.client import TalerServer, open_taler_server
from daemon.server.urls import TalerUrl
from daemon.worker import inline

Fault = str | None
Outcome = TypeVar("Outcome")

FAULTS = ("unreachable", "busy", "stalled", "lost", "all lost", "cut")


@dataclass
class Shelf:
    """One account on one server. ``account`` is that of the circle there.

    ``keeps_rows``: a wallet that left may stay in its clocks, since it was put back, wiped or emptied, or since the
    wallet's own state database was put back, and with it forgotten that anything is to be done here.
    """

    url: str
    identity: str
    account: Account
    blob: bytes | None = None
    uploads: int = 0
    history: list[bytes] = field(default_factory=list)
    keeps_rows: bool = False

    @property
    def revision(self) -> str | None:
        return None if self.blob is None else hashlib.sha512(self.blob).hexdigest()

    def fetch(self, known: str | None, spool: Path, fault: Fault, _memory: dict[str, str]) -> FetchOutcome:
        """Fetch the blob into the spool if it is not the known one."""
        if fault is not None and fault != "cut":
            return _failure(fault)
        if self.blob is None:
            return NoBlob()
        if self.revision == known:
            return Unchanged()
        content = self.blob[: len(self.blob) // 2] if fault == "cut" else self.blob
        spool.write_bytes(content)
        return Fetched(hashlib.sha512(content).hexdigest(), len(content))

    def store(self, sealed: Path, expected: str | None, fault: Fault, _memory: dict[str, str]) -> StoreOutcome:
        """Replace the blob, if it still is the one expected."""
        if fault in ("unreachable", "busy"):
            return _failure(fault)
        if self.revision != expected:
            return Conflict()
        revision = self._take(sealed.read_bytes())
        return Stored(revision) if fault is None else _failure(fault)

    def go_back(self, draw: int) -> None:
        """Hold a blob again that lay here before."""
        self.blob = self.history[draw % len(self.history)]
        self.keeps_rows = True

    def wipe(self) -> None:
        """Hold nothing."""
        self.blob = None
        self.keeps_rows = True

    def _take(self, blob: bytes) -> str:
        self.blob = blob
        self.history.append(blob)
        self.uploads += 1
        return hashlib.sha512(blob).hexdigest()


class TalerShelf(Shelf):
    """A sync server behind its real client. ``quoted`` is its dialect, as TalerDouble has it."""

    def __init__(self, url: str, identity: str, account: Account, *, quoted: bool) -> None:
        super().__init__(url, identity, account)
        self.double = TalerDouble(quoted=quoted)
        self._url = TalerUrl(url, identity)
        self._backups: list[Backup] = []

    def fetch(self, known: str | None, spool: Path, fault: Fault, memory: dict[str, str]) -> FetchOutcome:
        async def fetch(server: TalerServer) -> FetchOutcome:
            return await server.fetch(self.account, known, spool)

        return self._ask(fetch, "GET", fault, memory)

    def store(self, sealed: Path, expected: str | None, fault: Fault, memory: dict[str, str]) -> StoreOutcome:
        async def store(server: TalerServer) -> StoreOutcome:
            return await server.store(self.account, sealed, expected)

        before = self._backup
        outcome = self._ask(store, "POST", fault, memory)
        if self._backup is not None and self._backup is not before:
            self._backups.append(self._backup)
            self._take(self._backup.body)
        return outcome

    def go_back(self, draw: int) -> None:
        backup = self._backups[draw % len(self._backups)]
        self.double.put(self.account.public_key, backup)
        self.blob = backup.body
        self.keeps_rows = True

    def wipe(self) -> None:
        """Lose the backup, or the account with it."""
        super().wipe()
        if self.uploads % 2:
            self.double.account_by_key.clear()
        else:
            self.double.lose_backup(self.account.public_key)

    @property
    def _backup(self) -> Backup | None:
        return self.double.account(self.account.public_key).backup

    def _ask(
        self, what: Callable[[TalerServer], Awaitable[Outcome]], method: str, fault: Fault, memory: dict[str, str]
    ) -> Outcome:
        """Let the real client ask, in a run of trio of its own whose clock jumps."""

        async def ask() -> Outcome:
            transport = InMemoryTransport(self.double)
            async with open_taler_server(self._url, inline, memory, transport=transport) as server:
                return await what(server)

        with spoilt(self.double, method, fault):
            return trio.run(ask, clock=trio.testing.MockClock(autojump_threshold=0))


@contextmanager
def spoilt(double: TalerDouble, method: str, fault: Fault) -> Iterator[None]:
    """Let a sync server be spoilt by a fault while the body asks it with this method first."""
    deliveries = double.next_delivery_by_method
    match fault:
        case "unreachable":
            double.is_down = True
        case "busy":
            double.status = 503
        case "stalled":
            deliveries[method] = Delivery.STALLED
        case "lost":
            deliveries[method] = Delivery.LOST
        case "all lost":
            deliveries.update(POST=Delivery.LOST, GET=Delivery.DROPPED)
        case "cut":
            deliveries.update(POST=Delivery.CUT, GET=Delivery.CUT)
    try:
        yield
    finally:
        double.is_down, double.status = False, None
        deliveries.clear()


def _failure(fault: str) -> Failure:
    kind = FailureKind.BUSY if fault == "busy" else FailureKind.UNREACHABLE
    return Failure(kind, f"the simulation has it {fault}")
