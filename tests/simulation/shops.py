"""The servers of simulated weeks: in memory, or GNU Taler sync servers behind their real client, in all their moods.

============ ==========================================================================================
well         it does what it is asked
away         it cannot be reached
busy         it asks for time
deaf         of some uploads the answer is lost, after the upload was stored
flaky        some connections stall, or break in the middle of an answer
============ ==========================================================================================
"""

import random
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal, Protocol

import httpx
import trio
from support.quiet_daemon import MemoryServer
from support.taler_double import InMemoryTransport, TalerDouble
from support.taler_messages import Delivery

from daemon.server.base import Account, Failure, FailureKind, FetchOutcome, Server, StoreOutcome
from daemon.server.taler.client import open_taler_server
from daemon.server.urls import TalerUrl
from daemon.worker import inline

Mood = Literal["well", "away", "busy", "deaf", "flaky"]

SPOILT_SHARE = 0.3
BROKEN = (Delivery.CUT, Delivery.STALLED, Delivery.STALLED_BODY, Delivery.DROPPED, Delivery.LOST)


class Shop(Protocol):
    """A server of the simulation, which many daemons open."""

    url: str
    identity: str
    mood: Mood
    asked: int
    stored: int

    def opened(self, memory: MutableMapping[str, str]) -> AbstractAsyncContextManager[Server]:
        """Open it for one daemon."""
        ...


class MemoryShop(MemoryServer):
    """A server in memory, which is to the daemon what a folder is."""

    def __init__(self, number: int, chance: random.Random) -> None:
        super().__init__(f"server{number}")
        self.url = f"file:///{self.identity}/"
        self.mood: Mood = "well"
        self._chance = chance

    @asynccontextmanager
    async def opened(self, _memory: MutableMapping[str, str]) -> AsyncIterator[Server]:
        yield self

    @property
    def asked(self) -> int:
        return len(self.asked_at)

    @property
    def stored(self) -> int:
        return self.stores

    async def fetch(self, account: Account, known: str | None, spool: Path) -> FetchOutcome:
        self._take_up_mood()
        return await super().fetch(account, known, spool)

    async def store(self, account: Account, sealed: Path, expected: str | None) -> StoreOutcome:
        self._take_up_mood()
        outcome = await super().store(account, sealed, expected)
        await trio.sleep(self._chance.random() * 3)
        deaf = self.mood in ("deaf", "flaky") and self._chance.random() < SPOILT_SHARE
        return _failure(FailureKind.UNREACHABLE) if deaf else outcome

    def _take_up_mood(self) -> None:
        kind = {"away": FailureKind.UNREACHABLE, "busy": FailureKind.BUSY}.get(self.mood)
        self.failure = _failure(kind) if kind else None


class TalerShop:
    """A sync server behind its real client; only the sockets are not there."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.identity = f"server{number}"
        self.url = f"https://{self.identity}.example.org/"
        self.mood: Mood = "well"
        self.asked = 0
        self.chance = chance
        self.double = TalerDouble(quoted=chance.random() < 0.5)

    @asynccontextmanager
    async def opened(self, memory: MutableMapping[str, str]) -> AsyncIterator[Server]:
        url = TalerUrl(self.url, self.identity)
        async with open_taler_server(url, inline, memory, transport=_MoodyTransport(self)) as server:
            yield server

    @property
    def stored(self) -> int:
        return sum(len(account.history) for account in self.double.account_by_key.values())


class _MoodyTransport(InMemoryTransport):
    """The way to a Taler double."""

    def __init__(self, shop: TalerShop) -> None:
        super().__init__(shop.double, latency=0.1)
        self._shop = shop

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        shop, double = self._shop, self.double
        shop.asked += 1
        double.is_down, double.status = shop.mood == "away", 503 if shop.mood == "busy" else None
        if shop.mood in ("deaf", "flaky") and shop.chance.random() < SPOILT_SHARE:
            double.next_delivery_by_method["POST"] = Delivery.LOST
            if shop.mood == "flaky":
                double.next_delivery_by_method[request.method] = shop.chance.choice(BROKEN)
        return await super().handle_async_request(request)


def _failure(kind: FailureKind) -> Failure:
    return Failure(kind, "the simulation has it so")
