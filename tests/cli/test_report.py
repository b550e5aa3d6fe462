"""A report holds what helps to find a fault, and nothing that is anyone's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cli_examples import server, status, wallet

from config.load import write_new_config
from config.model import NetworkSettings, Settings, WalletSettings
from ipc.cli.main import run
from ipc.cli.redacting import redacted
from ipc.cli.reporting import log_lines, names_of, setting_lines, status_lines
from ipc.state import SyncError

ROOT = "0123456789ABCDEFGHJKMNPQRSTVWXYZ0123456789ABCDEFGHJK"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///home/ann/x/ is away", "<file address> is away"),
        ("walletsync://join/1#ABC", "<walletsync address>"),
        ("pay taler://pay/x/y now", "pay <taler address> now"),
        ("/home/ann/wallet.db: no such file", "<path>: no such file"),
        ("the file '/home/ann smith/x y.db' is bad", "the file <path> is bad"),
        ("~/wallet is locked, for 10 s", "<path> is locked, for 10 s"),
        (f"wallet {ROOT} has no key", "wallet <id> has no key"),
        ("connecting to 192.168.17.4 and fe80::1:2:3", "connecting to <machine> and <machine>"),
        ("ann's phone is unreachable_since_long", "<name> is unreachable_since_long"),
        ("the set denomination_signatures has 5 rows", "the set denomination_signatures has 5 rows"),
    ],
)
def test_what_is_someones_is_replaced_and_the_rest_stays(text: str, expected: str) -> None:
    assert redacted(text, ["ann's phone", ""]) == expected


@given(st.text(alphabet="0123456789abcdefABCDEF", min_size=16, max_size=128))
def test_no_long_run_of_letters_and_digits_survives(key: str) -> None:
    assert key not in redacted(f"key {key}, and again:{key}.") or (key.isalpha() and key.islower())


def test_of_a_log_line_only_what_may_be_told_is_told() -> None:
    line = {
        "at": "2026-01-31T08:15:00.000Z",
        "level": "error",
        "event": "ipc.fault",
        "method": "status",
        "message": "ann's secret",
        "path": "/home/ann/wallet.db",
        "nickname": "ann",
        "exception": '  File "/home/ann/walletsync/daemon/app.py", line 5, in serve\nValueError: 42 KUDOS to Bob',
    }
    told = "\n".join(log_lines([json.dumps(line), "no json", '{"broken'], ["ann"]))
    assert "ipc.fault" in told
    assert "app.py line 5, in serve" in told
    for private in ("ann", "secret", "Bob", "KUDOS", "wallet.db"):
        assert private not in told


def test_a_server_is_told_by_kind_and_state_alone() -> None:
    error = SyncError(
        kind="refused", message="https://sync.ann.example/ says no to phone", since="2026-01-31T08:15:00Z"
    )
    shown = status(servers=[server("https://sync.ann.example/", state="refused", error=error)])
    told = "\n".join(status_lines(shown, names_of(shown, None)))
    assert "server 1 (https): refused" in told
    assert "ann.example" not in told
    assert "phone" not in told
    assert "coins: 1200 live" in told


def test_settings_are_told_where_they_differ_but_not_whose_they_are(tmp_path) -> None:
    settings = Settings(
        wallet=WalletSettings(path=tmp_path / "secret.db", nickname="ann", profile="/home/ann/my.toml"),
        network=NetworkSettings(proxy="socks5h://user:pass@10.0.0.1:9050"),
    )
    told = "\n".join(setting_lines(settings))
    assert told == "wallet.profile = a file of their own\nwallet.capture = triggers\nnetwork.proxy is set"


def test_a_report_is_written_with_and_without_a_daemon(daemon, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_new_config(daemon.paths.config_file, tmp_path / "money.sqlite", nickname="annphone")
    daemon.answer_by_method["status"] = status(wallet=wallet(state="locked", reason="/home/ann/money is locked"))
    assert run(["report", "--home", str(daemon.home)]) == 0
    told = capsys.readouterr().out
    assert "wallet: locked: <path> is locked" in told
    for private in ("ann", str(daemon.home), "money", "phone"):
        assert private not in told
    assert run(["report", "--home", str(tmp_path / "none"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"]["Status"] == ["no daemon answers"]
