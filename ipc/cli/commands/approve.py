"""``walletsync approve``: carries out a mass delete that is held, follows a roll-over, or takes a time that is held."""

from collections.abc import Sequence

import click

from ipc.cli.deciding import decided, show_and_ask
from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.output import remark
from ipc.cli.rotationview import decided_note, find_note, is_of_a_note, show_and_ask_of_note
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean
from ipc.state import FarTime


@cli_command("walletsync approve H1", "walletsync approve R1", asks=True)
@click.argument("held")
def command(session: Session, held: str) -> None:
    """Carry out a held mass delete, or follow new keys.

    HELD is its id, as `walletsync status` shows it: H1 of a mass delete, R1 of a roll-over. A mass delete is held since
    it would delete much at once. What it deletes can be had back for some time: `walletsync history` shows it. Before
    a roll-over is followed, compare its code with the one that the wallet shows which made it.

    Where its id begins with T it is a time impossibly far ahead, which a broken wallet has put into your circle:
    approved, what that wallet stored is taken here, and all counts on from there.
    """
    if is_of_a_note(held):
        _follow(session, held)
        return
    with session.daemon() as daemon:
        if not session.assume_yes:
            status = daemon.status()
            show_and_ask(session, "approve", held, status.held)
            _ask_about_time(session, held, status.far_times)
        result = daemon.approve(held)
    decided(session, f"{clean(held)} is carried out.", result.held)


def _follow(session: Session, held: str) -> None:
    with session.daemon() as daemon:
        note = find_note(daemon.status().notes, held)
        if note is None:
            raise CommandFailed(
                ExitCode.REFUSED,
                f"nothing waits for you as {clean(held)}",
                f"{session.spelled('status')} shows what does.",
            )
        show_and_ask_of_note(session, "approve", note)
        result = daemon.approve(held, note.code)
    decided_note(session, f"This wallet follows the roll-over by {clean(note.signer.shown_as)}.", result.notes)


def _ask_about_time(session: Session, held: str, far_times: Sequence[FarTime]) -> None:
    """Say what it means to take a time that is held, and ask."""
    far = next((each for each in far_times if each.id == held.upper()), None)
    if far is not None:
        remark(
            f"A wallet of yours has put a time impossibly far ahead into {clean(far.server)}.",
            "If you approve, what it stored there is taken, and later changes of it win over those of before.",
        )
        session.confirm(f"Approve {far.id}?")
