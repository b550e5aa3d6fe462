"""``walletsync profile``: whether a wallet database fits a profile."""

from pathlib import Path

import click

from config.profile import shipped_profiles
from ipc.cli.findings import findings_view
from ipc.cli.selfcheck import check_database
from ipc.cli.session import Session, cli_command


@cli_command("walletsync profile check ~/wallet.sqlite", "walletsync profile check wallet.sqlite --profile cashu")
@click.argument("database", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--profile", help="A shipped profile, or a profile file's path.  [default: whichever fits]")
def check(session: Session, database: Path, profile: str | None) -> int:
    """Check whether a wallet database fits a profile. Changes nothing.

    Without --profile it finds the shipped profile that fits. Ends with 6 where none does, and says what differs.
    """
    report = check_database(database, profile)
    session.answer(report, lambda: findings_view(report.findings))
    return report.exit_code


@cli_command("walletsync profile", "walletsync profile check ~/wallet.sqlite", commands=(check,))
def command(session: Session) -> None:
    """Show which kinds of wallet databases can be synced."""
    names = shipped_profiles()
    session.answer({"api": 1, "profiles": names}, lambda: names)
