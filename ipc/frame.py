"""How what is said over the sockets is framed: requests, replies and events, and the numbers of errors.

JSON-RPC 2.0, one message per nng message; docs/ipc.md is the specification. Times are RFC 3339 UTC with milliseconds
("2026-01-31T08:15:00.000Z"), or null. Pure: no I/O, no clock.
"""

from typing import Annotated, Any, Literal

import msgspec

API_VERSION = 1
MAX_MESSAGE_BYTES = 1 << 20  # of one request, reply or event
CALLS_PER_CONNECTION = 4  # at once; a client waits with the next, the daemon turns more away as BUSY

Time = str

_SAFE_INTEGER = (1 << 53) - 1  # the largest integer that every JSON reader takes exactly
RequestId = (
    Annotated[int, msgspec.Meta(ge=-_SAFE_INTEGER, le=_SAFE_INTEGER)] | Annotated[str, msgspec.Meta(max_length=128)]
)


class Request(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A call of one method. ``api`` is the version of this protocol that the caller speaks."""

    jsonrpc: Literal["2.0"]
    id: RequestId
    method: Annotated[str, msgspec.Meta(max_length=64)]
    params: msgspec.Raw = msgspec.Raw(b"{}")
    api: int = API_VERSION

    def __repr__(self) -> str:
        return f"Request(id={self.id!r}, method={self.method!r})"


class ErrorBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a call failed: a stable number, one sentence for a person, and machine-readable details."""

    code: int
    message: str
    data: dict[str, Any] | None = None


class Reply(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer to a call: either a result or an error."""

    jsonrpc: Literal["2.0"]
    id: int | str | None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: ErrorBody | msgspec.UnsetType = msgspec.UNSET

    def __repr__(self) -> str:
        return f"Reply(id={self.id!r})"


class Event(msgspec.Struct, kw_only=True):
    """Something that happened. ``seq`` grows by one with each event of one daemon run: a gap shows a missed event.

    ``run`` identifies the daemon run, since ``seq`` starts anew with each.
    """

    run: str
    seq: int
    event: str
    at: Time
    data: dict[str, Any]


class Position(msgspec.Struct, kw_only=True):
    """How far a daemon run has come: the ``seq`` of its last event, or 0.

    It goes out on the events socket whenever someone has subscribed, so that a subscriber knows from where on it
    hears everything. It is no event: it has no ``event``, and counts for no ``seq``.
    """

    run: str
    seq: int


# Error codes. Those of JSON-RPC, and from 1 on ours.

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REFUSED = 1  # the daemon understood, and will not: the message says why and what would help
UNSUPPORTED_API = 2  # the caller speaks a version of the protocol that this daemon does not
BUSY = 3  # too many calls at once: of this client, or of those that change something
SECRETS_UNUSABLE = 5  # the configuration or the secrets cannot be used
WALLET_UNFIT = 6  # the wallet database or its profile is unfit
