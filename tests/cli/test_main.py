import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from support.cli_commands import COMMAND_BY_PATH
from support.cli_examples import FOLDER, INVITATION, status, sync_result, wallet
from support.cli_terminal import PROGRAM, piped

from config import __version__
from ipc.cli.exits import CommandFailed, ExitCode, exit_code_of_refusal
from ipc.cli.main import run, walletsync
from ipc.errors import BadAnswer, IpcError, NoAnswer, Refusal
from ipc.frame import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REFUSED,
    SECRETS_UNUSABLE,
    UNSUPPORTED_API,
    WALLET_UNFIT,
)

COMMANDS = walletsync.list_commands(click.Context(walletsync))
ASKING = {"approve", "detach", "forget", "join", "leave", "passphrase", "reject", "restore", "rotate"}


def test_the_exit_codes_are_those_of_the_contract():
    assert [(code.value, code.name) for code in ExitCode] == [
        (0, "DONE"),
        (1, "FAULT"),
        (2, "USAGE"),
        (3, "NOT_RUNNING"),
        (4, "REFUSED"),
        (5, "CONFIGURATION_UNUSABLE"),
        (6, "WALLET_UNFIT"),
        (7, "HOME_TAKEN"),
        (8, "SYNC_FAILED"),
        (9, "SYNC_WAITS"),
    ]


def test_the_commands_are_those_that_are_built():
    assert " ".join(COMMANDS) == (
        "approve demo detach doctor enroll explain history init invite join leave passphrase pause profile "
        "recovery reject report restore resume rotate servers service status sync wallets watch"
    )


@pytest.mark.parametrize("command", sorted(COMMAND_BY_PATH))
def test_the_help_of_each_command_has_an_example_and_its_common_options(command, capsys):
    assert run([*command.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"\n    walletsync {command}" in shown
    assert "--home DIR" in shown
    assert "--json" in shown
    assert ("--yes" in shown) == (command.split()[-1] in ASKING)
    assert all(len(line) <= 100 for line in shown.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_short_help_of_each_command_is_not_cut(command, capsys):
    run(["--help"])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(f"  {command} "))
    assert line.endswith(".")
    assert "..." not in line


def test_the_version_is_told(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"walletsync {__version__}\n"


def test_no_command_shows_the_help_and_is_a_usage_error(capsys):
    assert run([]) == ExitCode.USAGE
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["statsu"], "Did you mean 'status'?"), (["status", "--jsno"], "--json"), (["enroll"], "URL")],
)
def test_a_misspelt_call_is_a_usage_error_that_says_what_would_be_right(arguments, hint, capsys):
    assert run(arguments) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert hint in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["servers"],
        ["wallets"],
        ["wallets", "rename", "x"],
        ["sync"],
        ["sync", "--wait"],
        ["enroll", FOLDER],
        ["invite"],
        ["leave", "x"],
        ["history"],
        ["restore", "1", "--yes"],
        ["approve", "H1"],
        ["explain"],
        ["detach"],
    ],
)
@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_without_a_daemon_each_command_says_so_and_how_to_start_it(arguments, json_option, tmp_path, capsys):
    (tmp_path / "config.toml").touch()
    assert run([*arguments, *json_option, "--home", str(tmp_path)]) == ExitCode.NOT_RUNNING
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: walletsync is not running\n")
    assert f"walletsyncd --home {tmp_path}" in captured.err


def test_without_a_daemon_the_default_home_is_started_as_a_service_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "walletsync").mkdir()
    (tmp_path / "walletsync" / "config.toml").touch()
    assert run(["status"]) == ExitCode.NOT_RUNNING
    assert "systemctl --user start walletsyncd" in capsys.readouterr().err


def test_without_a_configuration_the_first_step_is_named(tmp_path, capsys):
    assert run(["status", "--home", str(tmp_path)]) == ExitCode.NOT_RUNNING
    assert f"walletsync init --wallet PATH --home {tmp_path}" in capsys.readouterr().err


