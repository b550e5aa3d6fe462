"""``walletsync history``: what was deleted and can be had back."""

from collections.abc import Iterator

import click
from rich.console import RenderableType

from ipc.cli.historyview import blobs_view, entries_view, entry_view
from ipc.cli.output import remark
from ipc.cli.session import Session, cli_command
from ipc.cli.telling import Telling, times_option
from ipc.messages import HistoryResult

MOST_ENTRIES = 1000  # that the daemon lists in one answer


@cli_command("walletsync history show 12")
@times_option
@click.argument("entry", metavar="ID", type=int)
def show(session: Session, entry: int, times: str) -> None:
    """Show one deleted value.

    ID is the number that `walletsync history` lists it with. The value may hold secrets of your wallet.
    """
    with session.daemon() as daemon:
        shown = daemon.history_show(entry)
    session.answer(
        {"api": 1, "entry": shown.entry, "value": shown.value}, lambda: entry_view(shown, session.telling(times))
    )
    if session.console.is_terminal:
        remark("", "It may hold secrets of your wallet: show it to nobody.")


@cli_command("walletsync history", "walletsync history --limit 1000 --times exact", commands=(show,))
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_ENTRIES),
    metavar="N",
    default=100,
    show_default=True,
    help="How many at most.",
)
@times_option
def command(session: Session, limit: int, times: str) -> None:
    """Show what was deleted and can be had back.

    The newest comes first, and last of which days a whole state is kept.
    Deleted values are kept sealed on this machine for some days (undo_days in the configuration, 30 if it says
    nothing). `walletsync restore` brings them back.
    """
    with session.daemon() as daemon:
        kept = daemon.history(limit)
    document = {"api": 1, "entries": kept.entries, "blobs": kept.blobs}
    session.answer(document, lambda: _view(kept, limit, session.telling(times)))


def _view(kept: HistoryResult, limit: int, telling: Telling) -> Iterator[RenderableType]:
    yield from entries_view(kept.entries, telling)
    if len(kept.entries) == limit < MOST_ENTRIES:
        yield f"\nThese are the newest {limit}; --limit shows more."
    yield from blobs_view(kept.blobs, telling)
