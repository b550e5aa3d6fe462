"""What happens in syncs with servers: every line of one sync carries the same sync id."""

from daemon.logs.happening import Happening, Level
from ipc.state import SyncReason


class OfSync(Happening):
    """What all happenings of one sync tell."""

    sync_id: str
    server: str


class SyncStarted(OfSync, event="sync.started", level=Level.DEBUG):
    """A sync with one server begins."""

    reason: SyncReason


class SyncFetched(OfSync, event="sync.fetched", level=Level.DEBUG):
    """The server was asked for its blob."""

    outcome: str
    seconds: float
    sealed_bytes: int | None = None


class SyncJoined(OfSync, event="sync.joined", level=Level.DEBUG):
    """What the server held was joined into the replica."""

    taken: int
    removed: int
    seconds: float


class SyncStored(OfSync, event="sync.stored", level=Level.DEBUG):
    """The server holds this wallet's state."""

    sealed_bytes: int
    seconds: float


class SyncConflict(OfSync, event="sync.conflict", level=Level.DEBUG):
    """Another wallet stored its state first; this one reads that and tries again."""

    attempt: int


class SyncEnded(OfSync, event="sync.ended", routine_when="nothing changed, and it was not the first"):
    """A sync with one server ended well."""

    reason: SyncReason
    captured: int
    taken: int
    removed: int
    stored: bool
    first: bool
    seconds: float

    @property
    def is_routine(self) -> bool:
        """Whether no entity changed, here or there; an upload that merely acknowledges is no change.

        The first one with a server never is: from then on the wallet is backed up there.
        """
        return not (self.captured or self.taken or self.removed or self.first)


class SyncFailed(
    OfSync, event="sync.failed", level=Level.WARNING, routine_when="the last sync with this server failed alike"
):
    """A sync with one server failed; nothing is lost, and it is tried again."""

    reason: SyncReason
    kind: str
    message: str
    seconds: float
    retry_in: float | None
    repeated: bool

    @property
    def is_routine(self) -> bool:
        """Whether this kind of failure was said before, with no other outcome since."""
        return self.repeated


class ServerChangedState(
    Happening, event="server.state", routine_when="a sync merely begins, or ends in the state in which it began"
):
    """A server's state is another than before.

    ``previous`` is the state before the sync began, so that a server which stays away is said to be away once.
    """

    server: str
    previous: str
    state: str
    sync_id: str | None = None

    @property
    def is_routine(self) -> bool:
        """Whether the state is one that every sync passes through, or the same as before it."""
        return self.state in ("syncing", self.previous)


class ServerStale(Happening, event="server.stale", level=Level.WARNING):
    """The last real success with a server lies long ago; said once until it succeeds, or the daemon starts anew."""

    server: str
    since: str | None


class ServerWentBack(OfSync, event="server.went_back", level=Level.WARNING):
    """The server shows an older blob than it did before; the present state is put up again."""


class ServerNearlyFull(Happening, event="server.nearly_full", level=Level.WARNING):
    """The blob is near the largest that the server takes; said once until it is smaller, or the daemon starts anew."""

    server: str
    sealed_bytes: int
    limit_bytes: int


class CopyJoined(OfSync, event="copy.joined"):
    """A conflict copy that another program made of the blob was joined; it is removed once that is stored."""

    sealed_bytes: int


class CopyUnreadable(OfSync, event="copy.unreadable", level=Level.WARNING):
    """A conflict copy that another program made of the blob cannot be read; it is left there, and said once a run."""

    message: str


class CloneSuspected(OfSync, event="clone.suspected", level=Level.WARNING):
    """Another copy of this wallet made operations under this writer id; the wallet goes on under a new one."""

    former_writer: str


class CloneLives(OfSync, event="clone.lives", level=Level.WARNING):
    """Another device syncs as this very wallet, with its keys: a copy of it lives."""


class StampCollision(OfSync, event="stamp.collision", level=Level.WARNING):
    """Two different values bear the same stamp, so a copy of a wallet is at work; one was kept everywhere."""

    elements: int


class TimePoisoned(OfSync, event="time.poisoned", level=Level.ERROR):
    """The blob holds a time impossibly far ahead; it is held until a person approves."""

    writer: str
    time: int
    largest_known: int


class ElementInvalidKept(OfSync, event="element.invalid_kept", level=Level.WARNING):
    """Elements whose values this version cannot read are kept and published as they are, but not applied."""

    set_name: str
    elements: int
