"""What the live view shows: how things are above, what happened below, the newest last.

On a wide terminal both stand side by side. What does not fit is left out from the end of the upper part, and the
oldest of what happened.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from ipc import IpcError
from ipc.cli.eventwords import EventLine
from ipc.cli.statusview import attention, servers_view, sets_view, wallets_view, warnings
from ipc.cli.tables import ATTENTION, BAD, GOOD
from ipc.cli.telling import Telling
from ipc.cli.words import clean, count
from ipc.state import SetStatus, Status

KEPT_LINES = 500
_WIDE = 150  # columns from which on the two parts stand side by side
_FEWEST_LINES = 6  # of what happened, however much there is above
_Line = list[Segment]


class Happenings:
    """The lines of what happened. Routine ones that repeat each other are one, with how often it was."""

    def __init__(self) -> None:
        self._lines: deque[tuple[EventLine, int]] = deque(maxlen=KEPT_LINES)

    def add(self, line: EventLine) -> None:
        """Add a line at the end."""
        self._lines.append((line, 1 + (self._taken_back(line) if line.routine else 0)))

    def _taken_back(self, line: EventLine) -> int:
        """Remove the line like this one among the last routine ones, and return how often it was."""
        for index in range(len(self._lines) - 1, -1, -1):
            other, times = self._lines[index]
            if not other.routine:
                break
            if other.words == line.words:
                del self._lines[index]
                return times
        return 0

    def last(self, number: int) -> Sequence[tuple[EventLine, int]]:
        """Return the last lines, each with how often it was."""
        return list(self._lines)[-number:] if number > 0 else []


class LiveView:
    """One picture of the live view: it fills the terminal that it is printed on, whatever its size."""

    def __init__(
        self,
        status: Status | None,
        absent: IpcError | None,
        happenings: Happenings,
        telling: Telling,
        start: Sequence[str],
    ) -> None:
        self._status = status
        self._absent = absent
        self._happenings = happenings
        self._telling = telling
        self._how_to_start = start

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or console.height
        head = _lines(console, options, [self._head(width), Text()])
        room = height - len(head)
        if width >= _WIDE:
            half = options.update(width=(width - 3) // 2, height=None)
            left = _lines(console, half, self._state(sets=True))[:room]
            right = self._happened(console, half, room)
            yield from _printed([*head, *_side_by_side(left, right, half.max_width)][:height])
            return
        state = _lines(console, options, self._state(sets=False))[: max(0, room - _FEWEST_LINES)]
        below = self._happened(console, options, room - len(state) - 1)
        yield from _printed([*head, *state, [], *below][:height])

    def _head(self, width: int) -> RenderableType:
        head = Table.grid(expand=True)
        head.add_column(overflow="fold")
        head.add_column(justify="right", no_wrap=True)
        head.add_row(self._who(), "Ctrl-C ends" if width >= 50 else "")
        return head

    def _who(self) -> Text:
        if self._absent is not None:
            return Text("walletsync is not running, waiting for it", style=f"bold {ATTENTION}")
        if self._status is None:
            return Text("Connecting to walletsync")
        wallet = self._status.wallet
        words = "wallet ok" if wallet.state == "ok" else f"wallet {wallet.state}"
        style = GOOD if wallet.state == "ok" else BAD
        return Text.assemble((clean(wallet.shown_as), "bold"), "  ", (words, style), f"  {clean(wallet.profile)}")

    def _state(self, *, sets: bool) -> Iterator[RenderableType]:
        if self._absent is not None:
            yield Text(f"({clean(str(self._absent))})")
            yield from (Text(line) for line in self._how_to_start)
        elif self._status is not None:
            needs_a_person = list(warnings(attention(self._status, self._telling)))[1:]
            if needs_a_person:
                yield from (*needs_a_person, Text())
            yield servers_view(self._status.servers, self._telling)
            if self._status.wallets:
                yield from (Text(), wallets_view(self._status.wallets, self._telling))
            yield from (Text(), sets_view(self._status.sets) if sets else _in_short(self._status.sets))

    def _happened(self, console: Console, options: ConsoleOptions, room: int) -> list[_Line]:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for line, times in self._happenings.last(room):
            often = f" ({times} times)" if times > 1 else ""
            grid.add_row(self._telling.moment(line.at), Text(f"{line.words}{often}", style=line.style))
        lines = (
            _lines(console, options, [grid]) if grid.row_count else _lines(console, options, ["Nothing happened yet."])
        )
        title = _lines(console, options, [Text("What happened", style="bold")])
        return [*title, *lines[-(room - 1) :]] if room > 1 else title[:room]


def _in_short(sets: dict[str, SetStatus]) -> Text:
    live, deleted, unapplied = (
        sum(getattr(held, name) for held in sets.values()) for name in ("live", "tombstones", "unapplied")
    )
    kinds = count(sum(1 for held in sets.values() if held.live), "set")
    return Text(f"Entities  {live:,} in {kinds}, {deleted:,} deleted, {unapplied:,} not written yet")


def _lines(console: Console, options: ConsoleOptions, parts: Iterable[RenderableType]) -> list[_Line]:
    return console.render_lines(Group(*parts), options.update(height=None), pad=False)


def _side_by_side(left: Sequence[_Line], right: Sequence[_Line], width: int) -> Iterator[_Line]:
    for index in range(max(len(left), len(right))):
        one = left[index] if index < len(left) else []
        other = right[index] if index < len(right) else []
        yield [*Segment.adjust_line_length(one, width), Segment(" │ "), *other]


def _printed(lines: Iterable[_Line]) -> Iterator[Segment]:
    for line in lines:
        yield from line
        yield Segment.line()
