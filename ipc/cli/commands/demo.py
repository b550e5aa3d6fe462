"""``walletsync demo``: shows with two wallets, a folder and two real daemons what walletsync does."""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click
from rich.text import Text

from config.profile import load_profile
from ipc.cli.demo.device import PROFILE, DaemonTrouble, Device
from ipc.cli.demo.performance import StepResult, perform
from ipc.cli.demo.plausible.wallet import counts_of, write_wallet
from ipc.cli.demo.plausible.world import World
from ipc.cli.demo.stage import Stage
from ipc.cli.demo.steps import STEPS
from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.output import complain, print_document
from ipc.cli.session import Session, cli_command
from ipc.cli.words import clean

_DESKTOP_ENTITIES = 420
_PHONE_ENTITIES = 220
_MOST_PROBLEMS = 12  # that are shown


@cli_command("walletsync demo", "walletsync demo --keep")
@click.option("--keep", is_flag=True, help="Keep the folder of the demo, and say where it is.")
def command(session: Session, keep: bool) -> ExitCode:
    """Watch two made-up wallets being kept in step.

    Plays in a temporary folder, or in the new folder that --home names: two wallets, a folder as their server and two
    real daemons. Takes less than a minute and touches nothing of yours. Ends with 0 if both wallets agree in the
    end, and with 1 if not.
    """
    session.console.quiet = session.as_json
    with _folder(session, keep) as folder, _interruptible(), ExitStack() as opened:
        try:
            stage = _set_up(folder, opened)
            results = perform(stage, STEPS, session.console)
        except DaemonTrouble as trouble:
            complain(str(trouble), "The end of its log:", *trouble.log)
            return ExitCode.FAULT
        agree = len(results) == len(STEPS) and not any(result.problems for result in results)
        _conclude(session, results, agree, folder if keep else None)
        if not agree:
            complain("Here is the end of the daemons' logs:", *stage.log_tail())
    return ExitCode.DONE if agree else ExitCode.FAULT


@contextmanager
def _folder(session: Session, keep: bool) -> Iterator[Path]:
    """Make the folder of the demo, and remove it again. Its path is short: sockets lie in it."""
    if session.home is None:
        folder = Path(tempfile.mkdtemp(prefix="walletsync-demo-"))
    else:
        folder = session.home.absolute()
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            message = f"the demo cannot make its folder {folder}: {error.strerror}"
            raise CommandFailed(ExitCode.USAGE, message, "Name one that does not exist yet.") from error
    try:
        yield folder
    finally:
        if keep:
            session.show(f"Kept: {folder}")
        else:
            shutil.rmtree(folder)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the demo in an orderly way: its daemons are ended and its folder is removed.

    Where the exception is lost, as in a callback from C or of a weak reference, the demo ends by it later.
    """
    received: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        sys.exit(128 + number)

    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
        if received:
            sys.exit(128 + received[0])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _set_up(folder: Path, opened: ExitStack) -> Stage:
    now = int(time.time())
    server = folder / "server"
    server.mkdir(mode=0o700)
    desktop = World("desktop", counts_of(_DESKTOP_ENTITIES), now)
    phone = World("phone", counts_of(_PHONE_ENTITIES), now)
    return Stage(
        desktop=_device("desktop", desktop, folder, opened),
        phone=_device("phone", phone, folder, opened),
        desktop_world=desktop,
        phone_world=phone,
        server_url=f"{server.as_uri()}/",
        profile=load_profile(PROFILE),
    )


def _device(name: str, world: World, folder: Path, opened: ExitStack) -> Device:
    device = Device(name, folder / name)
    opened.callback(device.close)
    write_wallet(device.connection, world)
    device.start()
    return device


def _conclude(session: Session, results: list[StepResult], agree: bool, kept: Path | None) -> None:
    if session.as_json:
        print_document({"api": 1, "agree": agree, "steps": results, "folder": str(kept) if kept else None})
    elif agree:
        text = f"All {len(results)} steps came out as they must, and the wallets agree in every synced table."
        session.console.print(Text(text, style="bold green"))
    problems = results[-1].problems
    if problems:
        more = [f"... and {len(problems) - _MOST_PROBLEMS} more"] if len(problems) > _MOST_PROBLEMS else []
        shown = [clean(problem) for problem in problems[:_MOST_PROBLEMS]]
        complain(f"The step {results[-1].title!r} did not come out as it must:", *shown, *more)
