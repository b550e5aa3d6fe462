"""The methods of the control socket: what each takes and gives.

docs/ipc.md is the specification, with an example of each. Readers ignore members that they do not know; a request with
an unknown parameter is refused, since a misspelt parameter must not be silently without effect.

Structs that can hold a secret do not show it in their ``repr``, so that no traceback does.
Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

import msgspec

from ipc.frame import Event, Time
from ipc.state import CircleWallet, Held, MovedNote, NamedWallet, Status, SyncReason

LARGEST_NUMBER = 2**63 - 1
"""What a database can count up to."""

Number = Annotated[int, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]


class NoParams(msgspec.Struct, forbid_unknown_fields=True):
    """No parameters."""


class HelloParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``hello``: the versions that the caller speaks."""

    api: Annotated[list[int], msgspec.Meta(min_length=1, max_length=64)]


class HelloResult(msgspec.Struct, kw_only=True):
    """The version to speak from here on, and who answers."""

    api: int
    version: str
    pid: int
    run: str


class SyncParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``sync``: with the server whose URL holds this text, or with all.

    ``new_order`` has a server that waits for a payment make a new order, if the one before cannot be paid any more.
    """

    server: str | None = None
    reason: SyncReason = "user"
    new_order: bool = False


class SyncResult(msgspec.Struct, kw_only=True):
    """The id under which the syncs are logged and told as events, one per server named here."""

    sync_id: str
    servers: list[str]


class PauseParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``pause``: let all syncing rest for this many seconds, or until it is resumed."""

    seconds: Annotated[float, msgspec.Meta(ge=1, le=366 * 86400)] | None = None


class PauseResult(msgspec.Struct, kw_only=True):
    """Whether syncing rests now, and until when if that was said."""

    paused: bool
    until: Time | None


class WatchResult(msgspec.Struct, kw_only=True):
    """For how many seconds servers are asked more often now; a frontend in use calls again before they are over."""

    seconds: float


class EnrollParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``enroll``: take up this server; ``identity`` where an account is reached under a new address."""

    url: str
    identity: str | None = None


class EnrollResult(msgspec.Struct, kw_only=True):
    """The server's URL as it was taken up, and whether this made the circle."""

    url: str
    identity: str
    circle_created: bool


class InvitedServer(msgspec.Struct, kw_only=True):
    """A server as an invitation names it."""

    id: str
    url: str


class InviteParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``invite``: with a passphrase, the invitation is sealed with it."""

    passphrase: str | None = None

    def __repr__(self) -> str:
        return "InviteParams(...)"


class InviteResult(msgspec.Struct, kw_only=True):
    """An invitation. Whoever holds it unsealed can read and write everything: never logged, never an event."""

    api: int
    uri: str
    sealed: bool
    servers: list[str]

    def __repr__(self) -> str:
        return f"InviteResult(sealed={self.sealed}, servers={self.servers!r})"


class JoinParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``join``: the invitation's URI, and the passphrase where it is sealed."""

    uri: str
    passphrase: str | None = None

    def __repr__(self) -> str:
        return "JoinParams(...)"


class JoinResult(msgspec.Struct, kw_only=True):
    """The servers that this wallet now syncs with."""

    servers: list[str]


class SealParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``seal``: the passphrase to seal this wallet's keys with where they lie, or null to keep them unsealed."""

    passphrase: str | None

    def __repr__(self) -> str:
        return "SealParams(...)"


class SealResult(msgspec.Struct, kw_only=True):
    """Whether the keys are sealed now, so that the daemon's next start needs the passphrase."""

    sealed: bool


class WalletsResult(msgspec.Struct, kw_only=True):
    """The wallets of the circle."""

    wallets: list[CircleWallet]


class LeaveParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``leave``: sync no longer with the server whose URL holds this text; ``erase`` also empties the account there."""

    server: str
    erase: bool = False


class LeaveResult(msgspec.Struct, kw_only=True):
    """The server that was left. What is still to be done there is done in the background."""

    url: str


class LeaveCircleResult(msgspec.Struct, kw_only=True):
    """The servers that were left with the circle. What is still to be done there is done in the background."""

    urls: list[str]


class RenameParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``rename``: the new nickname of this wallet."""

    nickname: str


class ForgetParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``forget``: the wallet to forget, by the name that status shows, or by its id."""

    wallet: str


class HeldParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """``approve``, ``reject``: the id of what waits for a person, as status shows it.

    To follow a roll-over takes its ``code``, so that what is followed is what a person has seen.
    """

    held: str
    code: str | None = None


class HeldResult(msgspec.Struct, kw_only=True):
    """What still waits: mass deletes, and notes of roll-overs."""

    held: list[Held]
    notes: list[MovedNote] = []


class RotateParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``rotate``: the wallets to keep beside this one, by the names that status shows, or by their ids.

    ``dry_run`` changes nothing, and tells who would be kept and left out.
    """

    keep: list[str]
    dry_run: bool = False


class RotateResult(msgspec.Struct, kw_only=True):
    """The code that the wallets kept will show, and who is kept and left out."""

    code: str | None
    kept: list[NamedWallet]
    left_out: list[NamedWallet]


class HistoryParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``history``: at most so many entries, newest first."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class HistoryEntry(msgspec.Struct, kw_only=True):
    """A value that is kept: it was deleted by this wallet, by a merge, or lost against a delete of another wallet.

    ``key`` is the JSON array of its key columns.
    """

    id: int
    at: Time
    sync_id: str
    cause: Literal["local", "merge", "overruled"]
    set: str
    key: str


class KeptBlob(msgspec.Struct, kw_only=True):
    """A whole state that is kept: the last one of a day (in UTC), and when and at which server that was."""

    day: str
    at: Time
    server: str
    sealed_bytes: int


class HistoryResult(msgspec.Struct, kw_only=True):
    """Values that can be had back, and whole states, both the newest first."""

    entries: list[HistoryEntry]
    blobs: list[KeptBlob]


class HistoryShowParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``history_show``: the id of an entry."""

    id: Number


class HistoryShowResult(msgspec.Struct, kw_only=True):
    """An entry with its value, an object of columns. It may hold secrets of the wallet."""

    entry: HistoryEntry
    value: msgspec.Raw

    def __repr__(self) -> str:
        return f"HistoryShowResult(entry={self.entry!r})"


class RestoreParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``restore``: these entries, or all of one sync, or everything that was deleted since a time. Just one of them."""

    ids: list[Number] | None = None
    sync_id: str | None = None
    before: Time | None = None


class RestoreResult(msgspec.Struct, kw_only=True):
    """What is live again; what was live already is left as it is.

    Left out is what was ``spent`` or has moved on since, and what is of a set ``unknown`` to this wallet's profile.
    """

    restored: list[HistoryEntry]
    spent: list[HistoryEntry] = []
    unknown: list[HistoryEntry] = []


class RestoreBlobParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``restore_blob``: the whole state of this day; with ``changed`` also what it holds with another value."""

    day: str
    changed: bool = False


class RestoreBlobResult(msgspec.Struct, kw_only=True):
    """How many entities of each set are live again, how many are again as they were, and how many were left out.

    Left out is what was ``spent`` or has moved on since, and what is of a set ``unknown`` to this wallet's profile.
    """

    restored: dict[str, int]
    changed: dict[str, int]
    spent: dict[str, int] = {}
    unknown: dict[str, int] = {}


class ExplainParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``explain``: what the next sync would say; with ``last``, what the last merges changed here, and why."""

    last: bool = False


class Explanation(msgspec.Struct, kw_only=True):
    """One entity: the server concerned (``None``: all), what happened or would, and why. No values."""

    server: str | None
    set: str
    key: str
    change: str
    why: str


class ExplainResult(msgspec.Struct, kw_only=True):
    """The entities concerned, and how many more there are."""

    entities: list[Explanation]
    omitted: int


class DetachResult(msgspec.Struct, kw_only=True):
    """The wallet database that nothing of walletsync is left in. The daemon ends after this answer."""

    path: str


class EventsSinceParams(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``events_since``: the events of this run after ``seq``."""

    seq: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_NUMBER)]


class EventsSinceResult(msgspec.Struct, kw_only=True):
    """The events asked for, as far as they are kept: ``oldest`` is the first ``seq`` that still is.

    Where no event is kept, ``oldest`` is the ``seq`` that the next one will have.
    """

    run: str
    oldest: int
    events: list[Event]


class Signature(NamedTuple):
    """What a method takes and gives, and whether it changes something in the daemon."""

    params: type[msgspec.Struct]
    result: type[msgspec.Struct]
    changes: bool


SIGNATURE_BY_METHOD: Mapping[str, Signature] = MappingProxyType(
    {
        "hello": Signature(HelloParams, HelloResult, changes=False),
        "events_since": Signature(EventsSinceParams, EventsSinceResult, changes=False),
        "status": Signature(NoParams, Status, changes=False),
        "sync": Signature(SyncParams, SyncResult, changes=True),
        "pause": Signature(PauseParams, PauseResult, changes=True),
        "resume": Signature(NoParams, PauseResult, changes=True),
        "watch": Signature(NoParams, WatchResult, changes=False),
        "enroll": Signature(EnrollParams, EnrollResult, changes=True),
        "invite": Signature(InviteParams, InviteResult, changes=False),
        "seal": Signature(SealParams, SealResult, changes=True),
        "join": Signature(JoinParams, JoinResult, changes=True),
        "leave": Signature(LeaveParams, LeaveResult, changes=True),
        "leave_circle": Signature(NoParams, LeaveCircleResult, changes=True),
        "wallets": Signature(NoParams, WalletsResult, changes=False),
        "rename": Signature(RenameParams, WalletsResult, changes=True),
        "forget": Signature(ForgetParams, WalletsResult, changes=True),
        "rotate": Signature(RotateParams, RotateResult, changes=True),
        "approve": Signature(HeldParams, HeldResult, changes=True),
        "reject": Signature(HeldParams, HeldResult, changes=True),
        "explain": Signature(ExplainParams, ExplainResult, changes=False),
        "history": Signature(HistoryParams, HistoryResult, changes=False),
        "history_show": Signature(HistoryShowParams, HistoryShowResult, changes=False),
        "restore": Signature(RestoreParams, RestoreResult, changes=True),
        "restore_blob": Signature(RestoreBlobParams, RestoreBlobResult, changes=True),
        "detach": Signature(NoParams, DetachResult, changes=True),
    }
)
