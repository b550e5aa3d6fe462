"""``walletsync watch``: shows live how things are and what happens, for as long as it is left open."""

from types import TracebackType
from typing import Self

import click
import msgspec
import trio
from rich.live import Live

from ipc import Client, Gap, IpcError
from ipc.cli.eventwords import EventLine, line_of
from ipc.cli.output import remark
from ipc.cli.session import Session, cli_command
from ipc.cli.telling import RELATIVE, exact, times_option
from ipc.cli.watching import Observer, Watch, until_signalled
from ipc.cli.watchview import Happenings, LiveView
from ipc.cli.words import parse_time
from ipc.frame import Event
from ipc.state import Status

_MISSED = "Some of what happened was missed"
_AGAIN = "walletsync runs again"


@cli_command("walletsync watch", "walletsync watch --json")
@times_option
def command(session: Session, times: str) -> int:
    """Show live how things are, and what happens.

    On a terminal it fills the screen, and servers are asked for news more often while it is open. Into a pipe it
    writes a line for each thing that happens, with --json a JSON document on each line. It waits for a daemon that
    does not run, and ends with Ctrl-C.
    """
    if session.as_json or not session.console.is_terminal:
        lines = _JsonLines(session) if session.as_json else _TextLines(session)
        return trio.run(_watch, session, lines, False)
    with _Screen(session, times) as screen:
        return trio.run(_watch, session, screen, True)


async def _watch(session: Session, observer: Observer, on_screen: bool) -> int:
    def connect() -> Client:
        return Client(session.paths.control_socket, session.paths.events_socket)

    with session.talking():
        return await until_signalled(Watch(connect, observer, past=on_screen, somebody_looks=on_screen).run)


class _TextLines:
    """Writes a line for each thing that happens. Times are exact: the line is read later."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._is_absent = False

    def happened(self, event: Event | Gap) -> None:
        if isinstance(event, Gap):
            self._write(f"{exact(self._session.now())}  {_AGAIN if self._is_absent else _MISSED}")
        elif line := line_of(event):
            self._write(f"{exact(parse_time(line.at))}  {line.words}")

    def looks(self, _status: Status) -> None:
        self._is_absent = False

    def absent(self, _error: IpcError) -> None:
        if not self._is_absent:
            remark("walletsync is not running, waiting for it")
        self._is_absent = True

    def _write(self, line: str) -> None:
        click.echo(line)


class _JsonLines(_TextLines):
    """Writes each event as it came, as a JSON document on a line of its own."""

    def happened(self, event: Event | Gap) -> None:
        document = event if isinstance(event, Event) else {"gap": {"run": event.run, "seq": event.seq}}
        self._write(msgspec.json.encode(document).decode())


class _Screen:
    """Draws the live view on the whole terminal, anew whenever it is told something."""

    def __init__(self, session: Session, times: str = RELATIVE) -> None:
        self._session = session
        self._times = times
        self._status: Status | None = None
        self._absent: IpcError | None = None
        self._happenings = Happenings()
        self._live = Live(console=session.console, screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        self._draw()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def happened(self, event: Event | Gap) -> None:
        if isinstance(event, Gap):
            words = _AGAIN if self._absent else _MISSED
            self._happenings.add(EventLine(self._session.now().isoformat(), words))
        elif line := line_of(event):
            self._happenings.add(line)

    def looks(self, status: Status) -> None:
        self._status, self._absent = status, None
        self._draw()

    def absent(self, error: IpcError) -> None:
        self._absent = error
        self._draw()

    def _draw(self) -> None:
        telling = self._session.telling(self._times)
        start = self._session.how_to_start()
        self._live.update(LiveView(self._status, self._absent, self._happenings, telling, start), refresh=True)
