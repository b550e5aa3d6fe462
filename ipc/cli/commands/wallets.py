"""``walletsync wallets``: the wallets of the circle, what they are called, and which are counted on."""

from collections.abc import Iterator

import click
from rich.console import RenderableType

from ipc.cli.output import remark
from ipc.cli.session import Session, cli_command
from ipc.cli.statusview import wallets_view
from ipc.cli.telling import times_option
from ipc.cli.words import clean
from ipc.messages import WalletsResult


@cli_command("walletsync wallets rename laptop")
@click.argument("name")
def rename(session: Session, name: str) -> None:
    """Give this wallet another nickname.

    Where several of your wallets have the same one, they are shown as NAME#1, NAME#2 and so on.
    """
    with session.daemon() as daemon:
        result = daemon.rename(name)
    session.answer(_document(result), lambda: _renamed(result))


@cli_command("walletsync wallets forget phone#2", asks=True)
@click.argument("name")
def forget(session: Session, name: str) -> None:
    """Count no longer on a wallet that is lost.

    NAME is its nickname as `walletsync wallets` shows it, or its id. What it has not seen yet is kept for it no
    longer. It is not locked out: it still has the keys, and if it comes back, it simply joins again.
    """
    if not session.assume_yes:
        remark(
            f"Deletes that {clean(name)} has not seen yet are then kept for it no longer. Forget only a wallet that is",
            "lost or out of use. It is not locked out, and if it comes back, it joins again with what it then holds.",
        )
    session.confirm(f"Forget {clean(name)}?")
    with session.daemon() as daemon:
        result = daemon.forget(name)
    session.answer(_document(result), lambda: _forgotten(session, name, result))


@cli_command("walletsync wallets", commands=(rename, forget))
@times_option
def command(session: Session, times: str) -> None:
    """Show your wallets, and when each was last heard of."""
    with session.daemon() as daemon:
        result = daemon.wallets()
    session.answer(_document(result), lambda: [wallets_view(result.wallets, session.telling(times))])


def _document(result: WalletsResult) -> dict[str, object]:
    return {"api": 1, "wallets": result.wallets}


def _renamed(result: WalletsResult) -> Iterator[RenderableType]:
    for wallet in result.wallets:
        if wallet.me:
            yield f"This wallet is now called {clean(wallet.shown_as)}."


def _forgotten(session: Session, name: str, result: WalletsResult) -> Iterator[RenderableType]:
    yield f"{clean(name)} is forgotten; your servers hear of it with the next sync."
    yield ""
    yield wallets_view(result.wallets, session.telling())
