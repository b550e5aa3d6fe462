"""What happens in the life of the daemon: its start and end, its wallet, its sockets."""

from pathlib import Path

from daemon.logs.happening import Happening, Level

# The daemon itself.


class DaemonStarted(Happening, event="daemon.started"):
    """The daemon has read its settings and begins its work."""

    version: str
    home: Path


class DaemonReady(Happening, event="daemon.ready"):
    """The daemon answers on its sockets and syncs from here on."""

    wallet_id: str
    nickname: str
    servers: int
    seconds: float


class DaemonStopping(Happening, event="daemon.stopping"):
    """The daemon was asked to end, and ends."""

    reason: str


class DaemonFailed(Happening, event="daemon.failed", level=Level.CRITICAL):
    """The daemon ends, since it met a fault that it cannot work round."""

    message: str
    exit_code: int


class DaemonCutShort(Happening, event="daemon.cut_short", level=Level.WARNING):
    """A step that was under way did not end in time, and is left to the next start, which repeats it."""

    seconds: float


class DaemonStalled(Happening, event="daemon.stalled", level=Level.ERROR):
    """Work makes no progress; the watchdog is not fed any more, and the service manager starts the daemon anew."""

    message: str
    seconds: float


class DaemonPaused(Happening, event="daemon.paused"):
    """Syncing rests, as a person wants it: until this time, or until it is resumed."""

    until: str | None


class DaemonResumed(Happening, event="daemon.resumed"):
    """Syncing goes on."""

    reason: str


class MachineSlept(Happening, event="machine.slept"):
    """The machine was asleep; all servers are asked at once."""

    seconds: float


class ClockUnwatched(Happening, event="clock.unwatched", level=Level.DEBUG):
    """The system cannot tell when its wall clock is set; a sleep is noticed with the next sync."""

    message: str


class NetworkBack(Happening, event="network.back", level=Level.DEBUG):
    """The network is another than before; servers that could not be reached are tried soon."""


class ConfigReloaded(Happening, event="config.reloaded"):
    """The configuration was read anew, and holds, but for changes that need a restart."""

    changed: list[str]
    restart: list[str]


class ConfigKept(Happening, event="config.kept", level=Level.ERROR):
    """The configuration was to be read anew and cannot be used; the settings stay as they were."""

    path: Path
    message: str


class ConfigUnusable(Happening, event="config.unusable", level=Level.ERROR):
    """The configuration cannot be used; the daemon does not start."""

    path: Path
    message: str


class HomeIsTaken(Happening, event="home.taken", level=Level.ERROR):
    """Another daemon works in this home; this one does not start."""

    home: Path


class ExceptionStray(Happening, event="exception.stray", level=Level.ERROR):
    """An exception reached no code that could handle it; the daemon goes on."""

    where: str


class LibrarySpoke(Happening, event="library.spoke", level=Level.WARNING):
    """A library that the daemon uses had something to complain of."""

    library: str
    message: str


class NotifyFailed(Happening, event="notify.failed", level=Level.DEBUG):
    """The service manager could not be told something; said once per run."""

    message: str


# The wallet's keys, the circle and the servers.


class SecretsCreated(Happening, event="secrets.created"):
    """The wallet was given its keys, and so its identity."""

    path: Path
    wallet_id: str


class SecretsSealed(Happening, event="secrets.sealed"):
    """The wallet's keys were sealed with a passphrase where they lie, or are kept unsealed from now on."""

    path: Path
    sealed: bool


class CircleUnreachable(Happening, event="circle.unreachable", level=Level.WARNING):
    """The keys name a circle, but no server of it is known: the state was lost, or all servers were left."""


class CircleLeft(Happening, event="circle.left"):
    """The wallet left its circle, and forgot the root secret."""

    servers: int


class CircleCreated(Happening, event="circle.created"):
    """A new circle was made, with this wallet as its first."""

    server: str


