"""``walletsync resume``: lets syncing go on after a pause."""

from ipc.cli.session import Session, cli_command


@cli_command("walletsync resume")
def command(session: Session) -> None:
    """Let syncing go on after a pause."""
    with session.daemon() as daemon:
        resumed = daemon.resume()
    session.answer({"api": 1, "paused": resumed.paused, "until": resumed.until}, lambda: ["Syncing goes on."])
