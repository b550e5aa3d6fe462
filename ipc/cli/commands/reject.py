"""``walletsync reject``: undoes a mass delete that is held."""

import click

from ipc.cli.deciding import decided, show_and_ask
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean


@cli_command("walletsync reject H1", asks=True)
@click.argument("held")
def command(session: Session, held: str) -> None:
    """Undo a mass delete that is held.

    HELD is its id, as `walletsync status` shows it. What it deleted is live again, on all your wallets.
    """
    with session.daemon() as daemon:
        if not session.assume_yes:
            show_and_ask(session, "reject", held, daemon.status().held)
        result = daemon.reject(held)
    decided(session, f"{clean(held)} is undone.", result.held)
