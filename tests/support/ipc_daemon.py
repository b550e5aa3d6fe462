"""A daemon that has only its sockets, with answers that tests can foresee."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ipc import Client
from ipc.dispatch import Method
from ipc.messages import NoParams, SyncParams, SyncResult, WalletsResult
from ipc.server import Identity, Limits, Server, listening

AT = "2026-01-31T08:15:00.000Z"


@contextmanager
def short_directory() -> Iterator[Path]:
    """Make a private directory whose path leaves room for the 107 bytes of a socket's, and remove it."""
    directory = Path(tempfile.mkdtemp(prefix="ws-", dir="/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@dataclass(frozen=True)
class Place:
    """The paths of a daemon's two sockets."""

    directory: Path

    @property
    def control(self) -> Path:
        return self.directory / "control.ipc"

    @property
    def events(self) -> Path:
        return self.directory / "events.ipc"

    def client(self, **options: Any) -> Client:
        return Client(self.control, self.events, **options)


class Echo(msgspec.Struct, forbid_unknown_fields=True):
    """The parameters and the result of the method ``echo``."""

    text: str


async def echo(params: Echo) -> Echo:
    """Answer with the parameters."""
    return params


async def no_wallets(_params: NoParams) -> WalletsResult:
    """Answer with an empty list."""
    return WalletsResult(wallets=[])


class SyncCounter:
    """The method ``sync``, which counts how often it was carried out."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, _params: SyncParams) -> SyncResult:
        self.count += 1
        return SyncResult(sync_id=f"sync {self.count}", servers=[])


HANDLERS: Mapping[str, Method[Any]] = {
    "echo": Method(Echo, echo, changes=False),
    "wallets": Method(NoParams, no_wallets, changes=False),
}


@asynccontextmanager
async def daemon(
    place: Place,
    handlers: Mapping[str, Method[Any]] = HANDLERS,
    *,
    run: str = "first",
    faults: list[tuple[str, BaseException]] | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[Server]:
    """Serve at this place. Faults are collected, or end the test where no list is given."""

    def on_fault(method: str, fault: BaseException) -> None:
        if faults is None:
            raise fault
        faults.append((method, fault))

    identity = Identity(run=run, version="1.2.3", pid=42)
    with listening(place.control, place.events, identity=identity, limits=limits) as server:
        async with server.answering(handlers, on_fault):
            yield server
