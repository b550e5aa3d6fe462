import io
import json
from types import SimpleNamespace

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from support.cli_examples import FOLDER, INVITATION, SEALED_INVITATION, invite_result
from support.cli_terminal import on_terminal, piped

from ipc import base32
from ipc.cli.exits import ExitCode
from ipc.cli.invitation import PREFIX, Invitation, NoInvitation, read_invitation
from ipc.cli.main import run
from ipc.cli.qr import qr_lines
from ipc.errors import Refusal
from ipc.messages import JoinResult


@pytest.fixture
def home(daemon) -> list[str]:
    daemon.answer_by_method |= {"invite": invite_result(), "join": JoinResult(servers=[FOLDER])}
    return ["--home", str(daemon.home)]


@pytest.fixture
def join(home, monkeypatch, capsys):
    """Runs join with this on standard input, which is no terminal."""

    def run_join(standard_input: str, *arguments: str) -> SimpleNamespace:
        monkeypatch.setattr("sys.stdin", io.StringIO(standard_input))
        code = run(["join", *arguments, *home])
        captured = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=captured.out, stderr=captured.err)

    return run_join


# invite


def test_invite_prints_the_document_of_the_contract(home, capsys):
    assert run(["invite", "--json", *home]) == ExitCode.DONE
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"api": 1, "uri": INVITATION, "sealed": False, "servers": [FOLDER]}
    assert captured.err == ""


def test_into_a_pipe_the_address_alone_is_written(home):
    done = piped(["invite", *home])
    assert done.stdout == f"{INVITATION}\n"
    assert "can read your wallets and spend your money" in done.stderr


def test_a_terminal_shows_code_address_and_warning(home):
    code, out = on_terminal(["invite", *home], columns=100)
    assert code == 0
    assert "▀" in out
    assert INVITATION in out
    assert "spend your money" in out


def test_a_terminal_too_narrow_for_the_code_is_told_how_wide_it_must_be(home):
    code, out = on_terminal(["invite", *home], columns=40)
    assert code == 0
    assert "The QR code needs a terminal of" in out
    assert "▀" not in out
    assert INVITATION in out.replace("\n", "")


@pytest.fixture
def sealed(daemon):
    daemon.answer_by_method["invite"] = invite_result(SEALED_INVITATION, sealed=True)


def test_a_passphrase_is_one_line_of_standard_input_where_that_is_no_terminal(home, sealed, daemon):
    done = piped(["invite", "--passphrase", *home], "correct horse\n")
    assert (done.returncode, done.stdout) == (0, f"{SEALED_INVITATION}\n")
    assert "Tell the passphrase another way" in done.stderr
    assert daemon.calls == [("invite", {"passphrase": "correct horse"})]


def test_at_a_terminal_the_passphrase_is_asked_for_twice_and_not_shown(home, sealed, daemon):
    questions = [
        ("Passphrase for the invitation (it is not shown)", "correct horse"),
        ("The same again", "mistyped"),
        ("Passphrase for the invitation (it is not shown)", "correct horse"),
        ("The same again", "correct horse"),
    ]
    code, out = on_terminal(["invite", "--passphrase", *home], questions, columns=120)
    assert (code, [call for _, call in daemon.calls]) == (0, [{"passphrase": "correct horse"}])
    assert "do not match" in out
    assert "correct horse" not in out
    assert SEALED_INVITATION in out


def test_a_passphrase_is_never_an_argument(home, daemon, capsys):
    assert run(["invite", "--passphrase", "secret", *home]) == ExitCode.USAGE
    assert daemon.calls == []


def test_the_code_is_written_as_a_picture_for_its_owner_alone(home, tmp_path, capsys):
    png = tmp_path / "code.png"
    assert run(["invite", "--png", str(png), *home]) == 0
    assert png.stat().st_mode & 0o777 == 0o600
    expected = io.BytesIO()
    segno.make_qr(INVITATION, error="l").save(expected, kind="png", scale=8, border=4)
    assert png.read_bytes() == expected.getvalue()
    assert capsys.readouterr().out == f"{INVITATION}\n"


