"""The commands about what was deleted: approve, reject, history, restore."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cli_examples import FOLDER, ago, entry, status, troubled_status
from support.cli_terminal import on_terminal

from ipc.cli.exits import ExitCode
from ipc.cli.moments import parse_moment
from ipc.messages import HeldResult, HistoryResult, HistoryShowResult, KeptBlob, RestoreBlobResult, RestoreResult
from ipc.state import FarTime

LONG_KEY = '["04TP881T3QTBFYXSYRSABR2V7SDA939RERANKNE7K8SPQC4QAR80",7]'
VALUE = b'{"amount":"KUDOS:1","fee":null,"\\u001b[2J":["a"],"tip_id":"T1"}'


BLOB = KeptBlob(day="2026-01-31", at=ago(hours=2, seconds=5), server="file:///media/backup/", sealed_bytes=1234567)


@pytest.fixture
def home(daemon) -> list[str]:
    entries = [
        entry(14, ago(minutes=5), "s2", LONG_KEY, "coins"),
        entry(13, ago(hours=1), "s1"),
        entry(12, ago(hours=3), "s1"),
        entry(11, ago(hours=5), "s0"),
    ]
    daemon.answer_by_method |= {
        "status": troubled_status(),
        "approve": HeldResult(held=[]),
        "reject": HeldResult(held=troubled_status().held),
        "history": HistoryResult(entries=entries, blobs=[BLOB]),
        "restore_blob": RestoreBlobResult(restored={"coins": 25}, changed={}),
        "history_show": HistoryShowResult(entry=entries[1], value=msgspec.Raw(VALUE)),
        "restore": RestoreResult(restored=entries[1:3]),
    }
    return ["--home", str(daemon.home)]


def changes(daemon):
    return [params for method, params in daemon.calls if method in {"approve", "reject", "restore", "restore_blob"}]


# approve, reject


@pytest.mark.parametrize(
    ("command", "meaning"),
    [("approve", "they are deleted from this wallet too"), ("reject", "they stay here, and come back on your other")],
)
def test_what_is_held_is_shown_and_asked_about(command, meaning, home, daemon):
    code, out = on_terminal([command, "h1", *home], [(f"{command.capitalize()} H1? [y/N]", "y")])
    assert "A mass delete on another wallet (25 of coins) is held for 10 min." in out
    assert meaning in " ".join(out.split())
    assert (code, changes(daemon)) == (0, [{"held": "h1"}])


def test_a_no_decides_nothing(home, daemon):
    code, _ = on_terminal(["approve", "H1", *home], [("[y/N]", "n")])
    assert (code, changes(daemon)) == (130, [])


def test_what_is_not_held_is_left_for_the_daemon_to_refuse(walletsync, home, daemon):
    daemon.answer_by_method["status"] = status()
    walletsync("approve", "H7")
    assert changes(daemon) == [{"held": "H7"}]


def test_without_a_terminal_nothing_is_decided_unless_it_is_agreed_to(walletsync, home, daemon):
    assert walletsync("approve", "H1") == ExitCode.USAGE
    assert changes(daemon) == []


def test_deciding_tells_what_is_held_still(walletsync, home, capsys):
    assert walletsync("approve", "H1", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"api": 1, "held": []}
    assert walletsync("reject", "H1", "--yes") == 0
    assert capsys.readouterr().out == "H1 is undone.\n1 mass delete still held: H1.\n"


# history


def test_history_shortens_keys_for_people_alone(walletsync, home, daemon, capsys):
    assert walletsync("history", "--limit", "7") == 0
    people = capsys.readouterr().out
    assert "coins 04TP881T… 7" in people
    assert "deleted elsewhere" in people
    assert walletsync("history", "--json") == 0
    assert json.loads(capsys.readouterr().out)["entries"][0]["key"] == LONG_KEY
    assert daemon.calls == [("history", {"limit": 7}), ("history", {"limit": 100})]


def test_history_says_where_there_is_more(walletsync, home, capsys):
    assert walletsync("history", "--limit", "4") == 0
    assert "These are the newest 4; --limit shows more." in capsys.readouterr().out


def test_history_shows_the_days_of_which_a_whole_state_is_kept(walletsync, home, capsys):
    assert walletsync("history") == 0
    assert "2026-01-31 2 h ago file:///media/backup/ 1.2 MB" in " ".join(capsys.readouterr().out.split())
    assert walletsync("history", "--json") == 0
    assert json.loads(capsys.readouterr().out)["blobs"] == [msgspec.to_builtins(BLOB)]


def test_an_empty_history_is_told(walletsync, home, daemon, capsys):
    daemon.answer_by_method["history"] = HistoryResult(entries=[], blobs=[])
    assert walletsync("history") == 0
    assert "Nothing deleted is kept" in capsys.readouterr().out


def test_a_deleted_value_is_shown_column_by_column(walletsync, home, daemon, capsys):
    assert walletsync("history", "show", "13") == 0
    out = capsys.readouterr().out
    for words in ("tips", "KUDOS:1", "null", '["a"]'):
        assert words in out
    assert "\x1b" not in out
    assert walletsync("history", "show", "13", "--json") == 0
    assert json.loads(capsys.readouterr().out)["value"] == json.loads(VALUE)
    assert daemon.calls == [("history_show", {"id": 13})] * 2


# restore


def test_values_are_restored_by_number(walletsync, home, daemon, capsys):
    assert walletsync("restore", "13", "12", "13", "--yes") == 0
    assert capsys.readouterr().out == "Brought back 2 values: 2 of tips. Your servers hear of it soon.\n"
    assert changes(daemon) == [{"ids": [13, 12], "sync_id": None, "before": None}]


def test_what_is_there_already_is_told(walletsync, home, daemon, capsys):
    daemon.answer_by_method["restore"] = RestoreResult(restored=[])
    assert walletsync("restore", "12", "--yes") == 0
    assert "there already" in capsys.readouterr().out


def test_what_is_left_out_is_told_with_the_reason(walletsync, home, daemon, capsys):
    spent, unknown = entry(12, ago(hours=3), "s1"), entry(14, ago(minutes=5), "s2", LONG_KEY, "proofs")
    daemon.answer_by_method["restore"] = RestoreResult(restored=[], spent=[spent], unknown=[unknown])
    assert walletsync("restore", "12", "14", "--yes") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "spent or has moved on: 1 of tips." in words
    assert "does not know whether it was spent: 1 of proofs." in words
    assert "there already" not in words
    assert walletsync("restore", "12", "14", "--yes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert ([each["id"] for each in told["spent"]], [each["id"] for each in told["unknown"]]) == ([12], [14])
    daemon.answer_by_method["restore_blob"] = RestoreBlobResult(restored={"coins": 1}, changed={}, spent={"proofs": 3})
    assert walletsync("restore", "--blob", "2026-01-31", "--yes") == 0
    out = capsys.readouterr().out
    assert "Brought back: 1 of coins." in out
    assert "spent or has moved on: 3 of proofs." in out


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["12", "13", "12"], "Bring 2 deleted values back? [y/N]"),
        (["--sync", "s1"], "Bring 2 deleted values back (2 of tips)? [y/N]"),
        (["--before", "2 h ago"], "Bring 2 deleted values back (1 of coins and 1 of tips)? [y/N]"),
        (["--before", "4 h ago"], "Bring 2 deleted values back (1 of coins and 1 of tips)? [y/N]"),  # one key twice
    ],
)
def test_restoring_says_how_much_and_asks(arguments, question, home, daemon):
    code, _ = on_terminal(["restore", *arguments, *home], [(question, "y")], columns=120)
    assert (code, len(changes(daemon))) == (0, 1)


def test_a_no_restores_nothing(home, daemon):
    code, _ = on_terminal(["restore", "12", *home], [("[y/N]", "n")])
    assert (code, changes(daemon)) == (130, [])


def test_where_nothing_is_kept_the_daemon_says_so_unasked(walletsync, home, daemon):
    walletsync("restore", "--sync", "s9")
    assert changes(daemon) == [{"ids": None, "sync_id": "s9", "before": None}]


def test_a_time_reaches_the_daemon_as_the_protocol_writes_it(walletsync, home, daemon):
    assert walletsync("restore", "--before", "2026-01-31T09:15:00+01:00", "--yes") == 0
    assert changes(daemon) == [{"ids": None, "sync_id": None, "before": "2026-01-31T08:15:00.000Z"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say just one of these"),
        (["12", "--sync", "s1"], "say just one of these"),
        (["--before", "soon"], "'soon' is no time: write"),
        (["12", "--blob", "2026-01-31"], "say just one of these"),
        (["12", "--changed"], "say just one of these"),
        (["twelve"], "twelve"),
    ],
)
def test_a_restore_that_says_nothing_or_too_much_is_refused(arguments, words, walletsync, home, daemon, capsys):
    assert walletsync("restore", *arguments, "--yes") == ExitCode.USAGE
    assert words in " ".join(capsys.readouterr().err.split())
    assert daemon.calls == []


def test_a_whole_state_is_brought_back_and_counted(walletsync, home, daemon, capsys):
    assert walletsync("restore", "--blob", "2026-01-31", "--yes") == 0
    assert capsys.readouterr().out == "Brought back: 25 of coins.\nYour servers hear of it soon.\n"
    daemon.answer_by_method["restore_blob"] = RestoreBlobResult(restored={}, changed={"tips": 2})
    assert walletsync("restore", "--blob", "2026-01-31", "--changed", "--yes") == 0
    assert capsys.readouterr().out == "Again as it was: 2 of tips.\nYour servers hear of it soon.\n"
    daemon.answer_by_method["restore_blob"] = RestoreBlobResult(restored={}, changed={})
    assert walletsync("restore", "--blob", "2026-01-30", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "api": 1,
        "restored": {},
        "changed": {},
        "spent": {},
        "unknown": {},
    }
    assert changes(daemon) == [
        {"day": "2026-01-31", "changed": False},
        {"day": "2026-01-31", "changed": True},
        {"day": "2026-01-30", "changed": False},
    ]


def test_a_whole_state_is_not_brought_back_unasked(walletsync, home, daemon):
    assert walletsync("restore", "--blob", "2026-01-31") == ExitCode.USAGE
    assert changes(daemon) == []


# moments

NOW = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2 h ago", NOW - timedelta(hours=2)),
        ("90min ago", NOW - timedelta(minutes=90)),
        ("1.5 days ago", NOW - timedelta(hours=36)),
        ("2026-01-31T08:15:00Z", datetime(2026, 1, 31, 8, 15, tzinfo=UTC)),
        ("2026-01-31 09:15:00+01:00", datetime(2026, 1, 31, 8, 15, tzinfo=UTC)),
        ("2026-01-31 08:15", datetime(2026, 1, 31, 8, 15).astimezone()),
        ("2026-01-31", datetime(2026, 1, 31).astimezone()),
    ],
)
def test_moments_are_read_as_people_write_them(text, moment):
    assert parse_moment(text, NOW) == moment


def test_a_clock_time_is_one_of_today():
    now = datetime.now().astimezone().replace(hour=12)
    assert parse_moment("08:15", now) == now.replace(hour=8, minute=15, second=0, microsecond=0)


@pytest.mark.parametrize("text", ["", "soon", "ago", "2 h", "-2 h ago", "2 fortnights ago", "2026-13-01", "25:00"])
def test_what_is_no_moment_is_refused_with_what_would_be_right(text):
    with pytest.raises(ValueError, match=r"is no time: write .*ago"):
        parse_moment(text, NOW)


def test_a_moment_to_come_is_refused():
    with pytest.raises(ValueError, match="lies in the future"):
        parse_moment("2026-02-02", NOW)


@given(st.text())
def test_any_text_is_a_moment_that_has_passed_or_a_value_error(text):
    with suppress(ValueError):
        assert parse_moment(text, NOW) <= NOW


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_time_is_approved_after_saying_what_that_means(answer, daemon):
    far = FarTime(id="T1", server=FOLDER, writer="0123456789abcdef", since=ago(hours=2))
    daemon.answer_by_method |= {"status": status(far_times=[far]), "approve": HeldResult(held=[])}
    questions = [("Approve T1? [y/N]", answer)]
    code, out = on_terminal(["approve", "t1", "--home", str(daemon.home)], questions, columns=120)
    assert f"impossibly far ahead into {FOLDER}" in out.replace("\n", "")
    assert (code, [call for call, _ in daemon.calls]) == (
        (0, ["status", "approve"]) if answer == "y" else (130, ["status"])
    )
