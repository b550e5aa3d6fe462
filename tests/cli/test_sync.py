import json

import msgspec
import pytest
import trio
from support.cli_examples import FOLDER, LONG_URL, ended, server, status, sync_result, troubled_status, wallet
from support.cli_terminal import on_terminal

from ipc.cli.exits import ExitCode
from ipc.cli.following import OK, Ended, Followed, exit_code, follow
from ipc.errors import NoAnswer
from ipc.frame import Event
from ipc.messages import HelloResult
from ipc.subscription import Gap

BOTH = sync_result(FOLDER, LONG_URL)


def event(name: str, data, seq: int = 1) -> Event:
    return Event(run="r1", seq=seq, event=name, at="2026-01-31T08:15:00.000Z", data=dict(data))


def test_a_sync_answers_at_once_with_its_id(daemon, walletsync, capsys):
    daemon.answer_by_method["sync"] = BOTH
    assert walletsync("sync", "--json") == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == {"api": 1, "sync_id": "s1", "servers": [FOLDER, LONG_URL]}
    assert walletsync("sync", "--new-order", "backup") == ExitCode.DONE
    assert capsys.readouterr().out == "Sync s1 runs with 2 servers.\n"
    assert [call for _, call in daemon.calls] == [
        {"server": None, "reason": "user", "new_order": False},
        {"server": "backup", "reason": "user", "new_order": True},
    ]


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        ("ok", "ok", ExitCode.DONE),
        ("ok", "unreachable", ExitCode.SYNC_FAILED),
        ("too_large", "ok", ExitCode.SYNC_FAILED),
        ("payment_required", "ok", ExitCode.SYNC_WAITS),
        ("ok", "held", ExitCode.SYNC_WAITS),
        ("moved", "held", ExitCode.SYNC_WAITS),
        ("payment_required", "refused", ExitCode.SYNC_FAILED),
    ],
)
def test_waiting_ends_with_what_became_of_the_sync(one, other, code, daemon, walletsync, capsys):
    daemon.answer_by_method["sync"] = BOTH
    daemon.events = [
        ("sync.started", {"sync_id": "s1", "server": FOLDER, "reason": "user"}),
        ("sync.progress", {"sync_id": "s1", "server": FOLDER, "stage": "fetch"}),
        ended(FOLDER, "unreachable", sync_id="another"),
        ended(LONG_URL, other, None if other == "ok" else f"it is {other}"),
        ended(FOLDER, one),
    ]
    assert walletsync("sync", "--wait", "--json") == code
    assert json.loads(capsys.readouterr().out) == {
        "api": 1,
        "sync_id": "s1",
        "servers": [FOLDER, LONG_URL],
        "ended": [
            {"url": FOLDER, "outcome": one, "message": None},
            {"url": LONG_URL, "outcome": other, "message": None if other == "ok" else f"it is {other}"},
        ],
        "held": [],
        "notes": [],
        "wallet": {"state": "ok", "reason": None},
    }


def test_waiting_shows_people_how_it_ended(daemon, walletsync, capsys):
    daemon.answer_by_method["sync"] = BOTH
    daemon.events = [ended(FOLDER), ended(LONG_URL, "unreachable", "no route to host")]
    assert walletsync("sync", "--wait") == ExitCode.SYNC_FAILED
    out = capsys.readouterr().out
    assert "in step" in out
    assert "not reachable" in out
    assert f"! {LONG_URL}: no route to host" in " ".join(out.split())
    assert "\x1b" not in out


def test_a_sync_after_which_a_mass_delete_is_held_waits_for_a_person(daemon, walletsync, capsys):
    held = msgspec.structs.replace(troubled_status(), wallet=wallet())
    daemon.answer_by_method |= {"sync": sync_result(FOLDER), "status": held}
    daemon.events = [ended(FOLDER)]
    assert walletsync("sync", "--wait") == ExitCode.SYNC_WAITS
    assert f"`walletsync approve H1 --home {daemon.home}`" in capsys.readouterr().out
    daemon.events = [ended(FOLDER, "unreachable")]
    assert walletsync("sync", "--wait") == ExitCode.SYNC_FAILED


