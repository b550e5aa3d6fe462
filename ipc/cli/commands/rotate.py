"""``walletsync rotate``: rolls the circle over to new keys, for the wallets kept."""

from collections.abc import Iterator

import click
from rich.console import RenderableType

from ipc.cli.output import remark, remark_part
from ipc.cli.rotationview import who_view
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean
from ipc.messages import RotateResult


@cli_command("walletsync rotate --keep desktop --keep tablet", "walletsync rotate --keep phone#2 --yes", asks=True)
@click.option("--keep", "keep", multiple=True, metavar="NAME", required=True, help="A wallet to keep; once for each.")
@click.argument("more", nargs=-1, metavar="[NAME]...")
def command(session: Session, keep: tuple[str, ...], more: tuple[str, ...]) -> None:
    """Roll the circle over to new keys, and leave wallets out.

    NAME is a wallet to keep, as `walletsync wallets` shows it, or its id; this wallet is always kept. All others are
    left out: from then on they can read nothing new. Each wallet that is kept asks its user, who compares the code
    that is shown here with the one shown there, and then follows. It works offline too: servers that cannot be
    reached now are told when they can be.
    """
    names = [*keep, *more]
    with session.daemon() as daemon:
        if not session.assume_yes:
            _ask(session, daemon.rotate(names, dry_run=True))
        result = daemon.rotate(names)
    session.answer(_document(result), lambda: _view(result))


def _ask(session: Session, planned: RotateResult) -> None:
    remark_part(who_view(planned.kept, planned.left_out))
    if not planned.left_out:
        remark("Nobody is left out: all your wallets get new keys.")
    remark("Wallets that are left out keep what they have, and get nothing new. It cannot be taken back; a wallet that")
    remark("was left out can be invited again.")
    session.confirm("Roll the circle over?")


def _document(result: RotateResult) -> dict[str, object]:
    return {"api": 1, "code": result.code, "kept": result.kept, "left_out": result.left_out}


def _view(result: RotateResult) -> Iterator[RenderableType]:
    yield who_view(result.kept, result.left_out)
    yield ""
    yield f"The circle has new keys. The code is {clean(result.code or '')}."
    if len(result.kept) > 1:
        yield (
            "Now approve it on each of the other wallets kept, if it shows this code: "
            "`walletsync status` there shows the command, and here who has yet to follow."
        )
    yield "Invitations and recovery sheets made before are of no use any more: make new ones."
