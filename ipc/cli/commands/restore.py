"""``walletsync restore``: brings deleted values back."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import click

from ipc import BlockingClient
from ipc.cli.commands.history import MOST_ENTRIES
from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.historyview import counted, counts_in_words
from ipc.cli.moments import parse_moment
from ipc.cli.output import remark
from ipc.cli.session import Session, cli_command
from ipc.cli.telling import exact
from ipc.cli.words import count, parse_time
from ipc.messages import HistoryEntry, RestoreBlobResult, RestoreResult


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
    "walletsync restore --blob 2026-01-31",
    asks=True,
)
@click.option("--sync", "sync_id", metavar="ID", help="Everything that this sync deleted.")
@click.option(
    "--before", metavar="TIME", callback=_moment, help='Everything deleted since: "2 h ago", "2026-01-31 08:15".'
)
@click.option("--blob", "day", metavar="DAY", help="Everything that was there at the end of that day.")
@click.option("--changed", is_flag=True, help="With --blob: what was changed since becomes again what it was.")
@click.argument("ids", metavar="ID...", type=int, nargs=-1)
def command(
    session: Session,
    ids: tuple[int, ...],
    sync_id: str | None,
    before: datetime | None,
    day: str | None,
    changed: bool,
) -> None:
    """Bring deleted values back, on all your wallets.

    ID is the number that `walletsync history` lists a value with. With --before, everything is brought back that was
    deleted since that time, as it was then. What is there already is left as it is, and what was spent stays spent.

    With --blob a whole state is brought back that is kept of a day, also where servers and state were lost. What is
    there already stays, unless --changed is given.
    """
    if sum(map(bool, (ids, sync_id, before, day))) != 1 or (changed and not day):
        message = "say just one of these: the IDs of values, --sync ID, --before TIME, --blob DAY [--changed]"
        raise CommandFailed(ExitCode.USAGE, message, f"{session.spelled('history')} lists what can be had back.")
    if day is not None:
        _restore_blob(session, day, changed)
        return
    since = _protocol_time(before) if before else None
    with session.daemon() as daemon:
        if not session.assume_yes:
            _ask(session, daemon, ids, sync_id, before)
        result = daemon.restore(list(dict.fromkeys(ids)) or None, sync_id=sync_id, before=since)
    document = {"api": 1, "restored": result.restored, "spent": result.spent, "unknown": result.unknown}
    session.answer(document, lambda: _view(result))


def _restore_blob(session: Session, day: str, changed: bool) -> None:
    more = ", and make again what it was what was changed since" if changed else ""
    session.confirm(f"Bring back all that was there at the end of {day}{more}?")
    with session.daemon() as daemon:
        result = daemon.restore_blob(day, changed=changed)
    document = {
        "api": 1,
        "restored": result.restored,
        "changed": result.changed,
        "spent": result.spent,
        "unknown": result.unknown,
    }
    session.answer(document, lambda: _blob_view(result))


def _blob_view(result: RestoreBlobResult) -> Iterator[str]:
    if result.restored:
        yield f"Brought back: {counts_in_words(result.restored)}."
    if result.changed:
        yield f"Again as it was: {counts_in_words(result.changed)}."
    if result.restored or result.changed:
        yield "Your servers hear of it soon."
    if result.spent or result.unknown:
        yield from _left_out(result.spent, result.unknown)
    elif not result.restored and not result.changed:
        yield "All of that is there already; nothing was changed."


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


def _view(result: RestoreResult) -> Iterator[str]:
    if restored := result.restored:
        yield f"Brought back {count(len(restored), 'value')}: {counted(restored)}. Your servers hear of it soon."
    if result.spent or result.unknown:
        yield from _left_out(*(Counter(entry.set for entry in each) for each in (result.spent, result.unknown)))
    elif not restored:
        yield "All of that is there already; nothing was changed."


def _left_out(spent: Mapping[str, int], unknown: Mapping[str, int]) -> Iterator[str]:
    if spent:
        yield f"Left out, since it was spent or has moved on: {counts_in_words(spent)}."
    if unknown:
        yield f"Left out, since this wallet does not know whether it was spent: {counts_in_words(unknown)}."
        yield "Bring that back on a wallet of the kind that it is from."
