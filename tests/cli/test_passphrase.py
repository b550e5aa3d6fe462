"""Sealing the keys: asked twice, never shown, and said what it means for a service."""

import json

import pytest
from support.cli_terminal import on_terminal, piped

from ipc.cli.exits import ExitCode
from ipc.messages import SealResult


@pytest.fixture(autouse=True)
def _sealing(daemon):
    daemon.answer_by_method["seal"] = SealResult(sealed=True)


def test_the_passphrase_is_asked_for_twice_and_not_shown(daemon):
    questions = [
        ("Passphrase for the keys (it is not shown)", "correct horse"),
        ("The same again", "correct horse"),
    ]
    code, out = on_terminal(["passphrase", "--home", str(daemon.home)], questions, columns=120)
    assert (code, daemon.calls) == (0, [("seal", {"passphrase": "correct horse"})])
    assert "correct horse" not in out
    assert "needs the passphrase from its next start on" in out


def test_it_is_one_line_of_standard_input_where_that_is_no_terminal(daemon):
    done = piped(["passphrase", "--json", "--home", str(daemon.home)], "correct horse\n")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"api": 1, "sealed": True})
    assert daemon.calls == [("seal", {"passphrase": "correct horse"})]


def test_it_is_never_an_argument_nor_empty(daemon, walletsync, capsys):
    assert walletsync("passphrase", "correct horse") == ExitCode.USAGE
    assert piped(["passphrase", "--home", str(daemon.home)], "\n").returncode == ExitCode.USAGE
    assert daemon.calls == []


def test_taking_it_off_is_asked_about(daemon, walletsync, capsys):
    daemon.answer_by_method["seal"] = SealResult(sealed=False)
    assert walletsync("passphrase", "--remove") == ExitCode.USAGE
    assert daemon.calls == []
    assert walletsync("passphrase", "--remove", "--yes") == ExitCode.DONE
    assert daemon.calls == [("seal", {"passphrase": None})]


def test_where_a_service_is_installed_it_is_said_that_it_can_ask_nobody(daemon, tmp_path):
    unit = tmp_path / "xdg_config_home" / "systemd" / "user" / "walletsyncd@.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    code, out = on_terminal(["passphrase", "--home", str(daemon.home)], [("Seal the keys? [y/N]", "n")], columns=120)
    assert (code, daemon.calls) == (130, [])
    assert "the credential walletsync-passphrase, or it does not start" in out
    assert "--credential passphrase=FILE" in out
