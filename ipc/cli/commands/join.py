"""``walletsync join``: takes part in a circle, with the invitation that another wallet shows.

An unsealed invitation is a secret. It is asked for without showing it, or read from standard input; as an argument it
could be read by every user of the machine for as long as the command runs, and in the shell's history ever after.
"""

import sys
from collections.abc import Iterator

import click

from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.invitation import Invitation, NoInvitation, read_invitation
from ipc.cli.output import remark
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean, listed

_STANDARD_INPUT = "-"
_MOST_CHARACTERS = 64 * 1024


@cli_command("walletsync join", "walletsync join - < invitation.txt", asks=True)
@click.argument("uri", metavar="[URI|-]", required=False)
def command(session: Session, uri: str | None) -> None:
    """Join your other wallets, by an invitation.

    `walletsync invite` on one of them shows it. It is asked for here, or read from standard input where "-" is given.
    As an argument it is taken only if it is sealed with a passphrase, since arguments are visible to others. What
    this wallet holds is kept: joining merges. Accept only your own invitation: all wallets of a circle can spend the
    same money.
    """
    text = _read(uri)
    invitation = _understood(text)
    if uri not in {None, _STANDARD_INPUT} and not invitation.sealed:
        raise _visible_to_others(session)
    if uri != _STANDARD_INPUT and not session.assume_yes:
        _ask(invitation)
    with session.daemon() as daemon:
        result = daemon.join(text)
    session.answer({"api": 1, "servers": result.servers}, lambda: _view(session, result.servers))


def _read(uri: str | None) -> str:
    if uri == _STANDARD_INPUT:
        return sys.stdin.read(_MOST_CHARACTERS).strip()
    if uri is not None:
        return uri
    if not sys.stdin.isatty():
        advice = "Read it from standard input instead: walletsync join -"
        raise CommandFailed(ExitCode.USAGE, "there is no terminal to ask for the invitation on", advice)
    entered: str = click.prompt("Invitation (it is not shown)", hide_input=True, err=True)
    return entered.strip()


def _understood(text: str) -> Invitation:
    try:
        return read_invitation(text)
    except NoInvitation as error:
        raise CommandFailed(ExitCode.USAGE, str(error), "`walletsync invite` on another wallet shows one.") from error


def _visible_to_others(session: Session) -> CommandFailed:
    return CommandFailed(
        ExitCode.USAGE,
        "this invitation is not sealed, so it must not be an argument: other users of this machine can see arguments",
        f"Run {session.spelled('join')} and enter it there, or let {session.spelled('join -')} read it from a file.",
        "It is in your shell's history now: remove it there.",
    )


def _ask(invitation: Invitation) -> None:
    if not sys.stdin.isatty():
        raise CommandFailed(
            ExitCode.USAGE, "there is no terminal to ask on whether to join", "Add --yes to agree to it."
        )
    if invitation.servers:
        remark(f"The invitation names {clean(listed(invitation.servers))}.")
    remark("All wallets that share it will hold the same money and can spend it. Accept only your own invitation.")
    click.confirm("Join?", abort=True, err=True)


def _view(session: Session, servers: list[str]) -> Iterator[str]:
    names = clean(listed(servers)) if servers else "no server"
    yield f"Joined, with {names}. The first sync begins now; see {session.spelled('status')}."
