"""What a server is to the daemon: fetch if changed, store if still at a revision, describe.

The words:

- **revision**: names the bytes that a server holds for one account. Opaque to everyone but that kind of server;
  equal revisions mean equal bytes. ``None`` stands for "no blob yet".
- **spool**: a file of ours that holds one sealed blob on its way down or up.
- **identity**: what the keys of this server's account are derived from. It is the same on every device, whatever
  address or path the device reaches the server under.

Outcomes are values, since each of them is expected and has its own next step. Exceptions are faults of ours.
Cancelling any of the calls leaves the server with the blob it had or with the new one, never with a part.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

Revision = str


class FailureKind(StrEnum):
    """Why a server did not do what was asked, as far as the next step depends on it."""

    UNREACHABLE = "unreachable"  # no answer, or a broken one: try again with back-off
    BUSY = "busy"  # it asked for time, or someone holds its lock: try again when it says
    REFUSED = "refused"  # it answers, but will not do this: try slowly, a person may have to act
    GONE = "gone"  # the account or the folder is not there any more: try slowly, say so
    PAYMENT_REQUIRED = "payment_required"  # wait for the payment
    TOO_LARGE = "too_large"  # the blob exceeds what the server takes
    MOVED = "moved"  # a note says that the circle has moved to other keys: stop, and wait for a person
    UNREADABLE = "unreadable"  # what it holds is no blob of this account: stop, never upload over it


@dataclass(frozen=True, slots=True)
class Payment:
    """What a person has to pay before the server goes on: its ``taler://pay`` URI, and the amount if known."""

    uri: str
    amount: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The server did not do it: the kind, one sentence for a person, and when to try again in seconds."""

    kind: FailureKind
    message: str
    retry_after: float | None = None
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The server still holds the revision that the caller knows."""


@dataclass(frozen=True, slots=True)
class NoBlob:
    """The account is there and holds no blob yet."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The sealed blob lies in the spool. It is not opened yet: nothing is known of it but its revision."""

    revision: Revision
    sealed_bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The server holds what was meant, and this is its revision."""

    revision: Revision


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another wallet stored something since: fetch again. Nothing of ours was stored."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a server says of itself: its identity, and the largest sealed blob it takes, in bytes, if it says."""

    identity: str
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class Copy:
    """A conflict copy: its name, and what tells what it holds from whatever else was or will be under that name."""

    name: str
    version: str


FetchOutcome = Unchanged | NoBlob | Fetched | Failure
StoreOutcome = Stored | Conflict | Failure
DescribeOutcome = Description | Failure


@dataclass(frozen=True, slots=True)
class Account:
    """The key pair under which one server keeps one circle's blob: an Ed25519 seed and its public key."""

    seed: bytes
    public_key: bytes

    def __repr__(self) -> str:
        return "Account(...)"


class Server(Protocol):
    """One account on one server. The account is an argument of each call, so that ``describe`` needs none."""

    async def describe(self) -> DescribeOutcome:
        """Find out the server's identity and limits. A new folder gets its identity here."""
        ...

    async def fetch(self, account: Account, known: Revision | None, spool: Path) -> FetchOutcome:
        """Write the sealed blob into the file ``spool``, unless the server still holds the revision ``known``."""
        ...

    async def store(self, account: Account, sealed: Path, expected: Revision | None) -> StoreOutcome:
        """Replace the blob by the file ``sealed``, if the server holds ``expected`` (``None``: no blob yet)."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """A server that can tell by itself that a blob may have changed. Not all can: the others are asked now and then."""

    def watch(self) -> AsyncGenerator[None, None]:
        """Yield whenever a blob may have changed, for ever. Not every change need be told, and some are our own."""
        ...


@runtime_checkable
class Limited(Protocol):
    """A server that may take blobs of a certain size only."""

    @property
    def limit_bytes(self) -> int | None:
        """The largest sealed blob that it takes, in bytes, as far as that is known."""
        ...


@runtime_checkable
class Sells(Protocol):
    """A server that may want to be paid."""

    async def store_with_new_order(self, account: Account, sealed: Path, expected: Revision | None) -> StoreOutcome:
        """Store as ever; where a payment is due, have a new order made, if the one before cannot be paid any more."""
        ...


@runtime_checkable
class HasCopies(Protocol):
    """A server beside whose blob others can turn up: what another program made of two that were stored at once.

    A conflict copy is a blob of the account like any other, only that it is not the one that the server holds: its
    revision, and what it says of itself, are not the server's. It may be removed once the server's own blob holds what
    it held.
    """

    async def copies(self, account: Account) -> list[Copy]:
        """Return the conflict copies that are there now."""
        ...

    async def fetch_copy(self, copy: Copy, spool: Path) -> Fetched | None:
        """Write a conflict copy into the file ``spool``; ``None``: it is not there any more, or cannot be read now."""
        ...

    async def remove_copy(self, copy: Copy) -> None:
        """Remove a conflict copy, if it still is the one that is meant."""
        ...
