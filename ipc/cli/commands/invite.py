"""``walletsync invite``: shows the invitation to the circle, as a QR code and as an address."""

from pathlib import Path

import click

from ipc.cli.newfile import check_new_file, write_new_file
from ipc.cli.output import print_document, remark
from ipc.cli.passphrase import new_passphrase
from ipc.cli.qr import png_of, show_code
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean

_WARNING = (
    "Whoever has this invitation can read your wallets and spend your money.",
    "Show it to nobody, and send it through no channel that others can read.",
)
_SEALED_WARNING = (
    "Whoever has this invitation and its passphrase can read your wallets and spend your money.",
    "Tell the passphrase another way than the invitation.",
)


@cli_command("walletsync invite", "walletsync invite --passphrase --png invitation.png")
@click.option("--passphrase", "sealed", is_flag=True, help="Seal it with a passphrase, which is asked for.")
@click.option("--png", metavar="FILE", type=click.Path(path_type=Path), help="Write the QR code into a new file.")
def command(session: Session, sealed: bool, png: Path | None) -> None:
    """Show the invitation for another wallet of yours.

    Scan the QR code with it, or give the address to `walletsync join` there. Into a pipe, the address alone is
    written. A passphrase is asked for on the terminal, or is the first line of standard input where that is none.
    """
    if png is not None:
        check_new_file(png)
    passphrase = new_passphrase("Passphrase for the invitation (it is not shown)") if sealed else None
    with session.daemon() as daemon:
        result = daemon.invite(passphrase)
    if png is not None:
        write_new_file(png, png_of(result.uri))
    if session.as_json:
        print_document(result)
        return
    if png is not None:
        remark(f"Wrote the QR code into {clean(str(png))}")
    elif session.console.is_terminal:
        show_code(session.console, result.uri)
    session.show(result.uri)
    remark(*(_SEALED_WARNING if result.sealed else _WARNING))
