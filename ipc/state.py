"""The whole state of the daemon, as the method ``status`` tells it. Pure: no I/O, no clock."""

from typing import Literal

import msgspec

from ipc.frame import Time

SyncReason = Literal["user", "schedule", "change", "startup", "resume", "retry"]
ServerState = Literal[
    "idle",
    "syncing",
    "paused",
    "unreachable",
    "busy",
    "refused",
    "gone",
    "payment_required",
    "unreadable",
    "too_large",
    "moved",
]
WalletState = Literal["ok", "absent", "locked", "unfit", "readonly"]


class SyncError(msgspec.Struct, kw_only=True):
    """The last failure of a server: its kind, one sentence, and since when it fails."""

    kind: str
    message: str
    since: Time


class PaymentDue(msgspec.Struct, kw_only=True):
    """What a server wants to be paid before it goes on."""

    uri: str
    amount: str | None = None


class WalletStatus(msgspec.Struct, kw_only=True):
    """What is known of this wallet: its identity, its database, and whether the daemon can work on it.

    ``copy_seen`` is when another device was last seen to be this very wallet, if one was in this run of the daemon.
    ``in_circle`` tells whether it has the keys of a circle, be a server known or not.
    """

    id: str
    former_ids: list[str]
    nickname: str
    shown_as: str
    path: str
    profile: str
    state: WalletState
    reason: str | None
    capture: str
    copy_seen: Time | None = None
    in_circle: bool = False


class ServerStatus(msgspec.Struct, kw_only=True):
    """One enrolled server."""

    url: str
    state: ServerState
    last_success: Time | None
    next_try: Time | None
    next_reason: SyncReason | None
    sealed_bytes: int
    limit_bytes: int | None
    error: SyncError | None
    payment: PaymentDue | None


class CircleWallet(msgspec.Struct, kw_only=True):
    """One wallet of the circle, as far as this wallet knows it.

    ``last_seen`` is, per server, when its row of clocks was last seen to move. ``holds_up`` counts the tombstones
    that it has not acknowledged yet, ``silent_days`` the whole days since it last moved on any server.
    """

    id: str
    shown_as: str
    me: bool
    last_seen: dict[str, Time]
    holds_up: int
    silent_days: int


class SetStatus(msgspec.Struct, kw_only=True):
    """How many elements of one set are live, are tombstones, and wait to be applied to the wallet database."""

    live: int
    tombstones: int
    unapplied: int


class Held(msgspec.Struct, kw_only=True):
    """A mass delete that waits for a person."""

    id: str
    direction: Literal["in", "out"]
    sets: dict[str, int]
    since: Time


class FarTime(msgspec.Struct, kw_only=True):
    """A server's blob claims a time of a writer that is impossibly far ahead: nothing is taken from it unasked."""

    id: str
    server: str
    writer: str
    since: Time


class Pause(msgspec.Struct, kw_only=True):
    """Syncing rests until this time, or until it is resumed."""

    until: Time | None


class NamedWallet(msgspec.Struct, kw_only=True):
    """A wallet, and what it is called here."""

    id: str
    shown_as: str


class ArrivingWallet(NamedWallet, kw_only=True):
    """A wallet that a roll-over keeps, and whether it has followed."""

    me: bool
    arrived: bool


class LeftAccount(msgspec.Struct, kw_only=True):
    """An account that was left: whether it holds the note that leads to the new one, and what prevents that.

    ``payment`` is what its server wants to be paid for that account, which is another one than the new one.
    """

    server: str
    noted: bool
    error: str | None
    payment: PaymentDue | None = None


class RotationStatus(msgspec.Struct, kw_only=True):
    """A roll-over to new keys that is under way, as far as this wallet has come with it."""

    code: str
    signer: NamedWallet
    kept: list[ArrivingWallet]
    left_out: list[NamedWallet]
    accounts: list[LeftAccount]
    since: Time


class MovedNote(msgspec.Struct, kw_only=True):
    """A note, found in place of a server's copy, that another wallet has rolled the circle over.

    ``waits``: it is followed once a person has compared the code and approves. ``message`` says what it is worth.
    """

    id: str
    verdict: str
    waits: bool
    message: str
    code: str
    signer: NamedWallet
    kept: list[NamedWallet]
    left_out: list[NamedWallet]
    servers: list[str]
    since: Time


class Status(msgspec.Struct, kw_only=True):
    """The whole state of the daemon, as ``walletsync status --json`` prints it."""

    api: int
    version: str
    pid: int
    wallet: WalletStatus
    servers: list[ServerStatus]
    wallets: list[CircleWallet]
    sets: dict[str, SetStatus]
    held: list[Held]
    pause: Pause | None = None
    notes: list[MovedNote] = []
    rotations: list[RotationStatus] = []
    far_times: list[FarTime] = []


# The other methods: parameters and results.
