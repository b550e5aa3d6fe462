"""``walletsync passphrase``: seals this wallet's keys, where they lie on this machine, with a passphrase."""

from collections.abc import Iterator

import click

from ipc.cli.output import remark
from ipc.cli.passphrase import new_passphrase
from ipc.cli.service.look import service_of
from ipc.cli.service.manager import real_manager
from ipc.cli.session import Session, cli_command

_FORGOTTEN = "Who forgets it needs a recovery sheet or another wallet of the circle, to join again."


@cli_command("walletsync passphrase", "walletsync passphrase --remove", asks=True)
@click.option("--remove", is_flag=True, help="Keep the keys unsealed from now on.")
def command(session: Session, remove: bool) -> None:
    """Seal this wallet's keys with a passphrase, or change it.

    Who gets hold of this machine's disk, or of a backup of it, has your keys unless they are sealed. From its next
    start on walletsyncd needs the passphrase: it asks for it on its terminal, and as a service it takes it from a
    credential. The passphrase is asked for here, or is the first line of standard input where that is no terminal.
    """
    if remove:
        session.confirm("Keep the keys unsealed on this machine's disk?")
    else:
        _ask(session)
    passphrase = None if remove else new_passphrase("Passphrase for the keys (it is not shown)")
    with session.daemon() as daemon:
        result = daemon.seal(passphrase)
    session.answer({"api": 1, "sealed": result.sealed}, lambda: _view(result.sealed))


def _ask(session: Session) -> None:
    """Say what it means for a service, which has no terminal, and ask."""
    if session.assume_yes or not service_of(session, real_manager()).file.exists():
        return
    remark(
        "walletsync runs as a service here, which can ask nobody: from its next start on it needs the passphrase as",
        "the credential walletsync-passphrase, or it does not start. To give it one, run, with a file that holds it:",
        f"  {session.spelled('service install')} --credential passphrase=FILE",
    )
    session.confirm("Seal the keys?")


def _view(sealed: bool) -> Iterator[str]:
    if sealed:
        yield "The keys are sealed. walletsyncd needs the passphrase from its next start on."
        yield _FORGOTTEN
    else:
        yield "The keys are kept unsealed, for this user alone."
