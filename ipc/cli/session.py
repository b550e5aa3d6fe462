"""What every command shares: its options, the home it works for, the way to the daemon, and the way it answers.

A command is a function that takes a ``Session`` first; ``cli_command`` makes a ``click.Command`` of it. Every command
takes ``--home``, before or after its name, and ``--json``; those that ask take ``--yes``. A command may have commands
of its own, as ``walletsync wallets rename`` is one of ``wallets``.
"""

import functools
import inspect
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from config.paths import HOME_VARIABLE, Paths, find_paths
from ipc import BadAnswer, BlockingClient, IpcError, NoAnswer, NotRunning, Refused
from ipc.cli.exits import CommandFailed, ExitCode, exit_code_of_refusal
from ipc.cli.output import print_document
from ipc.cli.telling import EXACT, RELATIVE, Telling
from ipc.frame import METHOD_NOT_FOUND

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ipc.cli.console import PeopleConsole

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help=f"The folder that holds configuration, state and sockets.  [env: {HOME_VARIABLE}]",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
_SAME_VERSION = "Are walletsync and walletsyncd of the same version?"
_COMMON_PARAMETERS = ("home", "as_json", "assume_yes")
_yes_option = click.option("--yes", "assume_yes", is_flag=True, help="Answer every question with yes.")


@dataclass(frozen=True)
class Session:
    """One run of one command. ``home`` is what ``--home`` said; ``paths`` takes the environment into account."""

    home: Path | None
    as_json: bool
    assume_yes: bool

    @functools.cached_property
    def console(self) -> "PeopleConsole":
        """Standard output, for people. Loaded where it is used: ``status --json`` is asked often, and needs no rich."""
        from ipc.cli.console import PeopleConsole

        return PeopleConsole()

    @functools.cached_property
    def paths(self) -> Paths:
        """The files of the home."""
        return find_paths(self.home)

    def now(self) -> datetime:
        """Return the present time."""
        return datetime.now(UTC)

    def telling(self, times: str = RELATIVE) -> Telling:
        """Return how this command tells things, with times as ``--times`` said."""
        return Telling(self.now(), times == EXACT, self.spelled)

    def confirm(self, question: str) -> None:
        """Ask a question that only a yes lets pass. Raises ``CommandFailed`` where there is nobody to ask."""
        if self.assume_yes:
            return
        if not sys.stdin.isatty():
            raise CommandFailed(ExitCode.USAGE, "there is no terminal to ask on", "Add --yes to agree to it.")
        click.confirm(question, abort=True, err=True)

    @contextmanager
    def daemon(self) -> Iterator[BlockingClient]:
        """Connect to the daemon. Whatever goes wrong with it inside the block becomes ``CommandFailed``."""
        with self.talking(), BlockingClient(self.paths.control_socket) as client:
            yield client

    @contextmanager
    def talking(self) -> Iterator[None]:
        """Turn whatever goes wrong in talking to the daemon into ``CommandFailed``."""
        try:
            yield
        except IpcError as error:
            raise self._failure_of(error) from error

    def _failure_of(self, error: IpcError) -> CommandFailed:
        match error:
            case Refused(code=code):
                advice = (_SAME_VERSION,) if code == METHOD_NOT_FOUND else ()
                return CommandFailed(exit_code_of_refusal(code), error.message, *advice)
            case NotRunning():
                reason = f"({error})"
                return CommandFailed(ExitCode.NOT_RUNNING, "walletsync is not running", reason, *self.how_to_start())
            case NoAnswer():
                message = f"walletsync runs but does not answer: {error}"
                return CommandFailed(ExitCode.NOT_RUNNING, message, "If it was started just now, give it time.")
            case BadAnswer():
                return CommandFailed(ExitCode.FAULT, str(error), _SAME_VERSION)
            case _:
                return CommandFailed(ExitCode.FAULT, str(error))

    def answer(self, document: object, view: Callable[[], "Iterable[RenderableType]"]) -> None:
        """Print the answer: the document where ``--json`` was given, else the parts of its view for people."""
        if self.as_json:
            print_document(document)
        else:
            for part in view():
                self.show(part)

    def show(self, part: "RenderableType") -> None:
        """Print something for people. Lines of text stay whole."""
        self.console.show(part)

    def spelled(self, rest: str) -> str:
        """Write a command line of walletsync that works on the same home."""
        return f"walletsync {rest}{self._home_option()}"

    def how_to_start(self) -> tuple[str, ...]:
        """Say how to start the daemon of this home."""
        if not self.paths.config_file.exists():
            return (f"There is no {self.paths.config_file} yet: {self.spelled('init --wallet PATH')} makes it.",)
        start = f"walletsyncd{self._home_option()}   starts it in this terminal"
        service = "systemctl --user start walletsyncd   starts it as a service, where that is installed"
        return (start,) if self.paths.home else (start, service)

    def _home_option(self) -> str:
        return f" --home {shlex.quote(str(self.paths.home))}" if self.paths.home else ""


def cli_command(
    *examples: str, asks: bool = False, commands: Sequence[click.Command] = ()
) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function. Its docstring is the help, the examples follow it; ``asks`` adds ``--yes``.

    With ``commands`` of its own the function is called where none of them is named.
    """

    def make(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def run(**parameters: Any) -> object:  # noqa: ANN401 - whatever the function takes
            if click.get_current_context().invoked_subcommand is not None:
                return None
            own = {name: value for name, value in parameters.items() if name not in _COMMON_PARAMETERS}
            return function(Session(_said("home"), bool(_said("as_json")), bool(_said("assume_yes"))), **own)

        run = home_option(_json_option(_yes_option(run) if asks else run))
        text, epilog = inspect.cleandoc(function.__doc__ or ""), _epilog(examples)
        made: click.Command
        if commands:
            made = group = click.group(cls=click.Group, invoke_without_command=True, help=text, epilog=epilog)(run)
            for each in commands:
                group.add_command(each)
        else:
            made = click.command(help=text, epilog=epilog)(run)
        made.params.sort(key=lambda parameter: parameter.name in _COMMON_PARAMETERS)  # a command's own come first
        return made

    return make


def _said(name: str) -> Any:  # noqa: ANN401 - the value of any option
    """Return what a common option said, on the command itself or on one that it belongs to."""
    context: click.Context | None = click.get_current_context()
    said = None
    while context is not None and not said:
        said, context = context.params.get(name), context.parent
    return said


def _epilog(examples: tuple[str, ...]) -> str:
    return "\n".join(("\b", "Example:" if len(examples) == 1 else "Examples:", *(f"  {each}" for each in examples)))
