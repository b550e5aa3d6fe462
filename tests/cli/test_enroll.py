import io
import json
from pathlib import Path

import pytest
from support.cli_examples import FOLDER, SEALED_INVITATION

from ipc.cli.exits import ExitCode
from ipc.cli.service.unit import DROP_IN, drop_in_text, unit_name
from ipc.errors import Refusal
from ipc.messages import EnrollResult, JoinResult

OPENED = drop_in_text([Path("/etc/wallets")], Path("/home/someone"))


def enrolled(*, circle_created: bool = True) -> EnrollResult:
    return EnrollResult(url=FOLDER, identity="a1b2", circle_created=circle_created)


def test_enroll_prints_the_document(daemon, walletsync, capsys):
    daemon.answer_by_method["enroll"] = enrolled()
    assert walletsync("enroll", FOLDER, "--json") == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == {
        "api": 1,
        "url": FOLDER,
        "identity": "a1b2",
        "circle_created": True,
    }
    assert daemon.calls == [("enroll", {"url": FOLDER, "identity": None})]


@pytest.mark.parametrize("created", [True, False])
def test_the_first_server_leads_to_the_invitation(created, daemon, walletsync, capsys):
    daemon.answer_by_method["enroll"] = enrolled(circle_created=created)
    assert walletsync("enroll", FOLDER) == ExitCode.DONE
    out = capsys.readouterr().out
    assert f"Took up {FOLDER}" in out
    assert (f"walletsync invite --home {daemon.home}" in out) == created


def test_an_account_under_a_new_address_keeps_its_identity(daemon, walletsync):
    daemon.answer_by_method["enroll"] = enrolled()
    assert walletsync("enroll", "http://abc.onion/", "--as", "https://sync.example.org/") == ExitCode.DONE
    assert daemon.calls == [("enroll", {"url": "http://abc.onion/", "identity": "https://sync.example.org/"})]


def test_a_url_that_the_daemon_does_not_take_is_refused_in_its_words(daemon, walletsync, capsys):
    daemon.answer_by_method["enroll"] = Refusal("ftp:// is no server that walletsync knows")
    assert walletsync("enroll", "ftp://example.org/") == ExitCode.REFUSED
    assert capsys.readouterr().err == "error: ftp:// is no server that walletsync knows\n"


CLOSED = "file:///etc/wallets/"


@pytest.mark.parametrize("url", [CLOSED, FOLDER, "https://sync.example.org/"])
@pytest.mark.parametrize("drop_in", [None, "[Service]\nReadWritePaths=-/etc/other\n", OPENED])
@pytest.mark.parametrize("installed", [True, False])
def test_a_folder_that_the_services_sandbox_closes_is_told_with_what_to_do(
    url, drop_in, installed, daemon, walletsync, tmp_path, monkeypatch, capsys
):
    units = tmp_path / "xdg_config_home" / "systemd" / "user"
    units.mkdir(parents=True)
    if installed:
        (units / "walletsyncd@.service").touch()
    if drop_in is not None:
        place = units / f"{unit_name(daemon.home)}.d" / DROP_IN
        place.parent.mkdir()
        place.write_text(drop_in)
    answer = EnrollResult(url=url, identity="a1b2", circle_created=False)
    daemon.answer_by_method |= {"enroll": answer, "join": JoinResult(servers=[FOLDER, url])}
    monkeypatch.setattr("sys.stdin", io.StringIO("a passphrase"))
    for arguments in (["enroll", url], ["join", SEALED_INVITATION, "--yes"]):
        assert walletsync(*arguments) == ExitCode.DONE
        told = f"walletsync service install --home {daemon.home}" in capsys.readouterr().err
        assert told == (url == CLOSED and installed and drop_in != OPENED)