@pytest.mark.parametrize("name", ["there.png", "no-folder/code.png"])
def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_asked(name, home, daemon, tmp_path, capsys):
    (tmp_path / "there.png").write_text("mine")
    assert run(["invite", "--png", str(tmp_path / name), *home]) == ExitCode.USAGE
    assert name.split("/")[0] in capsys.readouterr().err
    assert daemon.calls == []
    assert (tmp_path / "there.png").read_text() == "mine"


def test_an_invitation_too_long_for_a_code_is_shown_without_and_gives_no_picture(home, daemon, tmp_path, capsys):
    daemon.answer_by_method["invite"] = invite_result(PREFIX + "0" * 4000)
    assert qr_lines(PREFIX + "0" * 4000, colours=True) == []
    code, out = on_terminal(["invite", *home])
    assert (code, "too long for a QR code" in out) == (0, True)
    assert run(["invite", "--png", str(tmp_path / "code.png"), *home]) == ExitCode.USAGE
    assert not (tmp_path / "code.png").exists()


def modules_of(lines, dark_is_ink) -> list[list[bool]]:
    """Read a drawn code back: two rows from each line."""
    rows = []
    for line in lines:
        rows.append([(character in "▀█") == dark_is_ink for character in line.plain])
        rows.append([(character in "▄█") == dark_is_ink for character in line.plain])
    return rows


@pytest.mark.parametrize("colours", [True, False])
def test_the_drawn_code_is_that_of_the_address_with_its_quiet_zone(colours):
    code = segno.make_qr(INVITATION, error="l")
    expected = [[bool(module) for module in row] for row in code.matrix_iter(border=4)]
    drawn = modules_of(qr_lines(INVITATION, colours), dark_is_ink=colours)
    assert drawn[: len(expected)] == expected
    assert drawn[len(expected) :] in ([], [expected[-1]])


# join


