"""The command walletsyncd: the daemon, in the foreground."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import trio

from config import __version__, streams
from config.errors import ConfigError, ProfileError
from config.paths import Paths, find_paths
from daemon import logs
from daemon.app import serve
from daemon.doctor import Report, check_database, check_home
from daemon.errors import ConfigurationError, HomeTaken, WalletsyncError, WalletUnfit
from daemon.logs import running
from daemon.notify import Notifier
from ipc.errors import AlreadyListening, SocketUnusable

FAULT = WalletsyncError.exit_code


@click.command()
@click.version_option(__version__, prog_name="walletsyncd")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep configuration, state and sockets in this folder (or in WALLETSYNC_HOME).",
)
@click.option("--check", is_flag=True, help="Check everything that the daemon needs, print what was found as JSON.")
@click.option(
    "--database",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --check: check only whether this wallet database fits a profile.",
)
@click.option("--profile", help="With --database: the profile that it should fit.  [default: whichever fits]")
def main(home: Path | None, check: bool, database: Path | None, profile: str | None) -> None:
    """Run the walletsync daemon in the foreground, until SIGTERM or SIGINT.

    SIGHUP has it read its configuration anew. With --check it changes nothing, and ends with 0 where nothing is amiss.
    """
    if database is not None and not check:
        raise click.UsageError("--database is for --check")
    streams.open_missing()
    os.umask(0o077)  # what is made here is this user's alone, whatever the umask was
    logs.configure()
    with logs.strays_logged():
        if check and database:
            sys.exit(print_report(check_database(database, profile)))
        paths = _paths(home)
        sys.exit(print_report(check_home(paths)) if check else run(paths))


def _paths(home: Path | None) -> Paths:
    """Find the files of the home. Ends the process where its path cannot be used."""
    try:
        return find_paths(home)
    except ConfigError as error:
        logs.emit(running.DaemonFailed(message=str(error), exit_code=ConfigurationError.exit_code))
        sys.exit(ConfigurationError.exit_code)


def print_report(report: Report) -> int:
    """Print what a self-check found; return the exit code."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    return report.exit_code


def run(paths: Paths) -> int:
    """Run the daemon of a home; return its exit code."""
    try:
        trio.run(serve, paths, Notifier())
    except KeyboardInterrupt:  # before it caught signals: it still began, or asked for the passphrase
        logs.emit(running.DaemonStopping(reason="SIGINT"))
    except Exception as error:  # noqa: BLE001 - the top of the program
        return _report(error, paths)
    return 0


def _report(error: Exception, paths: Paths) -> int:
    """Log why the daemon ends; return its exit code."""
    cause = next(_leaves(error))
    match cause:
        case ProfileError():
            logs.emit(running.DaemonFailed(message=str(cause), exit_code=WalletUnfit.exit_code))
            return WalletUnfit.exit_code
        case ConfigError():
            logs.emit(running.ConfigUnusable(path=paths.config_file, message=str(cause)))
            return ConfigurationError.exit_code
        case HomeTaken() | AlreadyListening():
            logs.emit(running.HomeIsTaken(home=paths.home or paths.state_folder))
            return HomeTaken.exit_code
        case WalletsyncError():
            logs.emit(running.DaemonFailed(message=str(cause), exit_code=cause.exit_code))
            return cause.exit_code
        case SocketUnusable():
            logs.emit(running.DaemonFailed(message=str(cause), exit_code=FAULT))
            return FAULT
        case _:
            logs.emit(running.DaemonFailed(message="a fault of walletsync's own", exit_code=FAULT), error=error)
            return FAULT


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions that a group is made of."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


if __name__ == "__main__":
    main()
