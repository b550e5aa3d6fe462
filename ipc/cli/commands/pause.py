"""``walletsync pause``: lets all syncing rest, for a while or until it is resumed."""

from collections.abc import Iterator

import click
from rich.console import RenderableType

from config.units import parse_duration
from ipc.cli.session import Session, cli_command
from ipc.cli.words import distance


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if not 1 <= seconds <= 366 * 86400:
        raise click.BadParameter("a pause lasts from 1 s to 366 days; without --for it lasts until `walletsync resume`")
    return seconds


@cli_command("walletsync pause", 'walletsync pause --for "2 h"')
@click.option("--for", "seconds", metavar="DURATION", callback=_seconds, help='How long, such as "30 min" or "2 h".')
def command(session: Session, seconds: float | None) -> None:
    """Let all syncing rest, until you resume it or for a while.

    It rests over a restart too. Changes of the wallet are not lost: they are synced afterwards. `walletsync sync`
    still syncs once.
    """
    with session.daemon() as daemon:
        paused = daemon.pause(seconds)
    session.answer({"api": 1, "paused": paused.paused, "until": paused.until}, lambda: _view(session, seconds))


def _view(session: Session, seconds: float | None) -> Iterator[RenderableType]:
    if seconds is None:
        yield f"Syncing rests until you say {session.spelled('resume')}"
    else:
        yield f"Syncing rests for {distance(seconds)}; {session.spelled('resume')} lets it go on before."
