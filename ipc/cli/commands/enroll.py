"""``walletsync enroll``: takes up a server."""

from collections.abc import Iterator

import click

from ipc.cli.service.look import service_of
from ipc.cli.service.manager import real_manager
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean
from ipc.messages import EnrollResult


@cli_command(
    "walletsync enroll file:///media/backup/walletsync/",
    "walletsync enroll https://sync.example.org/",
)
@click.argument("url")
@click.option("--as", "identity", metavar="IDENTITY", help="The server that has moved to this address, by its old one.")
def command(session: Session, url: str, identity: str | None) -> None:
    """Take up a server.

    URL names a folder (file:///...) or a sync server (https://...). The first one makes your circle; from then on
    `walletsync invite` lets other wallets join it. With --as, an account that you have already is reached under a new
    address: it names the old one.
    """
    with session.daemon() as daemon:
        result = daemon.enroll(url, identity=identity)
    document = {
        "api": 1,
        "url": result.url,
        "identity": result.identity,
        "circle_created": result.circle_created,
    }
    session.answer(document, lambda: _view(session, result))
    service_of(session, real_manager()).remark_if_closed_for([result.url])


def _view(session: Session, result: EnrollResult) -> Iterator[str]:
    yield f"Took up {clean(result.url)}; the first sync begins now."
    if result.circle_created:
        yield f"Your circle is made. To let another wallet of yours join: {session.spelled('invite')}"
