"""The commands that only look: status, servers, wallets."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest
from support.cli_examples import FOLDER, LONG_URL, ago, circle, server, status, troubled_status, wallet
from support.cli_terminal import on_terminal

from ipc.cli.console import PeopleConsole
from ipc.cli.exits import ExitCode
from ipc.cli.statusview import status_view
from ipc.cli.telling import Telling
from ipc.messages import WalletsResult
from ipc.state import FarTime, Held, Pause, SetStatus, SyncError


def now() -> Telling:
    return Telling(datetime.now(UTC))


def shown(parts, width=80) -> str:
    console = PeopleConsole()
    console.width = width
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return capture.get()


def unfolded(text: str) -> str:
    return "".join(text.split())


def test_status_prints_the_document_of_the_contract(daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = troubled = troubled_status()
    assert walletsync("status", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document == msgspec.to_builtins(troubled)
    assert list(document) == [
        "api",
        "version",
        "pid",
        "wallet",
        "servers",
        "wallets",
        "sets",
        "held",
        "pause",
        "notes",
        "rotations",
        "far_times",
    ]
    assert list(document["wallet"]) == [
        "id", "former_ids", "nickname", "shown_as", "path", "profile", "state", "reason", "capture",
            "copy_seen", "in_circle",
    ]  # fmt: skip
    assert list(document["servers"][0]) == [
        "url", "state", "last_success", "next_try", "next_reason", "sealed_bytes", "limit_bytes", "error", "payment",
    ]  # fmt: skip
    assert list(document["servers"][0]["error"]) == ["kind", "message", "since"]
    assert list(document["servers"][1]["payment"]) == ["uri", "amount"]
    assert list(document["wallets"][0]) == ["id", "shown_as", "me", "last_seen", "holds_up", "silent_days"]
    assert list(document["sets"]["coins"]) == ["live", "tombstones", "unapplied"]
    assert list(document["held"][0]) == ["id", "direction", "sets", "since"]


def test_a_script_that_asks_for_the_status_does_not_load_what_only_people_need(daemon):
    heavy = "{'rich', 'trio'} & {*sys.modules}"
    code = f"import sys; from ipc.cli.main import run; sys.exit(run(sys.argv[1:]) or str({heavy}))"
    asked = [sys.executable, "-c", code, "status", "--json", "--home", str(daemon.home)]
    ended = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (ended.stderr.strip(), json.loads(ended.stdout)["api"]) == ("set()", 1)


def test_status_tells_people_how_it_stands(daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = status()
    assert walletsync("status") == ExitCode.DONE
    out = capsys.readouterr().out
    for words in (
        "phone#1",
        "wallet.sqlite",
        "in step",
        "3 min ago",
        "in 12 min",
        "1.2 MB",
        "phone#1 (this one)",
        "1,200",
    ):
        assert words in out
    assert "tips" not in out  # an empty set


def test_status_ends_with_0_whatever_the_trouble_and_tells_it_last(daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = troubled_status()
    assert walletsync("status") == ExitCode.DONE
    trouble = unfolded(capsys.readouterr().out.partition("! ")[2])
    here = f"--home {daemon.home}"
    for sentence in (
        "cannot be used now: another program holds the lock for 3 minutes. Let the other program finish;",
        f"{FOLDER}, for 2 h: connection refused",
        f"{LONG_URL} wants to be paid KUDOS:0.1: taler://pay/sync.example/123/ Pay it with a wallet",
        "A mass delete on another wallet (25 of coins) is held for 10 min, and waits for you: `walletsync approve H1",
        f"`walletsync approve H1 {here}` deletes them here too, `walletsync reject H1 {here}` keeps them",
        "2 changes not written to the wallet database yet",
        "phone#2 was not heard of for 40 days",
    ):
        assert unfolded(sentence) in trouble


def test_nothing_enrolled_is_told_with_the_next_step(daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = status(servers=[], wallets=[], sets={})
    assert walletsync("status") == ExitCode.DONE
    out = capsys.readouterr().out
    assert "No server yet. `walletsync enroll URL --home " in out
    assert "The wallet holds nothing yet." in out


def test_a_server_that_never_succeeded_is_not_called_in_step():
    view = shown(status_view(status(servers=[server(last_success=None)]), now()))
    assert "not synced yet" in view
    assert "in step" not in view


@pytest.mark.parametrize("state", ["ok", "absent", "locked", "unfit", "readonly"])
def test_every_state_of_the_wallet_has_words(state):
    view = shown(status_view(status(wallet=wallet(state=state)), now()))
    trouble = view.partition("The wallet database cannot be used now: ")[2]
    assert bool(trouble) == (state != "ok")
    assert trouble.count(". ") >= (state != "ok")  # what is wrong, and what to do about it


@pytest.mark.parametrize("width", [80, 60])
def test_tables_keep_to_a_narrow_terminal_and_cut_nothing(width):
    names = [each.shown_as for each in circle()]
    view = shown(status_view(troubled_status(), now()), width)
    assert max(map(len, view.splitlines())) <= width
    assert "…" not in view
    assert LONG_URL in unfolded(view)
    assert all(name in view for name in names)


def test_columns_stay_aligned_at_80_columns():
    lines = shown(status_view(status(), now())).splitlines()
    header = next(line for line in lines if line.strip().startswith("Server"))
    row = lines[lines.index(header) + 2]
    assert row.index("in step") == header.index("State")
    assert row.index("3 min ago") == header.index("Last success")


def test_text_from_elsewhere_cannot_steer_the_terminal(daemon, walletsync, capsys):
    evil = SyncError(kind="refused", message="\x1b[2J\x9b31m\u202eoops [bold]x[/bold]", since=ago(hours=1))
    daemon.answer_by_method["status"] = status(
        servers=[server(error=evil, state="refused")], wallet=wallet(shown_as="[red]\x1b]0;title\x07phone")
    )
    assert walletsync("status") == 0
    out = capsys.readouterr().out
    assert not set("\x1b\x9b\x07\u202e") & set(out)
    assert "[bold]x[/bold]" in out
    assert "[red]" in out


def test_servers_prints_those_of_the_status(daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = troubled = troubled_status()
    assert walletsync("servers", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"api": 1, "servers": msgspec.to_builtins(troubled.servers)}
    assert walletsync("servers") == 0
    out = capsys.readouterr().out
    assert "not reachable" in out
    assert "wants to be paid KUDOS:0.1: taler://pay/sync.example/123/" in out


def test_wallets_prints_the_circle(daemon, walletsync, capsys):
    daemon.answer_by_method["wallets"] = result = WalletsResult(wallets=circle())
    assert walletsync("wallets", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"api": 1, "wallets": msgspec.to_builtins(result.wallets)}
    assert walletsync("wallets") == 0
    out = capsys.readouterr().out
    assert "phone#1 (this one)" in out
    assert "40 days ago" in out  # the server on which it was heard of last
    assert "1,234" in out


def test_no_circle_is_told_with_the_next_step(daemon, walletsync, capsys):
    daemon.answer_by_method["wallets"] = WalletsResult(wallets=[])
    assert walletsync("wallets") == 0
    assert "No circle yet" in capsys.readouterr().out


def test_people_get_colours_on_a_terminal(daemon):
    daemon.answer_by_method["status"] = status()
    code, out = on_terminal(["status", "--home", str(daemon.home)])
    assert code == 0
    assert "\x1b[32m" in out


def test_colours_can_be_read_on_white_and_on_black(daemon):
    daemon.answer_by_method["status"] = troubled_status()
    _, out = on_terminal(["status", "--home", str(daemon.home)])
    colours = {int(code) for codes in re.findall(r"\x1b\[([0-9;]*)m", out) for code in codes.split(";") if code}
    assert colours <= {0, 1, 31, 32, 35}  # plain, bold, red, green, magenta


def test_no_colour_is_used_where_that_is_wished(daemon, monkeypatch):
    monkeypatch.setattr("support.cli_terminal._environment", lambda: dict(os.environ) | {"NO_COLOR": "1"})
    daemon.answer_by_method["status"] = troubled_status()
    _, out = on_terminal(["status", "--home", str(daemon.home)])
    assert "not reachable" in out
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", out)


@pytest.mark.parametrize("command", ["status", "servers", "wallets"])
def test_times_are_exact_on_request(command, daemon, walletsync, capsys):
    daemon.answer_by_method |= {"status": status(), "wallets": WalletsResult(wallets=circle())}
    assert walletsync(command, "--times", "exact") == 0
    out = capsys.readouterr().out
    assert " ago" not in out
    assert re.search(r"\d{4}-\d\d-\d\d\s", out)
    assert re.search(r"\s\d\d:\d\d:\d\d\s", out)
    assert walletsync(command) == 0
    assert "3 min ago" in capsys.readouterr().out


def test_a_delete_held_here_says_what_each_choice_does():
    here = Held(id="H2", direction="out", sets={"coins": 25, "tips": 30}, since=ago(minutes=10, seconds=5))
    view = " ".join(shown(status_view(status(held=[here]), now()), 200).split())
    assert "A mass delete here (25 of coins and 30 of tips) is held for 10 min, and waits for you" in view
    assert "`walletsync approve H2` deletes them on all your wallets, `walletsync reject H2` puts them back." in view


def test_what_is_held_is_not_said_to_be_tried_again():
    waiting = Held(id="H1", direction="in", sets={"coins": 25}, since=ago(minutes=10))
    view = shown(
        status_view(status(sets={"coins": SetStatus(live=1, tombstones=25, unapplied=25)}, held=[waiting]), now())
    )
    assert "tried again" not in view


def test_a_copy_that_lives_is_told_with_what_to_do(daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = status(wallet=wallet(copy_seen=ago(minutes=3, seconds=5)))
    assert walletsync("status") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "a copy of it was at work 3 min ago. On one of the two, stop walletsync, move its state folder away" in out


@pytest.mark.parametrize(("in_circle", "servers"), [(True, []), (True, [server()]), (False, [])])
def test_a_circle_without_servers_is_told_with_how_to_go_on(in_circle, servers, daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = status(wallet=wallet(in_circle=in_circle), servers=servers)
    assert walletsync("status") == 0
    out = " ".join(capsys.readouterr().out.split())
    told = "knows none of its servers (any more), and is backed up nowhere. `walletsync enroll URL" in out
    assert told == (in_circle and not servers)


@pytest.mark.parametrize(
    ("pause", "words"),
    [
        (Pause(until=ago(hours=-2, minutes=-30)), "Syncing rests and goes on in 2 h: `walletsync resume"),
        (Pause(until=None), "Syncing rests: `walletsync resume"),
    ],
)
def test_a_pause_is_told_with_its_end(pause, words, daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = status(pause=pause)
    assert walletsync("status") == 0
    assert words in " ".join(capsys.readouterr().out.split())


def test_a_time_impossibly_far_ahead_is_told_with_what_to_do(daemon, walletsync, capsys):
    far = FarTime(id="T1", server=FOLDER, writer="0123456789abcdef", since=ago(hours=2, seconds=5))
    daemon.answer_by_method["status"] = status(far_times=[far])
    assert walletsync("status") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"{FOLDER}, for 2 h: some wallet of yours is broken" in out
    assert "`walletsync approve T1" in out


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_table_holds_all_columns_and_whole_numbers_on_any_terminal(width):
    lines = shown(status_view(troubled_status(), now()), width).splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith("phone#2 ") for line in lines)
    for number in ("1.2 MB", "1,234", "1,200", "27"):
        assert any(line.rstrip().endswith(number) or f" {number} " in line for line in lines)
