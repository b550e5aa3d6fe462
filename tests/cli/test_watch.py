"""``walletsync watch``: what it shows and writes, and that it outlives the daemon."""

import json
import os
import re
import select
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from support.cli_daemon import CannedDaemon, serving
from support.cli_examples import FOLDER, ago, ended, status, troubled_status
from support.cli_terminal import PROGRAM, Terminal

from ipc import Gap
from ipc.cli.console import PeopleConsole
from ipc.cli.eventwords import EventLine, line_of
from ipc.cli.telling import Telling
from ipc.cli.watching import Watch, until_signalled
from ipc.cli.watchview import Happenings, LiveView
from ipc.errors import IpcError, NotRunning
from ipc.frame import Event
from ipc.messages import EventsSinceResult, HelloResult, WatchResult

PATIENCE = 20.0


def event(name: str, data, seq: int = 1, run: str = "r1") -> Event:
    return Event(run=run, seq=seq, event=name, at=ago(seconds=30), data=dict(data))


# events in words


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (*ended("x"), "In step with x, with a new copy there"),
        (*ended("x", "unreachable", "no route"), "No sync with x, not reachable: no route"),
        (*ended("x", "payment_required"), "No sync with x, waits for payment"),
        ("server.enrolled", {"server": "x"}, "Took up x"),
        ("server.left", {"server": "x"}, "Left x"),
        ("server.stale", {"server": "x", "since": None}, "The last success with x lies long ago"),
        (
            "server.nearly_full",
            {"server": "x", "sealed_bytes": 9_500_000, "limit_bytes": 10_000_000},
            "The copy at x comes near the largest that the server takes: 9.5 MB of 10 MB",
        ),
        ("server.went_back", {"server": "x"}, "x was put back to an old copy; what is here is put there again"),
        (
            "wallet.applied",
            {"sets": {"coins": 2, "tips": 1}},
            "Wrote 3 changes of your other wallets into this one: 2 of coins and 1 of tips",
        ),
        ("wallet.state", {"state": "ok", "reason": None}, "The wallet database can be used"),
        ("wallet.state", {"state": "locked", "reason": "by y"}, "The wallet database cannot be used: by y"),
        (
            "deletes.held",
            {"direction": "in", "rows": 25},
            "A mass delete of 25 rows on another wallet is held, and waits for you",
        ),
        ("config.reloaded", {"changed": [], "restart": []}, "Read the configuration anew"),
        ("config.reloaded", {"restart": ["a", "b"]}, "Read the configuration anew; a and b from the next start on"),
        ("config.kept", {"message": "no"}, "The new configuration cannot be used: no"),
        ("daemon.paused", {"paused": True, "until": None}, "Syncing rests"),
        ("daemon.paused", {"paused": False, "until": None}, "Syncing goes on"),
        ("something.new", {}, "something.new"),
        ("server.left", {"server": "\x1b[2J"}, "Left \N{REPLACEMENT CHARACTER}[2J"),
    ],
)
def test_events_are_told_in_words(name, data, words):
    line = line_of(event(name, data))
    assert line is not None
    assert line.words == words


@pytest.mark.parametrize("name", ["sync.ended", "wallet.applied", "wallet.state", "deletes.held", "daemon.paused"])
@pytest.mark.parametrize("data", [{"omitted_bytes": 99999}, {"sets": [1], "rows": "x", "server": 1, "state": {}}])
def test_an_event_without_its_data_has_words_too(name, data):
    assert line_of(event(name, data))


@pytest.mark.parametrize("name", ["sync.started", "sync.progress", "server.state"])
def test_steps_and_repetitions_have_no_line(name):
    assert line_of(event(name, {"server": "x"})) is None


def test_every_event_that_is_documented_is_known_here():
    text = (Path(__file__).parents[2] / "docs" / "ipc.md").read_text().partition("\n## Events\n")[2]
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE))
    unworded = {name for name in documented if (line := line_of(event(name, {}))) is not None and line.words == name}
    assert documented
    assert not unworded


def test_routine_is_drawn_together_until_something_else_happens():
    happenings = Happenings()
    for words, routine in [("a", True), ("b", True), ("a", True), ("c", False), ("a", True), ("a", True)]:
        happenings.add(EventLine("", words, routine=routine))
    assert [(line.words, times) for line, times in happenings.last(9)] == [("b", 1), ("a", 2), ("c", 1), ("a", 2)]


# the picture


