"""``walletsync leave``: syncs with a server no longer, or leaves the circle with all its servers."""

from collections.abc import Iterator

import click

from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.output import remark
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean
from ipc.messages import LeaveResult
from ipc.state import ServerStatus


@cli_command("walletsync leave sync.example.org", "walletsync leave --circle", asks=True)
@click.option("--erase", is_flag=True, help="Also empty the account at the server.")
@click.option("--circle", is_flag=True, help="Leave the circle, with all its servers.")
@click.argument("server", required=False)
def command(session: Session, server: str | None, erase: bool, circle: bool) -> None:
    """Sync with a server no longer.

    SERVER is the server's address or any unique part of it. The copy there stays, for your other wallets, unless
    --erase empties it. What this wallet holds is kept. It works offline too: what is to be done at the server is done
    when it can be reached.

    With --circle this wallet leaves all servers and your other wallets, and forgets the keys: it can then make a circle
    of its own or join another one.
    """
    if circle:
        _leave_circle(session, nothing_else=server is None and not erase)
        return
    if not server:
        raise CommandFailed(ExitCode.USAGE, "which server is to be left?", f"{session.spelled('servers')} shows them.")
    with session.daemon() as daemon:
        if not session.assume_yes:
            _ask(session, server, daemon.status().servers, erase)
        result = daemon.leave(server, erase=erase)
    session.answer({"api": 1, "url": result.url, "erase": erase}, lambda: _view(result, erase))


def _leave_circle(session: Session, *, nothing_else: bool) -> None:
    if not nothing_else:
        message = "--circle leaves all servers and empties none: it takes neither SERVER nor --erase"
        advice = f"To empty an account first: {session.spelled('leave SERVER --erase')}"
        raise CommandFailed(ExitCode.USAGE, message, advice)
    if not session.assume_yes:
        remark(
            "This wallet is then backed up nowhere, and in step with none of your others. What it holds is kept. It",
            "forgets the keys: only an invitation of another wallet, or a recovery sheet, leads back.",
        )
    session.confirm("Leave the circle?")
    with session.daemon() as daemon:
        result = daemon.leave_circle()
    session.answer({"api": 1, "urls": result.urls}, lambda: _circle_left(session, result.urls))


def _circle_left(session: Session, urls: list[str]) -> Iterator[str]:
    yield from (f"Left {clean(url)}." for url in urls)
    yield "This wallet is in no circle now."
    yield f"{session.spelled('enroll URL')} makes a new one, {session.spelled('join')} takes part in one."


def _ask(session: Session, part: str, servers: list[ServerStatus], erase: bool) -> None:
    """Say what leaving means and ask. What names no server, or several, is left for the daemon to refuse."""
    found = [server.url for server in servers if server.url == part] or [s.url for s in servers if part in s.url]
    if len(found) != 1:
        return
    url = clean(found[0])
    if erase:
        remark(
            f"The account at {url} is emptied, once it can be reached. If another wallet of yours still syncs with it,",
            "that one puts its own copy there again.",
        )
    else:
        remark(f"The copy at {url} stays as it is, for your other wallets; this one syncs with it no longer.")
    if len(servers) == 1:
        remark("It is the last server: from then on, this wallet is backed up nowhere.")
    session.confirm(f"Leave {url}?")


def _view(result: LeaveResult, erase: bool) -> Iterator[str]:
    yield f"Left {clean(result.url)}{'; the account there is emptied when it can be reached' if erase else ''}."
