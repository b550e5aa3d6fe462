"""``walletsync leave``: syncs with a server no longer."""

from collections.abc import Iterator

import click

from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.output import remark
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean
from ipc.messages import LeaveResult, ServerStatus


@cli_command("walletsync leave sync.example.org", "walletsync leave backup --erase", asks=True)
@click.option("--erase", is_flag=True, help="Also empty the account at the server.")
@click.option("--circle", is_flag=True, hidden=True)
@click.argument("server", required=False)
def command(session: Session, server: str | None, erase: bool, circle: bool) -> None:
    """Sync with a server no longer.

    SERVER is the server's address or any unique part of it. The copy there stays, for your other wallets, unless
    --erase empties it. What this wallet holds is kept. It works offline too: what is to be done at the server is done
    when it can be reached.
    """
    if circle:
        raise _circle_stays(session)
    if not server:
        raise CommandFailed(ExitCode.USAGE, "which server is to be left?", f"{session.spelled('servers')} shows them.")
    with session.daemon() as daemon:
        if not session.assume_yes:
            _ask(session, server, daemon.status().servers, erase)
        result = daemon.leave(server, erase=erase)
    session.answer({"api": 1, "url": result.url, "erase": erase}, lambda: _view(result, erase))


def _circle_stays(session: Session) -> CommandFailed:
    return CommandFailed(
        ExitCode.USAGE,
        "a circle cannot be left as a whole yet; nothing was changed",
        f"Leave each of its servers instead: {session.spelled('leave SERVER')}",
    )


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