def picture(width: int, height: int, *, absent=None, shown=None, events=3) -> list[str]:
    happenings = Happenings()
    for number in range(events):
        happenings.add(EventLine(ago(seconds=40), f"happening {number}"))
    console = PeopleConsole()
    console.width, console.height = width, height
    view = LiveView(shown, absent, happenings, Telling(datetime.now(UTC)), ["walletsyncd   starts it"])
    with console.capture() as capture:
        console.print(view)
    return capture.get().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (80, 60), (40, 12), (20, 3)])
@pytest.mark.parametrize("events", [0, 3, 400])
def test_the_picture_keeps_to_its_terminal_and_says_who_it_is(width, height, events):
    lines = picture(width, height, shown=troubled_status(), events=events)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "phone#1" in lines[0]


def test_at_80_columns_what_happened_stands_below_and_what_needs_a_person_first():
    lines = picture(80, 60, shown=troubled_status())
    text = "\n".join(lines)
    assert text.index("! The wallet database") < text.index("Server ") < text.index("Wallet ")
    assert text.index("Entities  1,200 in 1 set, 30 deleted, 27 not written yet") < text.index("What happened")
    assert lines[-1].split() == ["40", "s", "ago", "happening", "2"]


def test_at_200_columns_both_stand_side_by_side():
    lines = picture(200, 40, shown=status(), events=10)
    assert lines[2].startswith("! phone#2 was not heard of")
    assert lines[2].endswith("│ What happened")
    assert any(re.search(r"in step .*│ 40 s ago  happening", line) for line in lines)
    assert any(line.startswith("coins ") for line in lines)  # there is room for each set


def test_the_newest_stay_where_not_all_fits():
    text = "\n".join(picture(80, 24, shown=troubled_status(), events=300))
    assert "happening 299" in text
    assert "happening 0\n" not in text


def test_an_absent_daemon_is_said_to_be_waited_for_and_nothing_old_is_shown():
    text = "\n".join(picture(80, 24, shown=status(), absent=NotRunning("no daemon runs")))
    assert "not running, waiting" in text
    assert "walletsyncd   starts it" in text
    assert "happening 2" in text
    assert "in step" not in text


# watching


class FakeStream:
    """Gives out what it was given, and then nothing for ever."""

    def __init__(self, messages):
        self._messages = list(messages)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def __anext__(self):
        if not self._messages:
            await trio.sleep_forever()
        return self._messages.pop(0)


class FakeClient:
    """One connection: which run answers, the events it still has, those to come, and how many looks it lasts."""

    def __init__(self, run: str, kept=(), to_come=(), looks: int = 1):
        self.run, self.kept, self.to_come, self.looks = run, kept, to_come, looks
        self.asked: list[int] = []
        self.watched: list[float] = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    def events(self):
        return FakeStream(self.to_come)

    async def hello(self):
        return HelloResult(api=1, version="", pid=1, run=self.run)

    async def events_since(self, seq):
        self.asked.append(seq)
        return EventsSinceResult(run=self.run, oldest=1, events=[each for each in self.kept if each.seq > seq])

    async def status(self):
        if not self.looks:
            raise NotRunning("gone")
        self.looks -= 1
        return status()

    async def watch(self):
        self.watched.append(trio.current_time())
        return WatchResult(seconds=10.0)


class Heard:
    """An observer that remembers, and ends the watch when it has seen the daemon go away so often."""

    def __init__(self, absences: int):
        self.told, self.absences, self.scope = [], absences, trio.CancelScope()

    def happened(self, event):
        self.told.append(event if isinstance(event, Gap) else (event.run, event.seq))

    def looks(self, status):
        pass

    def absent(self, error):
        self.absences -= 1
        if not self.absences:
            self.scope.cancel()


async def heard(clients, **options) -> list:
    observer = Heard(len(clients))
    queue = iter(clients)
    with observer.scope:
        await Watch(lambda: next(queue), observer, **options).run()
    return observer.told


KEPT = [event("x", {}, 1), event("x", {}, 2)]


@pytest.mark.parametrize(("past", "told"), [(True, [("r1", 1), ("r1", 2), ("r1", 3)]), (False, [("r1", 3)])])
async def test_what_happened_before_is_told_only_where_that_is_wanted(past, told, autojump_clock):
    assert await heard([FakeClient("r1", KEPT, [event("x", {}, 3)])], past=past) == told


