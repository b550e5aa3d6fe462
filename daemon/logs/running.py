"""What happens in the life of the daemon: its start and end, what it meets outside, and who calls it."""

from pathlib import Path

from daemon.logs.happening import Happening, Level


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


class IpcRefused(Happening, event="ipc.refused", level=Level.WARNING):
    """A caller on the socket was turned away."""

    message: str
    uid: int | None = None
    pid: int | None = None


class IpcFault(Happening, event="ipc.fault", level=Level.ERROR):
    """A request failed by a fault of the daemon; the caller was told so."""

    method: str
