"""``walletsync explain``: what the next sync would say, or what the last merges changed here, and why."""

from collections.abc import Iterator

import click
from rich.console import RenderableType
from rich.text import Text

from ipc.cli.historyview import short_key
from ipc.cli.session import Session, cli_command
from ipc.cli.tables import table
from ipc.messages import ExplainResult, Explanation

_ALL_SERVERS = "all"
_CHANGE_WORDS = {
    "excluded": "left out",
    "new_there": "inserted",
    "later_stamp": "changed",
    "inserted_again": "inserted again",
    "delete_wins": "deleted",
    "gone_there": "deleted",
    "delete_noted": "delete noted",
}


@cli_command("walletsync explain", "walletsync explain --last --json")
@click.option("--last", is_flag=True, help="What the last merges changed here, since the daemon started.")
def command(session: Session, last: bool) -> None:
    """Show what the next sync would say, and why, without doing it.

    With --last it shows what the last merge with each server changed in this wallet, and by which rule. Nothing is
    synced or changed by asking, and no contents are shown.
    """
    with session.daemon() as daemon:
        explained = daemon.explain(last=last)
    document = {"api": 1, "entities": explained.entities, "omitted": explained.omitted}
    session.answer(document, lambda: _view(explained, last))


def _view(explained: ExplainResult, last: bool) -> Iterator[RenderableType]:
    if not explained.entities:
        yield Text(
            "Nothing to say: no merge has changed anything here since the daemon started."
            if last
            else "Nothing to say: the next sync brings the servers no news of this wallet."
        )
        return
    yield table(("Server", "Set", "Key", "What", "Why"), [_row(each) for each in explained.entities])
    if explained.omitted:
        yield f"\nThere are {explained.omitted:,} more."


def _row(each: Explanation) -> tuple[str, ...]:
    what = _CHANGE_WORDS.get(each.change, each.change)
    return each.server or _ALL_SERVERS, each.set, short_key(each.key), what, each.why
