"""``walletsync recovery``: makes the sheet with which a machine that has nothing else gets the wallet back."""

from collections.abc import Callable
from pathlib import Path

import click

from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.newfile import check_new_file, write_new_file
from ipc.cli.output import print_document, remark
from ipc.cli.passphrase import new_passphrase
from ipc.cli.qr import show_code
from ipc.cli.session import Session, cli_command
from ipc.cli.sheet import Sheet, as_text, drawn, parts
from ipc.cli.sheetpicture import as_svg
from ipc.cli.words import clean
from ipc.messages import InviteResult
from ipc.state import WalletStatus

_DRAW_BY_SUFFIX: dict[str, Callable[[Sheet], str]] = {".svg": as_svg, ".txt": as_text}


@cli_command("walletsync recovery --out sheet.svg", "walletsync recovery --passphrase | lp")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Write it into a new file, .svg or .txt.")
@click.option("--passphrase", "sealed", is_flag=True, help="Seal it with a passphrase, which is asked for.")
def command(session: Session, out: Path | None, sealed: bool) -> None:
    """Make a recovery sheet, to be printed.

    With the sheet alone, and one of your servers, the whole wallet comes back on a machine that has nothing else. It
    says what to do, and holds the invitation to your circle as a QR code and as text to be typed. Whoever has it can
    spend your money: keep it as you keep cash. With --passphrase it is of no use without the passphrase, which is
    asked for on the terminal, or is the first line of standard input where that is none.
    """
    if out is not None:
        _check(out)
    passphrase = new_passphrase("Passphrase for the sheet (it is not shown)") if sealed else None
    with session.daemon() as daemon:
        sheet = _sheet(session, daemon.status().wallet, daemon.invite(passphrase))
    if out is not None:
        write_new_file(out, _DRAW_BY_SUFFIX[out.suffix](sheet).encode())
    if session.as_json:
        print_document(_document(sheet, out))
    elif out is not None:
        session.show(f"Wrote {clean(str(out))}. Print it, and then delete the file.")
    else:
        _show(session, sheet)
    if sealed:
        remark("The passphrase is not on it: without the passphrase, it is of no use to you either.")
    else:
        remark("Whoever has this sheet can read your wallets and spend your money: keep it as you keep cash.")


def _check(out: Path) -> None:
    if out.suffix not in _DRAW_BY_SUFFIX:
        message = f"{out} is neither .svg, a picture of the sheet, nor .txt, its text"
        raise CommandFailed(ExitCode.USAGE, message, "Name a file that ends with one of these.")
    check_new_file(out)


def _sheet(session: Session, wallet: WalletStatus, invitation: InviteResult) -> Sheet:
    return Sheet(
        uri=invitation.uri,
        sealed=invitation.sealed,
        servers=invitation.servers,
        nickname=wallet.shown_as,
        profile=wallet.profile,
        made=f"{session.now().astimezone():%Y-%m-%d}",
    )


def _document(sheet: Sheet, out: Path | None) -> dict[str, object]:
    """Return the answer for scripts. What was written into a file is not told a second time."""
    return {
        "api": 1,
        "uri": None if out is not None else sheet.uri,
        "file": None if out is None else str(out.absolute()),
        "sealed": sheet.sealed,
        "servers": list(sheet.servers),
        "made": sheet.made,
    }


def _show(session: Session, sheet: Sheet) -> None:
    """Show the sheet; on a terminal its code as light as paper is."""
    if not session.console.is_terminal:
        session.show(as_text(sheet).rstrip())
        return
    for part in parts(sheet):
        if part.kind == "code":
            show_code(session.console, sheet.uri)
        else:
            session.show("\n".join(drawn(part)))