@pytest.mark.parametrize("state", ["absent", "locked", "unfit", "readonly"])
def test_a_sync_that_could_not_use_the_wallet_is_no_success(state, daemon, walletsync, capsys):
    unusable = status(wallet=wallet(state=state, reason="it is not as it should be"))
    daemon.answer_by_method |= {"sync": sync_result(FOLDER), "status": unusable}
    daemon.events = [ended(FOLDER)]
    assert walletsync("sync", "--wait") == ExitCode.WALLET_UNFIT
    told = " ".join(capsys.readouterr().out.split())
    assert "in step" not in told
    assert "! The wallet database cannot be used now: it is not as it should be." in told
    assert walletsync("sync", "--wait", "--json") == ExitCode.WALLET_UNFIT
    assert json.loads(capsys.readouterr().out)["wallet"] == {"state": state, "reason": "it is not as it should be"}
    daemon.events = [ended(FOLDER, "unreachable")]
    assert walletsync("sync", "--wait") == ExitCode.SYNC_FAILED


def test_waiting_with_no_server_ends_at_once(daemon, walletsync, capsys):
    daemon.answer_by_method["sync"] = sync_result()
    assert walletsync("sync", "--wait") == ExitCode.DONE
    assert "There is no server to sync with yet" in capsys.readouterr().out


def test_a_terminal_shows_progress(daemon):
    daemon.answer_by_method["sync"] = sync_result(FOLDER)
    daemon.events = [("sync.progress", {"sync_id": "s1", "server": FOLDER, "stage": "join"}), ended(FOLDER)]
    code, out = on_terminal(["sync", "--wait", "--home", str(daemon.home)])
    assert code == 0
    assert "\x1b[?25l" in out  # the cursor is hidden while the display lives
    assert out.rstrip().endswith("in step\x1b[0m")


def test_only_ends_of_this_sync_count_and_the_first_of_each_server():
    followed = Followed(BOTH)
    assert not followed.take(event(*ended(FOLDER, sync_id="another")))
    assert followed.take(event("sync.progress", {"sync_id": "s1", "server": FOLDER, "stage": "fetch"}))
    assert followed.running == [FOLDER, LONG_URL]
    followed.take(event(*ended(LONG_URL, "gone", "the folder is not there")))
    followed.take(event(*ended(LONG_URL, "ok")))
    assert followed.running == [FOLDER]
    assert followed.ended == [Ended(url=LONG_URL, outcome="gone", message="the folder is not there")]


def test_a_damaged_event_is_passed_over():
    followed = Followed(BOTH)
    followed.take(event("sync.ended", {"sync_id": "s1", "server": None}))
    followed.take(event("sync.ended", {"omitted_bytes": 99999}))
    assert followed.ended == []


def test_missed_events_are_made_up_for_by_the_status():
    followed = Followed(BOTH)
    followed.take_status([server(FOLDER, state="idle"), server(LONG_URL, state="syncing"), server("file:///other/")])
    assert followed.ended == [Ended(url=FOLDER, outcome=OK, message=None)]
    followed.take_status([server(LONG_URL, state="unreachable")])
    assert exit_code(followed) == ExitCode.SYNC_FAILED


class FakeClient:
    """A client of a daemon that says nothing but what it is told to."""

    def __init__(self, runs, messages, state="idle"):
        self._runs = iter(runs)
        self._messages = list(messages)
        self._state = state

    async def hello(self):
        return HelloResult(api=1, version="0.1.0", pid=1, run=next(self._runs))

    async def sync(self, server, *, new_order):
        return sync_result(FOLDER)

    async def status(self):
        return status(servers=[server(FOLDER, state=self._state)])

    def events(self):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def __anext__(self):
        while not self._messages:
            await trio.sleep_forever()
        return self._messages.pop(0)


async def test_a_gap_in_the_events_is_closed_by_the_status(autojump_clock):
    client = FakeClient(["r1", "r1"], [Gap("r1", 3)], state="refused")
    followed = await follow(client, None, lambda *_: None)
    assert [each.outcome for each in followed.ended] == ["refused"]


async def test_silence_is_no_end_as_long_as_the_daemon_is_the_same(autojump_clock):
    told = []
    client = FakeClient(["r1", "r1", "r1", "r2"], [])
    with pytest.raises(NoAnswer, match="started anew"):
        await follow(client, None, lambda followed, event: told.append(event))
    assert told == [None]


async def test_each_event_of_the_sync_is_shown(autojump_clock):
    told = []
    progress = event("sync.progress", {"sync_id": "s1", "server": FOLDER, "stage": "fetch"})
    other, last = event(*ended(FOLDER, sync_id="other"), 2), event(*ended(FOLDER), 3)
    client = FakeClient(["r1"], [progress, other, last])
    await follow(client, None, lambda followed, event: told.append(event))
    assert told == [None, progress, last]
