"""What happens to the wallet database, and to what it holds."""

from pathlib import Path

from daemon.logs.happening import Happening, Level


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


class DeletesHeld(Happening, event="deletes.held", level=Level.WARNING):
    """A mass delete waits for a person to approve or reject it; everything else goes on."""

    direction: str
    rows: int


class WriterStarted(Happening, event="writer.started"):
    """The operations of this run are made under a new writer id."""

    writer: str


class DeletesDecided(Happening, event="deletes.decided"):
    """A person approved or rejected a mass delete that was held."""

    held: str
    decision: str


class ValuesRestored(Happening, event="values.restored"):
    """Deleted values were brought back, as a person asked."""

    rows: int
