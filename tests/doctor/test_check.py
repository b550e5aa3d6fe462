"""The self-check finds what is amiss, says what to do, and changes nothing."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.processes import make_wallet

from config.load import write_new_config
from config.paths import Paths, home_paths
from daemon import keys
from daemon.__main__ import main
from daemon.doctor import Finding, check_database, check_home
from daemon.doctor.finding import exit_code_of
from daemon.doctor.machine import LEAST_ROOM, clock_finding, disk_findings
from daemon.server.base import FailureKind
from daemon.state.database import StateDatabase
from daemon.state.servers import Servers, Trouble


@pytest.fixture
def home(tmp_path: Path) -> Paths:
    """A home as a daemon leaves it that has run once, with one folder server."""
    paths = home_paths(tmp_path / "home")
    wallet = tmp_path / "wallet.db"
    make_wallet(wallet)
    write_new_config(paths.config_file, wallet)
    paths.state_folder.mkdir(mode=0o700)
    keys.load_or_create(paths.secrets, os.urandom)
    server = tmp_path / "server"
    server.mkdir()
    (server / "walletsync.id").write_text(f"{'0' * 26}\n")
    state = StateDatabase(paths.state_database)
    Servers(state.connection).enroll(f"{server.as_uri()}/", f"folder:{'0' * 26}", None)
    state.close()
    return paths


def found(paths: Paths, about: str) -> Finding:
    findings = [finding for finding in check_home(paths).findings if finding.about == about]
    return next((finding for finding in findings if finding.verdict != "ok"), findings[0])


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_healthy_home_is_found_healthy_and_left_as_it_was(home: Paths, tmp_path: Path) -> None:
    before = files_below(tmp_path)
    report = check_home(home)
    assert {finding.about for finding in report.findings if finding.verdict != "ok"} == {"daemon"}
    assert report.exit_code == 0
    assert files_below(tmp_path) == before


def test_an_empty_home_says_how_to_begin_and_nothing_is_made(tmp_path: Path) -> None:
    paths = home_paths(tmp_path / "home")
    report = check_home(paths)
    assert report.exit_code == 5
    assert "walletsync init" in report.findings[0].message
    assert not paths.state_folder.exists()


def break_configuration(paths: Paths) -> None:
    paths.config_file.write_text("[wallet]\npath = 5\n")


def break_secrets(paths: Paths) -> None:
    paths.secrets.write_text("{}")


def open_secrets(paths: Paths) -> None:
    paths.secrets.chmod(0o644)


def damage_state(paths: Paths) -> None:
    paths.state_database.write_bytes(b"no database at all" * 100)


def age_state(paths: Paths) -> None:
    with closing(sqlite3.connect(paths.state_database)) as state:
        state.execute("PRAGMA user_version = 99")


def empty_wallet(paths: Paths) -> None:
    wallet = paths.config_file.parent.parent / "wallet.db"
    with closing(sqlite3.connect(wallet)) as connection:
        connection.execute("DROP TABLE coin_history")


def take_server_away(paths: Paths) -> None:
    (paths.config_file.parent.parent / "server" / "walletsync.id").unlink()


@pytest.mark.parametrize(
    ("break_it", "about", "exit_code"),
    [
        (break_configuration, "configuration", 5),
        (break_secrets, "secrets", 5),
        (open_secrets, "secrets", 5),
        (damage_state, "state", 1),
        (age_state, "state", 1),
        (empty_wallet, "wallet", 6),
        (take_server_away, "server", 1),
    ],
)
def test_what_is_broken_is_found_with_advice_and_its_exit_code(
    home: Paths, break_it: Callable[[Paths], None], about: str, exit_code: int
) -> None:
    break_it(home)
    finding = found(home, about)
    assert finding.verdict == "bad"
    assert finding.advice
    assert check_home(home).exit_code == exit_code


def test_a_wallet_that_is_not_there_yet_is_no_fault(home: Paths) -> None:
    (home.config_file.parent.parent / "wallet.db").unlink()
    assert found(home, "wallet").verdict == "warning"
    assert check_home(home).exit_code == 0


def test_a_state_folder_that_others_can_read_is_said(home: Paths) -> None:
    home.state_folder.chmod(0o755)
    finding = found(home, "permissions")
    assert finding.verdict == "warning"
    assert finding.advice == f"chmod 700 {home.state_folder}"


def test_a_server_that_answers_again_after_a_failure_is_a_warning(home: Paths) -> None:
    state = StateDatabase(home.state_database)
    servers = Servers(state.connection)
    kind = FailureKind.UNREACHABLE
    trouble = Trouble(kind=kind, message="away", since=1.0, failures=3, retry_at=2.0, named=False)
    servers.note_trouble(servers.all()[0].url, trouble)
    state.close()
    finding = found(home, "server")
    assert finding.verdict == "warning"
    assert "away" in finding.message


def test_a_clock_behind_what_was_written_is_found(home: Paths) -> None:
    written = home.state_database.stat().st_mtime
    assert clock_finding([], home.state_database, written).verdict == "ok"
    assert clock_finding([], home.state_database, written - 3600).verdict == "bad"


def test_little_room_is_measured_by_the_largest_blob(tmp_path: Path) -> None:
    assert [finding.verdict for finding in disk_findings([tmp_path, tmp_path], 0)] == ["ok"]
    assert [finding.verdict for finding in disk_findings([tmp_path], 2**60)] == ["warning"]
    assert LEAST_ROOM > 2**20


def test_a_running_writer_is_not_disturbed_and_its_changes_are_seen(tmp_path: Path) -> None:
    wallet = tmp_path / "wallet.db"
    make_wallet(wallet)
    with closing(sqlite3.connect(wallet, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("ALTER TABLE coins RENAME TO money")
        assert check_database(wallet, "taler").exit_code == 0
        writer.execute("COMMIT")
        assert check_database(wallet, "taler").exit_code == 6


def test_the_profile_of_another_wallet_is_unfit_and_says_what_differs(tmp_path: Path) -> None:
    wallet = tmp_path / "other.db"
    with closing(sqlite3.connect(wallet)) as connection:
        connection.execute("CREATE TABLE something (id INTEGER PRIMARY KEY)")
    report = check_database(wallet, "taler")
    assert report.exit_code == 6
    assert "coins" in report.findings[-1].message
    assert check_database(wallet, "no-such-profile").exit_code == 6
    wallet.write_text("no database")
    assert check_database(wallet, "taler").exit_code == 6


def test_the_exit_code_is_that_of_the_first_bad_finding() -> None:
    warning, state, wallet = (
        Finding("secrets", "warning", ""),
        Finding("state", "bad", ""),
        Finding("wallet", "bad", ""),
    )
    assert [exit_code_of(each) for each in ([warning], [warning, state, wallet], [wallet, state])] == [0, 1, 6]


def test_the_report_is_printed_as_json_and_nothing_else(home: Paths) -> None:
    umask = os.umask(0)
    os.umask(umask)
    try:
        printed = CliRunner().invoke(main, ["--check", "--home", str(home.home)])
    finally:
        os.umask(umask)
    assert printed.exit_code == 0
    report = json.loads(printed.stdout)
    assert (report["api"], report["exit_code"]) == (1, 0)
    assert set(report["findings"][0]) == {"about", "verdict", "message", "advice"}


def test_no_secret_is_in_a_report(home: Paths) -> None:
    secrets = json.loads(home.secrets.read_text())
    assert secrets["wallet"] not in repr(check_home(home))
