"""The recovery sheet: what it says, how it looks on paper and on a screen, and where it is written."""

import json
import re

import pytest
import segno
from support.cli_examples import FOLDER, INVITATION, SEALED_INVITATION, invite_result, status, wallet
from support.cli_terminal import on_terminal, piped
from support.sheets import code_of_picture, code_of_text, invitation_of, text_of_picture

from ipc.cli.exits import ExitCode
from ipc.cli.invitation import PREFIX
from ipc.cli.qr import qr_rows
from ipc.cli.sheet import Sheet, as_text
from ipc.cli.sheetpicture import as_svg
from ipc.errors import Refusal

BUCKET = "s3://bucket/wallets/?endpoint=https://s3.example.org"


@pytest.fixture(autouse=True)
def _invitation(daemon):
    daemon.answer_by_method["invite"] = invite_result()


def sheet(**changes) -> Sheet:
    values = {
        "uri": INVITATION,
        "sealed": False,
        "servers": [FOLDER],
        "nickname": "phone#1",
        "profile": "taler",
        "made": "2026-01-31",
    }
    return Sheet(**(values | changes))


def printed(uri: str = INVITATION) -> list[list[bool]]:
    code = segno.make_qr(uri, error="q")
    return [[bool(module) for module in row] for row in code.matrix_iter(border=4)]


def same(text: str) -> str:
    return "".join(text.split()).upper()


def test_a_sheet_tells_what_it_is_when_it_was_made_and_what_to_do():
    text = as_text(sheet(servers=[FOLDER, BUCKET]))
    for words in (
        "Printed on 2026-01-31 by the wallet phone#1, profile taler.",
        "spend your money",
        "walletsync init --wallet PATH --profile taler --create",
        "walletsync join",
        FOLDER,
        BUCKET,
        "wants its own credentials",
    ):
        assert words in text
    assert "credentials" not in as_text(sheet())


def test_a_sheet_of_a_wallet_whose_program_makes_the_database_says_so():
    text = as_text(sheet(profile="cashu"))
    assert "walletsync init --wallet PATH --profile cashu\n" in text
    assert "--create" not in text


def test_a_sealed_sheet_names_the_passphrase_that_is_not_on_it():
    text = " ".join(as_text(sheet(uri=SEALED_INVITATION, sealed=True)).split())
    assert "Without the passphrase, which is not on it, it is of no use" in text
    assert "typed, then its passphrase." in text


@pytest.mark.parametrize("draw", [as_text, lambda made: text_of_picture(as_svg(made))])
def test_the_invitation_can_be_typed_from_a_sheet(draw):
    assert same(invitation_of(draw(sheet()))) == same(INVITATION)


def test_the_picture_shows_the_code_of_the_invitation():
    assert code_of_picture(as_svg(sheet())) == printed()


def test_the_text_shows_the_code_in_ink():
    lines = as_text(sheet()).splitlines()
    drawn = [line for line in lines if re.fullmatch(r"[ ▀▄█]*[▀▄█][ ▀▄█]*", line)]
    expected = printed()
    assert code_of_text(["", "", *drawn, "", ""], len(expected)) == expected


def test_a_picture_that_would_not_fit_a_page_is_longer():
    short, long = as_svg(sheet()), as_svg(sheet(uri=INVITATION + "0" * 800, servers=[FOLDER] * 30))
    heights = [float(re.search(r'height="([\d.]+)mm"', svg)[1]) for svg in (short, long)]
    assert heights[0] == 297
    lowest = max(float(each) for each in re.findall(r' y="([\d.]+)"', long))
    assert heights[1] > lowest + 80


def test_names_from_elsewhere_are_only_text_in_the_picture():
    strange = "file:///a/<&>\u202e'\"/"
    assert "file:///a/<&>\N{REPLACEMENT CHARACTER}'\"/" in text_of_picture(as_svg(sheet(servers=[strange])))


