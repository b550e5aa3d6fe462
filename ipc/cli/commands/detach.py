"""``walletsync detach``: takes all that walletsync added out of the wallet's database."""

from collections.abc import Iterator

from ipc.cli.output import remark
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean
from ipc.messages import DetachResult


@cli_command("walletsync detach", asks=True)
def command(session: Session) -> None:
    """Take walletsync out of the wallet's database.

    Everything that walletsync added there is removed: its triggers and tables. The wallet's own data stays as it is,
    and so do the keys and the copies on the servers. The daemon then ends. Starting it again attaches the wallet again.
    """
    with session.daemon() as daemon:
        if not session.assume_yes:
            _ask(session, daemon.status().wallet.path)
        result = daemon.detach()
    session.answer({"api": 1, "path": result.path}, lambda: _view(session, result))


def _ask(session: Session, path: str) -> None:
    remark(
        f"Everything that walletsync added to {clean(path)} is removed; the wallet's own data stays as it is.",
        "The daemon ends, and the wallet is not backed up until it is started again.",
    )
    session.confirm("Detach the wallet?")


def _view(session: Session, result: DetachResult) -> Iterator[str]:
    yield f"Nothing of walletsync is left in {clean(result.path)}. The daemon ends."
    yield "Starting it again attaches the wallet again; a service starts again when you log in the next time."
    yield f"To keep a service from that: {session.spelled('service uninstall')}"
