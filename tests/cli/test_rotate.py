"""The commands about roll-overs: rotate, and approve and reject of one that waits."""

import json

import pytest
from support.cli_examples import ago, status
from support.cli_terminal import on_terminal

from ipc.cli.exits import ExitCode
from ipc.messages import HeldResult, RotateResult
from ipc.state import LeftAccount, MovedNote, NamedWallet, PaymentDue, RotationStatus

PHONE, DESKTOP, LAPTOP = (
    NamedWallet(id=f"{name.upper()}0123456789", shown_as=name) for name in ("phone", "desktop", "laptop")
)


def note(verdict: str = "followable") -> MovedNote:
    return MovedNote(
        id="R2",
        verdict=verdict,
        waits=True,
        message="desktop has rolled the circle over to new keys",
        code="8623-FE2N",
        signer=DESKTOP,
        kept=[DESKTOP, PHONE],
        left_out=[LAPTOP],
        servers=["file:///x/"],
        since=ago(minutes=5),
    )


@pytest.fixture
def home(daemon) -> list[str]:
    answer = status()
    answer.notes = [note()]
    daemon.answer_by_method |= {
        "status": answer,
        "approve": HeldResult(held=[]),
        "reject": HeldResult(held=[]),
        "rotate": RotateResult(code="8623-FE2N", kept=[DESKTOP, PHONE], left_out=[LAPTOP]),
    }
    return ["--home", str(daemon.home)]


def changes(daemon):
    return [(method, params) for method, params in daemon.calls if method in {"approve", "reject", "rotate"}]


def test_who_is_kept_and_who_is_left_out_is_shown_before_anything_is_done(home, daemon):
    code, out = on_terminal(["rotate", "--keep", "desktop", "phone", *home], [("Roll the circle over? [y/N]", "n")])
    assert "laptop" in out
    assert "left out" in out
    assert code == 130
    assert changes(daemon) == [("rotate", {"keep": ["desktop", "phone"], "dry_run": True})]


def test_a_yes_rolls_over_and_tells_the_code(walletsync, home, daemon, capsys):
    assert walletsync("rotate", "--keep", "desktop", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["code"] == "8623-FE2N"
    assert [params["dry_run"] for _, params in changes(daemon)] == [False]


@pytest.mark.parametrize("verdict", ["followable", "stranger"])
def test_following_shows_who_made_it_and_its_code_and_sends_that_code(verdict, home, daemon):
    daemon.answer_by_method["status"].notes = [note(verdict)]
    code, out = on_terminal(["approve", "r2", *home], [("Approve R2? [y/N]", "y")])
    assert "8623-FE2N" in out
    assert "left out  laptop" in out
    assert ("does not know desktop" in out) == (verdict == "stranger")
    assert (code, changes(daemon)) == (0, [("approve", {"held": "r2", "code": "8623-FE2N"})])


def test_what_does_not_wait_is_not_followed(walletsync, home, daemon):
    assert walletsync("approve", "R7", "--yes") == ExitCode.REFUSED
    assert changes(daemon) == []


def test_rejecting_sends_no_code(walletsync, home, daemon):
    assert walletsync("reject", "R2", "--yes") == 0
    assert changes(daemon) == [("reject", {"held": "R2"})]


def test_status_says_what_waits_and_how_to_answer(walletsync, home, capsys):
    assert walletsync("status") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "desktop has rolled the circle over to new keys (code 8623-FE2N)" in out
    assert "approve R2" in out


def test_status_says_what_holds_a_roll_over_up_and_what_is_to_be_paid(walletsync, home, daemon, capsys):
    payment = PaymentDue(uri="taler://pay/merchant.example/ORDER-1/", amount="KUDOS:0.1")
    accounts = [
        LeftAccount(server="https://a.example/", noted=False, error="no answer within 60 s"),
        LeftAccount(server="https://b.example/", noted=True, error="it wants to be paid", payment=payment),
        LeftAccount(server="https://c.example/", noted=True, error=None),
    ]
    rotation = RotationStatus(
        code="8623-FE2N", signer=PHONE, kept=[], left_out=[], accounts=accounts, since=ago(minutes=5)
    )
    daemon.answer_by_method["status"].rotations = [rotation]
    assert walletsync("status") == 0
    out = "".join(capsys.readouterr().out.split())
    for words in (
        "https://a.example/ has yet to be told of the roll-over by phone: no answer within 60 s",
        "https://b.example/ wants to be paid KUDOS:0.1 for the account that was left",
        "taler://pay/merchant.example/ORDER-1/",
    ):
        assert "".join(words.split()) in out
    assert "c.example" not in out