def test_the_home_can_be_named_before_the_command_and_in_the_environment(daemon, monkeypatch, capsys):
    daemon.answer_by_method["status"] = status()
    assert run(["--home", str(daemon.home), "status", "--json"]) == 0
    monkeypatch.setenv("WALLETSYNC_HOME", str(daemon.home))
    assert run(["status", "--json"]) == 0
    assert [call for call, _ in daemon.calls] == ["status", "status"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (REFUSED, ExitCode.REFUSED),
        (UNSUPPORTED_API, ExitCode.REFUSED),
        (SECRETS_UNUSABLE, ExitCode.CONFIGURATION_UNUSABLE),
        (WALLET_UNFIT, ExitCode.WALLET_UNFIT),
    ],
)
@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        (["status"], "status"),
        (["servers"], "status"),
        (["wallets"], "wallets"),
        (["sync"], "sync"),
        (["sync", "--wait"], "sync"),
        (["enroll", FOLDER], "enroll"),
        (["invite"], "invite"),
        (["leave", "x", "--yes"], "leave"),
        (["wallets", "rename", "x"], "rename"),
        (["wallets", "forget", "x", "--yes"], "forget"),
        (["history"], "history"),
        (["history", "show", "1"], "history_show"),
        (["restore", "1", "--yes"], "restore"),
        (["approve", "H1", "--yes"], "approve"),
        (["reject", "H1", "--yes"], "reject"),
        (["explain"], "explain"),
        (["detach", "--yes"], "detach"),
    ],
)
def test_a_refusal_is_told_in_the_daemons_words(arguments, method, code, expected, daemon, walletsync, capsys):
    daemon.answer_by_method[method] = Refusal("the daemon will not, since it is a test", code=code)
    assert walletsync(*arguments) == expected == exit_code_of_refusal(code)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: the daemon will not, since it is a test\n"


