"""The command that says what a sync would do, or did."""

import json

import pytest
from support.cli_examples import FOLDER
from support.cli_terminal import on_terminal

from ipc.messages import ExplainResult, Explanation

LONG_KEY = '["04TP881T3QTBFYXSYRSABR2V7SDA939RERANKNE7K8SPQC4QAR80",7]'
NEXT = [
    Explanation(server=None, set="coins", key=LONG_KEY, change="excluded", why="the row does not meet the condition"),
    Explanation(server=FOLDER, set="tips", key='["T1"]', change="deleted", why="the blob has not seen the delete"),
]
LAST = [Explanation(server=FOLDER, set="tips", key='["T1"]', change="delete_wins", why="deleted by another wallet")]


@pytest.fixture
def home(daemon) -> list[str]:
    daemon.answer_by_method["explain"] = ExplainResult(entities=NEXT, omitted=0)
    return ["--home", str(daemon.home)]


def test_what_the_next_sync_would_say_is_a_table(home, daemon):
    code, out = on_terminal(["explain", *home], columns=160)
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["all", "coins", "04TP881T…", "7", "left", "out", "the", "row"] in [row[:8] for row in rows]
    assert [FOLDER, "tips", "T1", "deleted", "the", "blob"] in [row[:6] for row in rows]
    assert "more" not in out
    assert daemon.calls == [("explain", {"last": False})]


def test_what_the_last_merges_did_is_told_with_the_rule(home, daemon):
    daemon.answer_by_method["explain"] = ExplainResult(entities=LAST, omitted=1234)
    _, out = on_terminal(["explain", "--last", *home], columns=160)
    assert [FOLDER, "tips", "T1", "deleted", "deleted", "by", "another", "wallet"] in [
        line.split() for line in out.splitlines()
    ]
    assert "There are 1,234 more." in out
    assert daemon.calls == [("explain", {"last": True})]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "Nothing to say: the next sync brings the servers no news of this wallet.\n"),
        (["--last"], "Nothing to say: no merge has changed anything here since the daemon started.\n"),
    ],
)
def test_nothing_to_say_is_said(options, words, walletsync, daemon, capsys):
    daemon.answer_by_method["explain"] = ExplainResult(entities=[], omitted=0)
    assert walletsync("explain", *options) == 0
    assert capsys.readouterr().out == words


def test_scripts_get_whole_keys_and_the_daemons_own_words(walletsync, home, capsys):
    assert walletsync("explain", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["api"], document["omitted"]) == (1, 0)
    assert document["entities"][0] == {
        "server": None,
        "set": "coins",
        "key": LONG_KEY,
        "change": "excluded",
        "why": "the row does not meet the condition",
    }


def test_control_characters_of_other_wallets_do_not_reach_the_terminal(walletsync, daemon, capsys):
    evil = Explanation(server=None, set="co\x1bins", key='["\\u001b[2J"]', change="\x1bnew", why="\x1b]0;x")
    daemon.answer_by_method["explain"] = ExplainResult(entities=[evil], omitted=0)
    assert walletsync("explain") == 0
    assert "\x1b" not in capsys.readouterr().out
