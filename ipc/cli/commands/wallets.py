"""``walletsync wallets``: the wallets of the circle."""

from ipc.cli.session import Session, cli_command
from ipc.cli.statusview import wallets_view


@cli_command("walletsync wallets")
def command(session: Session) -> None:
    """Show your wallets, and when each was last heard of."""
    with session.daemon() as daemon:
        result = daemon.wallets()
    session.answer({"api": 1, "wallets": result.wallets}, lambda: [wallets_view(result.wallets, session.now())])