def test_an_invitation_too_long_for_a_code_is_on_the_sheet_without():
    long = sheet(uri=PREFIX + "0" * 4000)
    assert qr_rows(long.uri) == []
    assert "too long for a QR code" in as_text(long)
    assert "<path" not in as_svg(long)
    assert same(invitation_of(text_of_picture(as_svg(long)))) == same(long.uri)


def test_what_takes_a_sheet_apart_does_not_show_the_invitation():
    assert INVITATION not in repr(sheet())


# The command.


@pytest.mark.parametrize(("name", "draw"), [("sheet.svg", as_svg), ("sheet.txt", as_text)])
def test_a_sheet_is_written_into_a_new_file_for_its_owner_alone(name, draw, walletsync, tmp_path, capsys):
    out = tmp_path / name
    assert walletsync("recovery", "--out", str(out)) == ExitCode.DONE
    assert out.stat().st_mode & 0o777 == 0o600
    made = re.search(r"Printed on (\S+) by", out.read_text())[1]
    assert out.read_text() == draw(sheet(made=made))
    captured = capsys.readouterr()
    assert captured.out == f"Wrote {out}. Print it, and then delete the file.\n"
    assert INVITATION not in captured.err


@pytest.mark.parametrize("name", ["there.svg", "no-folder/sheet.svg", "sheet.pdf", "sheet"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_asked(name, walletsync, daemon, tmp_path, capsys):
    (tmp_path / "there.svg").write_text("mine")
    assert walletsync("recovery", "--out", str(tmp_path / name)) == ExitCode.USAGE
    assert name.split("/")[0] in capsys.readouterr().err
    assert daemon.calls == []
    assert [path.name for path in tmp_path.glob("**/*.svg")] == ["there.svg"]


def test_into_a_pipe_the_sheet_is_written_as_it_is_printed(daemon):
    done = piped(["recovery", "--home", str(daemon.home)])
    made = re.search(r"Printed on (\S+) by", done.stdout)[1]
    assert done.stdout == as_text(sheet(made=made))
    assert "spend your money" in done.stderr


def test_on_a_terminal_the_code_is_shown_as_an_invitations_is(daemon):
    code, out = on_terminal(["recovery", "--home", str(daemon.home)], columns=120)
    assert code == 0
    assert "▀" in out
    assert "48;2;255;255;255" in out or "48;5;" in out or "107m" in out
    assert same(invitation_of(out)) == same(INVITATION)


def test_a_sheet_is_sealed_with_a_passphrase_from_standard_input(daemon):
    daemon.answer_by_method["invite"] = invite_result(SEALED_INVITATION, sealed=True)
    done = piped(["recovery", "--passphrase", "--home", str(daemon.home)], "correct horse\n")
    assert (done.returncode, daemon.calls[-1]) == (0, ("invite", {"passphrase": "correct horse"}))
    assert "correct horse" not in done.stdout + done.stderr


def test_a_passphrase_is_never_an_argument(walletsync, daemon, capsys):
    assert walletsync("recovery", "--passphrase", "correct horse") == ExitCode.USAGE
    assert daemon.calls == []


def test_recovery_prints_its_document(walletsync, tmp_path, capsys):
    assert walletsync("recovery", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", shown.pop("made"))
    assert shown == {"api": 1, "uri": INVITATION, "file": None, "sealed": False, "servers": [FOLDER]}
    out = tmp_path / "sheet.svg"
    assert walletsync("recovery", "--json", "--out", str(out)) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["uri"], shown["file"]) == (None, str(out))


def test_a_refusal_of_the_daemon_is_told_and_leaves_no_file(walletsync, daemon, tmp_path, capsys):
    daemon.answer_by_method |= {"invite": Refusal("there is no circle yet"), "status": status(wallet=wallet())}
    assert walletsync("recovery", "--out", str(tmp_path / "sheet.svg")) == ExitCode.REFUSED
    assert capsys.readouterr().err == "error: there is no circle yet\n"
    assert not (tmp_path / "sheet.svg").exists()
