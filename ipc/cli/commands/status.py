"""``walletsync status``: how it stands with the wallet, its servers and its circle."""

from ipc.cli.session import Session, cli_command
from ipc.cli.statusview import status_view


@cli_command("walletsync status", "walletsync status --json")
def command(session: Session) -> None:
    """Show how it stands with wallet, servers and circle.

    What needs your attention comes last. Ends with 0 whenever it could print.
    """
    with session.daemon() as daemon:
        status = daemon.status()
    session.answer(status, lambda: status_view(status, session.now()))
