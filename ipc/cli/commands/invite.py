"""``walletsync invite``: shows the invitation to the circle, as a QR code and as an address."""

from ipc.cli.output import print_document, remark
from ipc.cli.qr import qr_lines
from ipc.cli.session import Session, cli_command

_WARNING = (
    "Whoever has this invitation can read your wallets and spend your money.",
    "Show it to nobody, and send it through no channel that others can read.",
)


@cli_command("walletsync invite", "walletsync invite --json")
def command(session: Session) -> None:
    """Show the invitation for another wallet of yours.

    Scan the QR code with it, or give the address to `walletsync join` there. Into a pipe, the address alone is
    written.
    """
    with session.daemon() as daemon:
        result = daemon.invite()
    if session.as_json:
        print_document(result)
        return
    if session.console.is_terminal:
        _show_code(session, result.uri)
    session.show(result.uri)
    remark(*_WARNING)


def _show_code(session: Session, uri: str) -> None:
    lines = qr_lines(uri, colours=session.console.color_system is not None)
    width = lines[0].cell_len
    if width > session.console.width:
        session.show(f"(The QR code needs a terminal of {width} columns; this one has {session.console.width}.)")
        return
    for line in lines:
        session.console.print(line, soft_wrap=True)
