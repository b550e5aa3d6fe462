"""What goes to and from the double of the GNU Taler sync server, and what it keeps."""

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from urllib.parse import parse_qs, urlsplit


class Delivery(Enum):
    """What becomes of an answer on its way."""

    WHOLE = "whole"
    DROPPED = "dropped"  # the connection breaks before anything is done
    LOST = "lost"  # it breaks after everything is done, without an answer
    CUT = "cut"  # it breaks in the middle of the answer's body
    STALLED = "stalled"  # no answer comes
    STALLED_BODY = "stalled body"  # the header comes, and then nothing more
    ENDLESS = "endless"  # the body never ends


@dataclass(frozen=True)
class Request:
    """A request's header. ``header`` maps lower-case names to the first value of each."""

    method: str
    target: str
    header: dict[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)


@dataclass(frozen=True)
class Response:
    """An answer. ``length`` is announced instead of the body's where it is given."""

    status: int
    header: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delivery: Delivery = Delivery.WHOLE
    length: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        common = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*"}
        if self.status == 204 or self.delivery is Delivery.ENDLESS:
            return {**common, **self.header}
        length = len(self.body) if self.length is None else self.length
        return {**common, **self.header, "Content-Length": str(length)}


@dataclass(frozen=True)
class Accepted:
    """An upload whose header was found good. ``old`` is what the server will compare with when it stores."""

    key: bytes
    old: bytes
    new: bytes
    signature: bytes
    delivery: Delivery = Delivery.WHOLE


@dataclass(frozen=True)
class Backup:
    """One row of the server's table of backups."""

    body: bytes
    previous: bytes
    signature: bytes

    @cached_property
    def digest(self) -> bytes:
        return hashlib.sha512(self.body).digest()


@dataclass
class Account:
    """One row of the server's table of accounts, its orders, and (which the real server has not) its history."""

    exists: bool = False
    backup: Backup | None = None
    history: list[Backup] = field(default_factory=list)
    paid_by_order: dict[str, bool] = field(default_factory=dict)