class CircleJoined(Happening, event="circle.joined"):
    """The wallet joined a circle by invitation."""

    servers: int


class ServerEnrolled(Happening, event="server.enrolled"):
    """The wallet syncs with one more server from now on."""

    server: str


class ServerReaddressed(Happening, event="server.readdressed"):
    """An enrolled server is reached under another address from now on."""

    server: str
    former: str


class ServerLeft(Happening, event="server.left"):
    """The wallet syncs with one server less from now on."""

    server: str


class ServerLeftMoved(Happening, event="server.left_moved"):
    """An account that was left has moved: the note that says so stays there, and nothing else is left to be done."""

    server: str
    erase: bool


class DeletesHeld(Happening, event="deletes.held", level=Level.WARNING):
    """A mass delete waits for a person to approve or reject it; everything else goes on."""

    direction: str
    rows: int


class WriterStarted(Happening, event="writer.started"):
    """The operations of this run are made under a new writer id."""

    writer: str


# The wallet database.


class WalletAbsent(Happening, event="wallet.absent", level=Level.WARNING):
    """The wallet database is not there; the daemon waits for it."""

    path: Path


class WalletIsUnfit(Happening, event="wallet.unfit", level=Level.ERROR):
    """The wallet database does not fit its profile; the daemon does not touch it."""

    path: Path
    profile: str
    message: str


class WalletUnusable(Happening, event="wallet.unusable", level=Level.WARNING):
    """The wallet database is there, but for now cannot be read or written; the daemon waits."""

    path: Path
    state: str
    message: str


class WalletOk(Happening, event="wallet.ok"):
    """The wallet database is there and fits its profile."""

    path: Path
    profile: str


class WalletApplied(Happening, event="wallet.applied", level=Level.DEBUG):
    """Changes of other wallets were written to the wallet database."""

    rows: int


class WalletRowRefused(
    Happening, event="wallet.row_refused", level=Level.WARNING, routine_when="the same set refused before"
):
    """The wallet database refused rows; they are kept and tried again with the next merge."""

    set_name: str
    rows: int
    message: str
    repeated: bool

    @property
    def is_routine(self) -> bool:
        """Whether this was said before."""
        return self.repeated


class WalletDetached(Happening, event="wallet.detached"):
    """All that walletsync had added to the wallet database was removed, as a person asked; the daemon ends."""

    path: Path


class WalletHealing(Happening, event="wallet.healing", level=Level.WARNING):
    """The wallet database is not the one last seen (restored or replaced); it is made whole from the circle."""

    message: str


class CaptureCaptured(Happening, event="capture.captured", level=Level.DEBUG):
    """Changes that the wallet made were taken up."""

    inserts: int
    deletes: int


class CaptureTriggersInstalled(Happening, event="capture.triggers_installed"):
    """The triggers that note changes were added to the wallet database."""


class CaptureLeftOut(
    Happening, event="capture.left_out", level=Level.WARNING, routine_when="the same set left rows out before"
):
    """Rows are too large for any blob; they stay as they are in this wallet, and the others do not get them."""

    set_name: str
    message: str
    repeated: bool

    @property
    def is_routine(self) -> bool:
        """Whether this was said before."""
        return self.repeated


class CaptureLogDisagreed(Happening, event="capture.log_disagreed", level=Level.WARNING):
    """A full scan found changes that the change log did not name; they were taken up."""

    rows: int


class TombstonesCollected(Happening, event="tombstones.collected", level=Level.DEBUG):
    """Tombstones that every wallet has seen were dropped."""

    tombstones: int


# The sockets.


class IpcRefused(Happening, event="ipc.refused", level=Level.WARNING):
    """A caller on the socket was turned away."""

    message: str
    uid: int | None = None
    pid: int | None = None


class IpcFault(Happening, event="ipc.fault", level=Level.ERROR):
    """A request failed by a fault of the daemon; the caller was told so."""

    method: str
