"""``walletsync restore``: brings deleted values back."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from ipc import BlockingClient
from ipc.cli.commands.history import MOST_ENTRIES
from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.historyview import counted
from ipc.cli.moments import parse_moment
from ipc.cli.output import remark
from ipc.cli.session import Session, cli_command
from ipc.cli.telling import exact
from ipc.cli.words import count, parse_time
from ipc.messages import HistoryEntry


def _moment(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_moment(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@cli_command(
    "walletsync restore 12 13",
    "walletsync restore --sync 9d7a1f3c22e0b415",
    'walletsync restore --before "2 h ago"',
    asks=True,
)
@click.option("--sync", "sync_id", metavar="ID", help="Everything that this sync deleted.")
@click.option(
    "--before", metavar="TIME", callback=_moment, help='Everything deleted since: "2 h ago", "2026-01-31 08:15".'
)
@click.argument("ids", metavar="ID...", type=int, nargs=-1)
def command(session: Session, ids: tuple[int, ...], sync_id: str | None, before: datetime | None) -> None:
    """Bring deleted values back, on all your wallets.

    ID is the number that `walletsync history` lists a value with. With --before, everything is brought back that was
    deleted since that time, as it was then. What is there already is left as it is.
    """
    if sum(map(bool, (ids, sync_id, before))) != 1:
        message = "say just one of these: the IDs of values, --sync ID, --before TIME"
        raise CommandFailed(ExitCode.USAGE, message, f"{session.spelled('history')} lists what can be had back.")
    since = _protocol_time(before) if before else None
    with session.daemon() as daemon:
        if not session.assume_yes:
            _ask(session, daemon, ids, sync_id, before)
        result = daemon.restore(list(dict.fromkeys(ids)) or None, sync_id=sync_id, before=since)
    session.answer({"api": 1, "restored": result.restored}, lambda: _view(result.restored))


def _ask(
    session: Session, daemon: BlockingClient, ids: Sequence[int], sync_id: str | None, before: datetime | None
) -> None:
    """Say how much would come back, and ask. Where nothing would, that is left for the daemon to say."""
    if ids:
        session.confirm(f"Bring {count(len(set(ids)), 'deleted value')} back?")
        return
    entries = daemon.history(MOST_ENTRIES).entries
    if before is not None:
        remark(f"That is everything that was deleted since {exact(before)}.")
        chosen = _first_of_each([entry for entry in entries if parse_time(entry.at) >= before])
    else:
        chosen = [entry for entry in entries if entry.sync_id == sync_id]
    if chosen:
        more = " or more" if len(entries) == MOST_ENTRIES else ""  # older ones are not listed
        session.confirm(f"Bring {count(len(chosen), 'deleted value')}{more} back ({counted(chosen)})?")


def _first_of_each(newest_first: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    return list({(entry.set, entry.key): entry for entry in newest_first}.values())


def _protocol_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _view(restored: Sequence[HistoryEntry]) -> Iterator[str]:
    if restored:
        yield f"Brought back {count(len(restored), 'value')}: {counted(restored)}. Your servers hear of it soon."
    else:
        yield "All of that is there already; nothing was changed."
