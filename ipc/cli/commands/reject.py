"""``walletsync reject``: undoes a mass delete that is held, or does not follow a roll-over."""

import click

from ipc.cli.deciding import decided, show_and_ask
from ipc.cli.rotationview import decided_note, find_note, is_of_a_note, show_and_ask_of_note
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean


@cli_command("walletsync reject H1", "walletsync reject R1", asks=True)
@click.argument("held")
def command(session: Session, held: str) -> None:
    """Undo a held mass delete, or do not follow new keys.

    HELD is its id, as `walletsync status` shows it: H1 of a mass delete, R1 of a roll-over. What a mass delete deleted
    is live again, on all your wallets. A roll-over that is not followed stops the servers on which it was found for as
    long as they hold it.
    """
    if is_of_a_note(held):
        _stay(session, held)
        return
    with session.daemon() as daemon:
        if not session.assume_yes:
            show_and_ask(session, "reject", held, daemon.status().held)
        result = daemon.reject(held)
    decided(session, f"{clean(held)} is undone.", result.held)


def _stay(session: Session, held: str) -> None:
    with session.daemon() as daemon:
        note = find_note(daemon.status().notes, held)
        if note is not None:
            show_and_ask_of_note(session, "reject", note)
        result = daemon.reject(held)
    decided_note(session, f"{clean(held)} is not followed.", result.notes)
