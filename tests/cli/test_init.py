import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from support.wallet_files import make

from config.load import load_settings
from config.profile import load_profile, reference_schema
from ipc.cli.exits import ExitCode
from ipc.cli.main import run

CASHU_SCHEMA = Path(__file__).parents[1] / "data" / "cashu-schema.sql"


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def wallet(tmp_path):
    path = tmp_path / "wallet.sqlite"
    make(path, reference_schema("taler"), journal_mode="DELETE")
    return path


def files(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_init_writes_the_configuration_and_names_the_next_steps(home, wallet, capsys):
    before = wallet.read_bytes()
    assert run(["init", "--wallet", str(wallet), "--nickname", "phone", "--home", str(home)]) == ExitCode.DONE
    settings = load_settings(home / "config.toml")
    assert (settings.wallet.path, settings.wallet.profile, settings.wallet.nickname) == (wallet, "taler", "phone")
    assert files(home) == ["config.toml"]
    out = capsys.readouterr().out
    for step in (f"Wrote {home}/config.toml", f"walletsyncd --home {home}", f"walletsync enroll URL --home {home}"):
        assert step in out
    assert wallet.read_bytes() == before


def test_init_prints_the_document(home, wallet, capsys):
    assert run(["init", "--wallet", str(wallet), "--home", str(home), "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == {
        "api": 1,
        "config": str(home / "config.toml"),
        "wallet": str(wallet),
        "profile": "taler",
        "created": False,
    }


def test_a_nutshell_wallet_is_recognised_by_its_tables(home, tmp_path, capsys):
    wallet = tmp_path / "wallet.sqlite3"
    make(wallet, CASHU_SCHEMA.read_text())
    assert run(["init", "--wallet", str(wallet), "--home", str(home)]) == ExitCode.DONE
    assert load_settings(home / "config.toml").wallet.profile == "cashu"
    assert "for a wallet of the profile cashu" in capsys.readouterr().out


def test_a_profile_that_is_named_is_taken_at_its_word(home, wallet):
    assert run(["init", "--wallet", str(wallet), "--profile", "cashu", "--home", str(home)]) == ExitCode.DONE
    assert load_settings(home / "config.toml").wallet.profile == "cashu"


def test_what_fits_no_profile_is_refused_with_what_each_lacks(home, tmp_path, capsys):
    wallet = tmp_path / "notes.db"
    make(wallet, "CREATE TABLE proofs (secret TEXT PRIMARY KEY)", journal_mode="DELETE")
    assert run(["init", "--wallet", str(wallet), "--home", str(home)]) == ExitCode.WALLET_UNFIT
    told = " ".join(capsys.readouterr().err.split())
    assert "fits none of the shipped profiles: for cashu" in told
    for words in ("the table bolt11_melt_quotes is missing", "for taler the table", "more", "--profile PATH"):
        assert words in told
    assert files(tmp_path) == ["notes.db"]


def test_what_fits_more_than_one_profile_is_refused_with_their_names(home, tmp_path, capsys):
    wallet = tmp_path / "both.db"
    make(wallet, reference_schema("taler") + CASHU_SCHEMA.read_text(), journal_mode="DELETE")
    assert run(["init", "--wallet", str(wallet), "--home", str(home)]) == ExitCode.WALLET_UNFIT
    assert "fits more than one of the shipped profiles: cashu, taler" in " ".join(capsys.readouterr().err.split())
    assert files(tmp_path) == ["both.db"]


def test_what_is_no_database_is_refused(home, tmp_path, capsys):
    wallet = tmp_path / "letter.txt"
    wallet.write_text("Dear wallet, " * 100)
    assert run(["init", "--wallet", str(wallet), "--home", str(home)]) == ExitCode.WALLET_UNFIT
    assert "cannot be read as a wallet database" in " ".join(capsys.readouterr().err.split())
    assert files(tmp_path) == ["letter.txt"]


def test_a_relative_wallet_is_written_as_an_absolute_path(home, wallet, monkeypatch):
    monkeypatch.chdir(wallet.parent)
    assert run(["init", "--wallet", wallet.name, "--home", str(home)]) == ExitCode.DONE
    assert load_settings(home / "config.toml").wallet.path == wallet


def test_the_default_home_is_used_where_none_is_named(wallet, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "r"))  # a socket's path has 107 bytes at most
    assert run(["init", "--wallet", str(wallet)]) == ExitCode.DONE
    assert (tmp_path / "xdg_config_home" / "walletsync" / "config.toml").is_file()


def test_create_makes_an_empty_wallet_of_the_reference_schema(home, tmp_path):
    wallet = tmp_path / "new.sqlite"
    assert run(["init", "--wallet", str(wallet), "--create", "--home", str(home)]) == ExitCode.DONE
    assert stat.S_IMODE(wallet.stat().st_mode) == 0o600
    with closing(sqlite3.connect(wallet)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert {each.table for each in load_profile("taler").sets} <= tables
        assert connection.execute("SELECT count(*) FROM coins").fetchone() == (0,)
    assert files(tmp_path) == ["home/config.toml", "new.sqlite"]


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--wallet", "nowhere.sqlite"], ExitCode.USAGE, "there is no wallet database at"),
        (["--wallet", "."], ExitCode.USAGE, "is not a file"),
        (["--wallet", "wallet.sqlite", "--create"], ExitCode.USAGE, "exists already and was left alone"),
        (["--wallet", "no/folder/wallet.sqlite", "--create"], ExitCode.USAGE, "No such file or directory"),
        (["--wallet", "wallet.sqlite", "--profile", "nix"], ExitCode.WALLET_UNFIT, "there is no profile nix"),
        (["--wallet", "new.sqlite", "--profile", "nix", "--create"], ExitCode.WALLET_UNFIT, "there is no profile nix"),
        (["--wallet", "wallet.sqlite", "--nickname", "a#b"], ExitCode.CONFIGURATION_UNUSABLE, "without #"),
        (["--wallet", "new.sqlite", "--nickname", "a#b", "--create"], ExitCode.CONFIGURATION_UNUSABLE, "without #"),
        ([], ExitCode.USAGE, "--wallet"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing_behind(
    arguments, code, complaint, home, wallet, monkeypatch, capsys
):
    monkeypatch.chdir(wallet.parent)
    assert run(["init", *arguments, "--home", str(home)]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert complaint in captured.err
    assert files(wallet.parent) == ["wallet.sqlite"]


def test_a_configuration_is_never_overwritten(home, wallet, tmp_path, capsys):
    assert run(["init", "--wallet", str(wallet), "--home", str(home)]) == ExitCode.DONE
    before = (home / "config.toml").read_bytes()
    new = tmp_path / "new.sqlite"
    assert run(["init", "--wallet", str(new), "--create", "--home", str(home)]) == ExitCode.CONFIGURATION_UNUSABLE
    assert "exists already and was left alone" in capsys.readouterr().err
    assert (home / "config.toml").read_bytes() == before
    assert not new.exists()


def test_a_home_whose_sockets_would_have_too_long_paths_is_refused(wallet, tmp_path, capsys):
    home = tmp_path / ("x" * 120)
    assert run(["init", "--wallet", str(wallet), "--home", str(home)]) == ExitCode.CONFIGURATION_UNUSABLE
    assert "bytes, and the system takes 107 at most" in capsys.readouterr().err
    assert not home.exists()


def test_a_profile_of_ones_own_has_no_schema_to_create_from(home, tmp_path, capsys):
    profile = tmp_path / "own.toml"
    profile.write_text(
        '[profile]\nname = "own"\nversion = 1\n[[set]]\nname = "coins"\ntable = "coins"\nkey = ["id"]\norder = 1\n'
    )
    wallet = tmp_path / "own.sqlite"
    arguments = ["init", "--wallet", str(wallet), "--profile", str(profile), "--home", str(home)]
    assert run([*arguments, "--create"]) == ExitCode.USAGE
    assert "ships no schema" in capsys.readouterr().err
    wallet.touch()
    assert run(arguments) == ExitCode.DONE  # nobody asks what an unknown wallet's tables should be


def test_a_schema_that_sqlite_refuses_leaves_no_file_behind(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ipc.cli.newwallet.reference_schema", lambda _: "CREATE TABLE a (b); CREATE TABLE a (b);")
    wallet = tmp_path / "new.sqlite"
    assert run(["init", "--wallet", str(wallet), "--create", "--home", str(home)]) == ExitCode.WALLET_UNFIT
    assert "table a already exists" in capsys.readouterr().err
    assert files(tmp_path) == []
