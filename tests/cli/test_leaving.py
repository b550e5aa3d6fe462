"""The commands that change the circle: leave, wallets rename, wallets forget."""

import json

import msgspec
import pytest
from support.cli_examples import FOLDER, LONG_URL, circle, server, status
from support.cli_terminal import on_terminal

from ipc.cli.exits import ExitCode
from ipc.messages import LeaveCircleResult, LeaveResult, WalletsResult


@pytest.fixture
def home(daemon) -> list[str]:
    daemon.answer_by_method |= {
        "status": status(servers=[server(), server(LONG_URL)]),
        "leave": LeaveResult(url=LONG_URL),
        "rename": WalletsResult(wallets=circle()),
        "forget": WalletsResult(wallets=circle()[:1]),
    }
    return ["--home", str(daemon.home)]


def changes(daemon):
    return [(method, params) for method, params in daemon.calls if method != "status"]


@pytest.mark.parametrize(
    ("options", "meaning"),
    [([], "stays as it is, for your other wallets"), (["--erase"], "is emptied, once it can be reached")],
)
def test_leaving_says_what_it_means_and_asks(options, meaning, home, daemon):
    question = f"Leave {LONG_URL}? [y/N]"
    code, out = on_terminal(["leave", "a-rather", *options, *home], [(question, "y")], columns=200)
    assert code == 0
    assert meaning in out
    assert "the last server" not in out
    assert changes(daemon) == [("leave", {"server": "a-rather", "erase": bool(options)})]


def test_a_no_leaves_everything_as_it_is(home, daemon):
    code, _ = on_terminal(["leave", "a-rather", *home], [("[y/N]", "n")], columns=200)
    assert (code, changes(daemon)) == (130, [])


def test_leaving_the_last_server_is_said_to_end_the_backup(home, daemon):
    daemon.answer_by_method["status"] = status()
    _, out = on_terminal(["leave", "backup", *home], [("[y/N]", "n")], columns=120)
    assert "this wallet is backed up nowhere" in out


def test_an_address_that_is_part_of_another_is_asked_about_by_itself(home, daemon):
    daemon.answer_by_method["status"] = status(servers=[server(FOLDER), server(f"{FOLDER}more/")])
    _, out = on_terminal(["leave", FOLDER, *home], [("[y/N]", "n")], columns=120)
    assert f"Leave {FOLDER}? [y/N]" in out


def test_what_names_no_single_server_is_left_for_the_daemon_to_refuse(walletsync, home, daemon):
    walletsync("leave", "e")
    walletsync("leave", "nowhere")
    assert [params["server"] for _, params in changes(daemon)] == ["e", "nowhere"]


@pytest.mark.parametrize("arguments", [["leave", "a-rather"], ["wallets", "forget", "phone#2"]])
def test_without_a_terminal_nothing_is_done_unless_it_is_agreed_to(arguments, walletsync, home, daemon, capsys):
    assert (walletsync(*arguments), changes(daemon)) == (ExitCode.USAGE, [])
    assert "Add --yes to agree to it." in capsys.readouterr().err
    assert (walletsync(*arguments, "--yes"), len(changes(daemon))) == (0, 1)


def test_leaving_prints_its_document(walletsync, home, capsys):
    assert walletsync("leave", "a-rather", "--erase", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"api": 1, "url": LONG_URL, "erase": True}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "which server"), (["a-rather", "--circle"], "neither SERVER"), (["--circle", "--erase"], "nor --erase")],
)
def test_leaving_nothing_in_particular_or_too_much_is_refused(arguments, words, walletsync, home, daemon, capsys):
    assert walletsync("leave", "--yes", *arguments) == ExitCode.USAGE
    assert words in capsys.readouterr().err
    assert daemon.calls == []


@pytest.mark.parametrize("answer", ["y", "n"])
def test_leaving_the_circle_says_what_it_means_and_asks(answer, home, daemon):
    daemon.answer_by_method["leave_circle"] = LeaveCircleResult(urls=[LONG_URL])
    code, out = on_terminal(["leave", "--circle", *home], [("Leave the circle? [y/N]", answer)], columns=120)
    assert (code, changes(daemon)) == ((0, [("leave_circle", {})]) if answer == "y" else (130, []))
    assert "backed up nowhere" in out
    assert (f"Left {LONG_URL}." in out.replace("\n", "")) == (answer == "y")


def test_leaving_the_circle_prints_its_document(walletsync, home, daemon, capsys):
    daemon.answer_by_method["leave_circle"] = LeaveCircleResult(urls=[LONG_URL])
    assert walletsync("leave", "--circle", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"api": 1, "urls": [LONG_URL]}


def test_a_wallet_is_renamed(walletsync, home, daemon, capsys):
    assert walletsync("wallets", "rename", "phone") == 0
    assert capsys.readouterr().out == "This wallet is now called phone#1.\n"
    assert changes(daemon) == [("rename", {"nickname": "phone"})]


def test_forgetting_says_what_it_means_and_asks(home, daemon):
    code, out = on_terminal(["wallets", "forget", "phone#2", *home], [("Forget phone#2? [y/N]", "y")], columns=120)
    assert code == 0
    assert "It is not locked out" in out
    assert "phone#2 is forgotten" in out
    assert changes(daemon) == [("forget", {"wallet": "phone#2"})]


@pytest.mark.parametrize("arguments", [["rename", "x"], ["forget", "x", "--yes"]])
@pytest.mark.parametrize("before", [True, False])
def test_common_options_stand_anywhere(arguments, before, walletsync, home, capsys):
    placed = ["wallets", "--json", *arguments] if before else ["wallets", *arguments, "--json"]
    assert walletsync(*placed) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["wallets"][0] == msgspec.to_builtins(circle()[0]) | {"last_seen": shown["wallets"][0]["last_seen"]}


def test_a_misspelt_command_of_a_command_is_told_what_would_be_right(walletsync, capsys):
    assert walletsync("wallets", "renmae", "x") == ExitCode.USAGE
    assert "rename" in capsys.readouterr().err