async def test_what_happened_while_the_connection_was_away_is_told_once(autojump_clock):
    again = FakeClient("r1", [*KEPT, event("x", {}, 3)], [event("x", {}, 3), event("x", {}, 4)])
    assert await heard([FakeClient("r1", to_come=KEPT), again]) == [("r1", 1), ("r1", 2), ("r1", 3), ("r1", 4)]
    assert again.asked == [2]


async def test_a_new_run_is_told_from_its_beginning_after_a_gap(autojump_clock):
    first = FakeClient("r1", to_come=[event("x", {}, 7)])
    second = FakeClient("r2", [event("x", {}, 1, "r2")])
    assert await heard([first, second]) == [("r1", 7), Gap("r1", 7), ("r2", 1)]


async def test_the_daemon_is_told_now_and_then_that_somebody_looks(autojump_clock):
    client = FakeClient("r1", looks=10)  # every two seconds
    await heard([client], somebody_looks=True)
    assert [round(at - client.watched[0]) for at in client.watched] == [0, 6, 12, 18]
    silent = FakeClient("r1", looks=10)
    await heard([silent])
    assert silent.watched == []


async def test_a_daemon_that_speaks_something_else_ends_the_watch(autojump_clock):
    class Odd(FakeClient):
        async def hello(self):
            raise IpcError("odd")

    with pytest.raises(IpcError, match="odd"):
        await until_signalled(Watch(lambda: Odd("r1"), Heard(1)).run)


# the command


class Lines:
    """A running ``walletsync watch`` whose lines are read one by one."""

    def __init__(self, daemon: CannedDaemon, *options: str):
        self.process = subprocess.Popen(
            [*PROGRAM, "watch", *options, "--home", str(daemon.home)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def next(self, publish) -> str:
        """Publish until a line comes: when it begins to listen cannot be seen from outside."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            publish()
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                return self.process.stdout.readline()
        raise AssertionError("nothing was written")

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        rest = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, rest[1]


def test_json_lines_are_the_events_and_go_on_over_a_restart_of_the_daemon(daemon):
    home = CannedDaemon(daemon.home / "second", run="one")
    home.home.mkdir(mode=0o700)
    again = CannedDaemon(home.home, run="two")
    for each in (home, again):
        each.answer_by_method["status"] = status()
    with Lines(home, "--json") as watching:
        with serving(home):
            first = json.loads(watching.next(lambda: home.publish("server.left", {"server": FOLDER})))
            assert (first["run"], first["event"], first["data"]) == ("one", "server.left", {"server": FOLDER})
        assert watching.process.stderr.readline() == "walletsync is not running, waiting for it\n"
        with serving(again):
            lines = [first]
            while lines[-1].get("run") != "two":
                lines.append(json.loads(watching.next(lambda: again.publish("server.left", {"server": FOLDER}))))
        assert "gap" in lines[-2]
        assert watching.end(signal.SIGINT) == (130, "")


def test_without_a_terminal_a_line_is_written_for_each_thing_that_happens(daemon):
    daemon.answer_by_method["status"] = status()
    with Lines(daemon) as watching:
        line = watching.next(lambda: daemon.publish("server.left", {"server": FOLDER}))
        assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  Left {FOLDER}\n", line)
        assert watching.end(signal.SIGTERM)[0] == 143
    assert "watch" not in [method for method, _ in daemon.calls]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_live_view_fills_the_screen_and_gives_it_back(number, code, daemon):
    daemon.answer_by_method |= {"status": status(), "watch": WatchResult(seconds=300.0)}
    with Terminal(["watch", "--home", str(daemon.home)]) as terminal:
        terminal.read_until("in step")
        daemon.publish("server.left", {"server": FOLDER})
        terminal.read_until(f"Left {FOLDER}")
        os.kill(terminal.process.pid, number)
        assert terminal.end() == code
    assert terminal.output.index("\x1b[?1049h") < terminal.output.index("in step")  # the screen of its own
    assert terminal.output.rstrip().endswith(("\x1b[?1049l", "\x1b[?25h"))
    assert "watch" in [method for method, _ in daemon.calls]


def test_a_daemon_that_is_not_there_yet_is_waited_for(tmp_path):
    (tmp_path / "config.toml").touch()
    with Terminal(["watch", "--home", str(tmp_path)]) as terminal:
        terminal.read_until("not running, waiting")
        os.kill(terminal.process.pid, signal.SIGINT)
        assert terminal.end() == 130
