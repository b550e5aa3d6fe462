"""``walletsync approve``: carries out a mass delete that is held."""

import click

from ipc.cli.deciding import decided, show_and_ask
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean


@cli_command("walletsync approve H1", asks=True)
@click.argument("held")
def command(session: Session, held: str) -> None:
    """Carry out a mass delete that is held.

    HELD is its id, as `walletsync status` shows it. It is held since it would delete much at once. What it deletes can
    be had back for some time: `walletsync history` shows it.
    """
    with session.daemon() as daemon:
        if not session.assume_yes:
            show_and_ask(session, "approve", held, daemon.status().held)
        result = daemon.approve(held)
    decided(session, f"{clean(held)} is carried out.", result.held)
