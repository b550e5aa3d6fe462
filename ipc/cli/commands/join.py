"""``walletsync join``: takes part in a circle, with the invitation that another wallet shows.

An unsealed invitation is a secret. It is asked for without showing it, or read from standard input; as an argument it
could be read by every user of the machine for as long as the command runs, and in the shell's history ever after. A
sealed one may be an argument; its passphrase is asked for, or is the next line of standard input.
"""

import sys
from collections.abc import Iterator

import click

from ipc.cli.entered import line_entered
from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.invitation import Invitation, NoInvitation, read_invitation
from ipc.cli.output import remark
from ipc.cli.passphrase import known_passphrase
from ipc.cli.service.look import service_of
from ipc.cli.service.manager import real_manager
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean, listed

_STANDARD_INPUT = "-"
_MOST_CHARACTERS = 64 * 1024


@cli_command("walletsync join", "walletsync join - < invitation.txt", asks=True)
@click.argument("uri", metavar="[URI|-]", required=False)
def command(session: Session, uri: str | None) -> None:
    """Join your other wallets, by an invitation.

    `walletsync invite` on one of them shows it. It is asked for here, or read from standard input where "-" is given.
    As an argument it is taken only if it is sealed with a passphrase, since arguments are visible to others. The
    passphrase is asked for, or read from standard input, after the invitation if that comes from there too. What this
    wallet holds is kept: joining merges. Accept only your own invitation: all wallets of a circle can spend the same
    money.
    """
    text = _read(session, uri)
    invitation = _understood(text)
    if uri not in {None, _STANDARD_INPUT} and not invitation.sealed:
        raise _visible_to_others(session)
    if uri != _STANDARD_INPUT and not session.assume_yes:
        _ask(session, invitation)
    question = "Passphrase of the invitation (it is not shown)"
    passphrase = known_passphrase(question) if invitation.sealed else None
    with session.daemon() as daemon:
        result = daemon.join(text, passphrase)
    session.answer({"api": 1, "servers": result.servers}, lambda: _view(session, result.servers))
    service_of(session, real_manager()).remark_if_closed_for(result.servers)


def _read(session: Session, uri: str | None) -> str:
    if uri == _STANDARD_INPUT:
        return line_entered(_MOST_CHARACTERS).strip()
    if uri is not None:
        return uri
    if not sys.stdin.isatty():
        advice = f"Read it from standard input instead: {session.spelled('join -')}"
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


def _ask(session: Session, invitation: Invitation) -> None:
    if invitation.servers:
        remark(f"The invitation names {clean(listed(invitation.servers))}.")
    remark("All wallets that share it will hold the same money and can spend it. Accept only your own invitation.")
    session.confirm("Join?")


def _view(session: Session, servers: list[str]) -> Iterator[str]:
    names = clean(listed(servers)) if servers else "no server"
    yield f"Joined, with {names}. The first sync begins now; see {session.spelled('status')}."
