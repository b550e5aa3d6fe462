import json

import pytest
from support.cli_examples import FOLDER

from ipc.cli.exits import ExitCode
from ipc.errors import Refusal
from ipc.messages import EnrollResult


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
