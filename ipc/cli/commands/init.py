"""``walletsync init``: writes the configuration, and nothing else unless asked to create a wallet."""

from collections.abc import Iterator
from pathlib import Path

import click

from config.load import write_new_config
from config.paths import Paths, check_socket_paths
from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.newwallet import create_wallet_database
from ipc.cli.selfcheck import recognise
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean

CREATED = "taler"
"""The profile of wallet databases that are made here: the only one that ships a schema."""


@cli_command(
    "walletsync init --wallet ~/.local/share/my-wallet/wallet.sqlite --nickname phone",
    "walletsync init --wallet ./wallet.sqlite --create",
)
@click.option("--wallet", required=True, metavar="PATH", type=click.Path(path_type=Path), help="The wallet's database.")
@click.option("--profile", metavar="NAME", help="What kind of wallet it is.  [default: found out by its tables]")
@click.option("--nickname", metavar="NAME", help="How your other wallets call it.  [default: this machine's name]")
@click.option("--create", is_flag=True, help="Make an empty wallet database there.")
def command(session: Session, wallet: Path, profile: str | None, nickname: str | None, create: bool) -> None:
    """Write the configuration for a wallet.

    What kind of wallet it is, is found out by its tables, unless --profile says so. With --create it is taler.
    The wallet's identity is made when the daemon starts for the first time. Nothing that exists is overwritten.
    """
    wallet = wallet.expanduser().absolute()
    _check(session.paths, wallet, create)
    profile = profile or (CREATED if create else recognise(wallet))
    if create:
        create_wallet_database(wallet, profile)
    try:
        write_new_config(session.paths.config_file, wallet, profile, nickname)
    except BaseException:
        if create:
            wallet.unlink()
        raise
    document = {
        "api": 1,
        "config": str(session.paths.config_file),
        "wallet": str(wallet),
        "profile": profile,
        "created": create,
    }
    session.answer(document, lambda: _next_steps(session, wallet, profile, create))


def _check(paths: Paths, wallet: Path, create: bool) -> None:
    check_socket_paths(paths)
    if paths.config_file.exists():
        message = f"{paths.config_file} exists already and was left alone"
        advice = "Edit it, or move it away and try again. For a second wallet, use a --home of its own."
        raise CommandFailed(ExitCode.CONFIGURATION_UNUSABLE, message, advice)
    if not create and not wallet.is_file():
        message = f"{wallet} is not a file" if wallet.exists() else f"there is no wallet database at {wallet}"
        advice = "Name the SQLite file of your wallet program, or add --create to make an empty one there."
        raise CommandFailed(ExitCode.USAGE, message, advice)


def _next_steps(session: Session, wallet: Path, profile: str, created: bool) -> Iterator[str]:
    yield f"Wrote {clean(str(session.paths.config_file))}, for a wallet of the profile {clean(profile)}"
    if created:
        yield f"Created the empty wallet database {clean(str(wallet))}"
    yield "\nNext:"
    yield from (f"  {line}" for line in session.how_to_start())
    yield f"  {session.spelled('enroll URL')}   for your first wallet: URL is a sync server or a folder"
    yield f"  {session.spelled('join')}   if you have other wallets: `walletsync invite` there shows the invitation"