def test_join_reads_the_invitation_from_standard_input(join, daemon):
    done = join(f"  {INVITATION}\n", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Joined, with {FOLDER}." in done.stdout
    assert daemon.calls == [("join", {"uri": INVITATION, "passphrase": None})]


def test_white_space_in_an_invitation_counts_for_nothing(join, daemon):
    typed = f"{INVITATION[:20]} {INVITATION[20:60]}\t{INVITATION[60:].lower()}"
    assert join(typed, "-").returncode == ExitCode.DONE
    assert daemon.calls == [("join", {"uri": typed, "passphrase": None})]


def test_join_prints_the_document(join):
    done = join(INVITATION, "-", "--json")
    assert json.loads(done.stdout) == {"api": 1, "servers": [FOLDER]}


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_the_invitation_is_not_shown_and_joining_is_confirmed(answer, home, daemon):
    questions = [("Invitation (it is not shown)", INVITATION), ("Join? [y/N]", answer)]
    code, out = on_terminal(["join", *home], questions)
    assert INVITATION not in out.replace("\n", "")
    assert f"The invitation names {FOLDER}." in out
    assert (code, len(daemon.calls)) == ((0, 1) if answer == "y" else (130, 0))


def test_yes_leaves_the_question_out(home, daemon):
    code, out = on_terminal(["join", "--yes", *home], [("Invitation (it is not shown)", INVITATION)])
    assert code == 0
    assert "Join?" not in out
    assert len(daemon.calls) == 1


def test_an_unsealed_invitation_as_an_argument_is_refused_and_not_repeated(home, daemon, capsys):
    assert run(["join", INVITATION, "--yes", *home]) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert "other users of this machine can see arguments" in captured.err
    assert f"walletsync join - --home {daemon.home}" in captured.err
    assert INVITATION.removeprefix(PREFIX) not in captured.err + captured.out
    assert daemon.calls == []


def test_a_sealed_invitation_may_be_an_argument_and_its_passphrase_a_line_of_standard_input(join, daemon):
    done = join("correct horse\nanother line", SEALED_INVITATION, "--yes")
    assert done.returncode == ExitCode.DONE
    assert daemon.calls == [("join", {"uri": SEALED_INVITATION, "passphrase": "correct horse"})]
    assert "correct horse" not in done.stdout + done.stderr


def test_a_sealed_invitation_and_its_passphrase_may_be_two_lines_of_standard_input(join, daemon):
    assert join(f"{SEALED_INVITATION}\ncorrect horse", "-").returncode == ExitCode.DONE
    assert daemon.calls == [("join", {"uri": SEALED_INVITATION, "passphrase": "correct horse"})]


@pytest.mark.parametrize(
    ("line", "complaint"), [("", "no passphrase"), ("\n", "no passphrase"), ("a\tb", "control characters")]
)
def test_a_sealed_invitation_needs_its_passphrase(line, complaint, join, daemon):
    done = join(line, SEALED_INVITATION, "--yes")
    assert done.returncode == ExitCode.USAGE
    assert complaint in done.stderr
    assert daemon.calls == []


def test_at_a_terminal_the_passphrase_is_asked_for_and_not_shown(home, daemon):
    questions = [("Join? [y/N]", "y"), ("Passphrase of the invitation", "correct horse")]
    code, out = on_terminal(["join", SEALED_INVITATION, *home], questions)
    assert (code, daemon.calls[0][1]["passphrase"]) == (0, "correct horse")
    assert "correct horse" not in out


def test_a_wrong_passphrase_is_told_in_the_daemons_words(join, daemon):
    daemon.answer_by_method["join"] = Refusal("the passphrase is not the one that this invitation was sealed with")
    done = join("wrong", SEALED_INVITATION, "--yes")
    assert done.returncode == ExitCode.REFUSED
    assert done.stderr == "error: the passphrase is not the one that this invitation was sealed with\n"


def test_without_a_terminal_a_sealed_argument_needs_yes(join, daemon):
    done = join("", SEALED_INVITATION)
    assert done.returncode == ExitCode.USAGE
    assert "Add --yes" in done.stderr
    assert daemon.calls == []


def test_without_a_terminal_and_without_a_dash_there_is_nobody_to_ask(join, daemon):
    done = join(INVITATION)
    assert done.returncode == ExitCode.USAGE
    assert "walletsync join -" in done.stderr
    assert daemon.calls == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no invitation"),
        ("https://example.org/", "no invitation"),
        (INVITATION.replace("/1#", "/2#"), "another version"),
        (INVITATION[:-7], "was all of it copied"),
        (INVITATION + "!", "was all of it copied"),
        (PREFIX + base32.encode(b'{"servers":[]}'), "not whole"),
        (PREFIX + base32.encode(b"[1]"), "was all of it copied"),
        (PREFIX + base32.encode(b"\xff\xfe"), "was all of it copied"),
    ],
)
def test_what_is_no_invitation_is_refused_and_not_repeated(text, complaint, join, daemon):
    done = join(text, "-")
    assert done.returncode == ExitCode.USAGE
    assert complaint in done.stderr
    assert daemon.calls == []
    assert text.removeprefix(PREFIX) not in done.stderr or not text


def test_a_refusal_of_the_daemon_is_told(join, daemon):
    daemon.answer_by_method["join"] = Refusal("this wallet is in a circle already")
    done = join(INVITATION, "-")
    assert (done.returncode, done.stderr) == (ExitCode.REFUSED, "error: this wallet is in a circle already\n")


# invitation


def test_an_invitation_tells_its_servers_only_where_it_is_not_sealed():
    assert read_invitation(INVITATION) == Invitation(sealed=False, servers=(FOLDER,))
    assert read_invitation(SEALED_INVITATION) == Invitation(sealed=True, servers=())


@given(st.text())
def test_any_text_is_an_invitation_or_none(text):
    with pytest.raises(NoInvitation):
        read_invitation(PREFIX + "!" + text)