def test_a_fault_of_the_daemon_is_a_fault_of_ours_without_its_cause(daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = ValueError("secret")
    assert walletsync("status") == ExitCode.FAULT
    assert "secret" not in capsys.readouterr().err


def test_a_daemon_that_does_not_know_the_method_may_be_of_another_version(daemon, walletsync, capsys):
    daemon.answer_by_method["status"] = Refusal("there is no method 'status'", code=METHOD_NOT_FOUND)
    assert walletsync("status") == ExitCode.REFUSED
    assert "of the same version?" in capsys.readouterr().err


@pytest.mark.parametrize("code", [PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR])
def test_what_our_own_client_puts_wrongly_is_a_fault_of_ours(code):
    assert exit_code_of_refusal(code) == ExitCode.FAULT


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (NoAnswer("no answer within 10 s"), ExitCode.NOT_RUNNING, "runs but does not answer: no answer within 10 s"),
        (NoAnswer("it is frozen"), ExitCode.NOT_RUNNING, "If it was started just now, give it time."),
        (BadAnswer("it cannot be read"), ExitCode.FAULT, "of the same version?"),
        (IpcError("too many connections"), ExitCode.FAULT, "too many connections"),
    ],
)
def test_a_daemon_that_is_there_and_of_no_use_is_told_apart(error, code, words, monkeypatch, tmp_path, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr("ipc.cli.session.BlockingClient", fail)
    assert run(["status", "--home", str(tmp_path)]) == code
    assert words in capsys.readouterr().err


def test_a_terminal_without_utf_8_is_no_fault(daemon):
    daemon.answer_by_method["status"] = status(wallet=wallet(shown_as="Büro 電話"))
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    arguments = [*PROGRAM, "status", "--home", str(daemon.home)]
    people = subprocess.run(arguments, capture_output=True, check=True, env=environment)
    assert "Büro ??".encode("latin-1") in people.stdout
    script = subprocess.run([*arguments, "--json"], capture_output=True, check=True, env=environment)
    assert json.loads(script.stdout)["wallet"]["shown_as"] == "Büro 電話"


def test_a_fault_of_ours_is_short_and_repeats_no_value(daemon, walletsync, monkeypatch, capsys):
    daemon.answer_by_method["status"] = status()
    monkeypatch.setattr("ipc.cli.statusview.status_view", lambda *_: 1 // len(""))
    assert walletsync("status") == ExitCode.FAULT
    captured = capsys.readouterr()
    assert captured.err.startswith("error: A fault in walletsync itself: ZeroDivisionError in ")
    assert "Traceback" not in captured.err
    assert captured.err.count("\n") == 2


def test_ctrl_c_ends_as_shells_expect(monkeypatch, capsys, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ipc.cli.session.BlockingClient", interrupt)
    assert run(["status", "--home", str(tmp_path)]) == 130


def test_a_reader_who_went_away_is_no_fault(daemon):
    daemon.answer_by_method["status"] = status()
    process = subprocess.Popen(
        [*PROGRAM, "status", "--home", str(daemon.home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    complaints = process.stderr.read()
    process.stderr.close()
    assert process.wait(20) == 141
    assert complaints == ""


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_nothing_is_coloured_in_a_pipe(option, daemon):
    daemon.answer_by_method |= {"status": status(), "sync": sync_result(FOLDER)}
    for command in ("status", "enroll"):  # one that prints, and one that complains
        done = piped([command, *option, "--home", str(daemon.home)])
        assert done.stdout or done.stderr
        assert "\x1b" not in done.stdout + done.stderr


def test_the_program_is_installed_under_its_name():
    done = subprocess.run([Path(sys.executable).parent / "walletsync", "--version"], capture_output=True, check=True)
    assert done.stdout.decode() == f"walletsync {__version__}\n"


def test_shells_can_complete_commands(monkeypatch, capsys):
    monkeypatch.setenv("_WALLETSYNC_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "walletsync s")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit) as ended:
        run([])
    assert ended.value.code == 0
    offered = capsys.readouterr().out.split()
    assert {"plain,servers", "plain,status", "plain,sync"} <= set(offered)
    assert all(each.startswith("plain,s") for each in offered)


@pytest.mark.parametrize(
    ("shell", "words"),
    [("bash", "complete -o nosort -F"), ("zsh", "#compdef walletsync"), ("fish", "complete --no-files --command")],
)
def test_the_script_for_each_shell_is_printed(shell, words):
    done = subprocess.run(
        [Path(sys.executable).parent / "walletsync"],
        env=os.environ | {"_WALLETSYNC_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert words in done.stdout
    assert f"_WALLETSYNC_COMPLETE={shell}_complete" in done.stdout


def test_a_failed_command_keeps_its_advice():
    failed = CommandFailed(ExitCode.USAGE, "wrong", "do this", "or that")
    assert (str(failed), failed.advice) == ("wrong", ("do this", "or that"))


def test_every_document_is_one_json_document_that_names_its_version(daemon, walletsync, capsys):
    daemon.answer_by_method |= {"status": status(), "sync": sync_result(FOLDER)}
    for command in ("status", "servers", "sync"):
        assert walletsync(command, "--json") == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["api"] == 1
        assert captured.err == ""
    assert INVITATION not in captured.out


def _in_a_shell(redirected: str, *arguments: str, home: Path) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"WALLETSYNC_HOME": str(home), "PYTHONIOENCODING": "utf-8:strict"}
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", *PROGRAM, *arguments],
        capture_output=True,
        env=environment,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirected", "arguments", "code"),
    [
        (">&-", ["profile"], ExitCode.DONE),
        ("<&- >&- 2>&-", ["profile"], ExitCode.DONE),
        ("<&-", ["join"], ExitCode.USAGE),
        ("<&-", ["join", "-"], ExitCode.USAGE),
        ("<&-", ["leave", "x", "--circle"], ExitCode.USAGE),
        ("2>&-", ["status"], ExitCode.NOT_RUNNING),
    ],
)
def test_a_standard_stream_that_is_closed_is_no_fault(redirected, arguments, code, tmp_path):
    done = _in_a_shell(redirected, *arguments, home=tmp_path)
    assert (done.returncode, b"A fault" in done.stderr) == (code, False), done.stderr


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_an_answer_for_which_there_is_no_room_is_said_and_is_no_success(json_option, tmp_path):
    done = _in_a_shell(">/dev/full", "profile", *json_option, home=tmp_path)
    assert done.returncode == ExitCode.FAULT
    assert done.stderr == b"error: the answer cannot be written: No space left on device\n"


def test_an_argument_that_is_no_text_is_refused(tmp_path, capsys):
    assert run(["wallets", "rename", "t\udce9l", "--home", str(tmp_path)]) == ExitCode.USAGE
    assert capsys.readouterr().err == "error: the argument t\N{REPLACEMENT CHARACTER}l is not text in UTF-8\n"


def test_standard_input_that_is_no_text_is_refused(tmp_path):
    entered = tmp_path / "entered"
    entered.write_bytes(b"walletsync://\xff\n")
    done = _in_a_shell(f"<{entered}", "join", "-", home=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr == b"error: standard input is no text in utf-8\n"
