"""The command that takes walletsync out of the wallet's database."""

import json

import pytest
from support.cli_terminal import on_terminal

from ipc.cli.exits import ExitCode
from ipc.messages import DetachResult

PATH = "/home/someone/.local/share/wallet/wallet.sqlite"


@pytest.fixture
def home(daemon) -> list[str]:
    daemon.answer_by_method["detach"] = DetachResult(path=PATH)
    return ["--home", str(daemon.home)]


def detached(daemon):
    return [method for method, _ in daemon.calls].count("detach")


def test_it_says_what_detaching_means_and_asks(home, daemon):
    code, out = on_terminal(["detach", *home], [("Detach the wallet? [y/N]", "y")], columns=200)
    assert f"Everything that walletsync added to {PATH} is removed; the wallet's own data stays as it is." in out
    assert "The daemon ends, and the wallet is not backed up until it is started again." in out
    assert (code, detached(daemon)) == (0, 1)


def test_a_no_leaves_the_wallet_attached(home, daemon):
    code, _ = on_terminal(["detach", *home], [("[y/N]", "n")], columns=200)
    assert (code, detached(daemon)) == (130, 0)


def test_without_a_terminal_nothing_is_detached_unless_it_is_agreed_to(walletsync, home, daemon, capsys):
    assert walletsync("detach") == ExitCode.USAGE
    assert "Add --yes" in capsys.readouterr().err
    assert detached(daemon) == 0


def test_the_answer_says_how_the_wallet_is_attached_again(walletsync, home, daemon, capsys):
    assert walletsync("detach", "--yes") == 0
    out = capsys.readouterr().out
    assert f"Nothing of walletsync is left in {PATH}. The daemon ends." in out
    assert "Starting it again attaches the wallet again" in out
    assert f"walletsync service uninstall --home {daemon.home}" in out
    assert walletsync("detach", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"api": 1, "path": PATH}
