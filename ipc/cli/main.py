"""The entry point of walletsync: finds the command, runs it, and turns how it ended into an exit code.

Every expected error is one sentence on standard error, and what would help; never a traceback. What nobody expected
is a fault of ours: it is named by its kind and place only, since an exception's text could hold a secret.
"""

import difflib
import errno
import importlib
import io
import pkgutil
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from config import __version__, streams
from config.errors import ConfigError, ProfileError
from ipc.cli import commands
from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.output import complain, forget_stdout
from ipc.cli.session import home_option

_ENDED_BY_SIGNAL = 128  # plus the signal's number, as shells have it
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class _Commands(click.Group):
    """The commands are the files of ``ipc.cli.commands``, and are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__) if module.name[0] != "_")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, or return ``None`` where there is none of this name, or of one like it."""
        names = self.list_commands(ctx)
        if cmd_name not in names:
            if near := difflib.get_close_matches(cmd_name, names, n=1):
                ctx.fail(f"No such command {cmd_name!r}. Did you mean {near[0]!r}?")
            return None
        command: click.Command = importlib.import_module(f"{commands.__name__}.{cmd_name}").command
        command.name = cmd_name
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="walletsync", message="%(prog)s %(version)s")
@home_option
def walletsync(home: Path | None) -> None:  # commands find it in the context
    """Keep your e-cash wallets backed up and in step, end-to-end encrypted, through servers of your choice."""


def main() -> None:
    """Run the command of this process, and end the process."""
    streams.open_missing()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows a name with gaps, and no error
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        _refuse_what_is_no_text(arguments)
        ended = walletsync.main(list(arguments), prog_name="walletsync", standalone_mode=False)
        sys.stdout.flush()
    except CommandFailed as failure:
        complain(failure.message, *failure.advice)
        return failure.code
    except ConfigError as error:
        complain(*error.problems)
        return ExitCode.WALLET_UNFIT if isinstance(error, ProfileError) else ExitCode.CONFIGURATION_UNUSABLE
    except click.UsageError as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return _ENDED_BY_SIGNAL + signal.SIGINT
    except BrokenPipeError:  # `walletsync status | head`: whoever read has read enough
        forget_stdout()
        return _ENDED_BY_SIGNAL + signal.SIGPIPE
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            return _fault(error)
        forget_stdout()
        complain(f"the answer cannot be written: {error.strerror}")
        return ExitCode.FAULT
    except Exception as error:  # noqa: BLE001 - the top of the program
        return _fault(error)
    return ended if isinstance(ended, int) else ExitCode.DONE


def _refuse_what_is_no_text(arguments: Sequence[str]) -> None:
    """Refuse arguments that could be neither sent to the daemon nor noted. Raises CommandFailed."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            shown = argument.encode(errors="surrogateescape").decode(errors="replace")
            raise CommandFailed(ExitCode.USAGE, f"the argument {shown} is not text in UTF-8") from error


def _fault(error: Exception) -> ExitCode:
    complain(f"A fault in walletsync itself: {_kind_and_place(error)}.", "Please report it, with what you did.")
    return ExitCode.FAULT


def _kind_and_place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name}, {frame.filename.rpartition('/')[2]} line {frame.lineno}"
