import stat
from pathlib import Path

import pytest

from config import load
from config.errors import ConfigError, ProfileError
from config.load import load_settings, parse_settings, write_new_config


def parsed(text, host_name="desk.example"):
    return parse_settings(text, Path("/c/config.toml"), host_name)


def problems_of(text):
    with pytest.raises(ConfigError) as refused:
        parsed(text)
    return refused.value.problems


MINIMAL = '[wallet]\npath = "/w.db"\n'


def test_the_path_of_the_wallet_is_all_that_a_configuration_needs():
    settings = parsed(MINIMAL)
    assert settings.wallet.path == Path("/w.db")
    assert settings.wallet.profile == "taler"
    assert settings.sync.interval == 900
    assert settings.limits.max_sealed == 2**30


def test_durations_are_read_as_seconds_and_sizes_as_bytes():
    settings = parsed(MINIMAL + '[sync]\nretry_max = "2 days"\n[limits]\nmax_plain = "64 MiB"\nmax_key = "1 KiB"\n')
    assert settings.sync.retry_max == 172800
    assert settings.limits.max_plain == 2**26
    assert settings.limits.max_key == 1024


def test_a_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    assert parsed('wallet.path = "~/w.db"').wallet.path == Path("/h/w.db")


@pytest.mark.parametrize(
    ("host_name", "nickname"), [("desk.example", "desk"), ("my-pc", "my-pc"), ("", "wallet"), ("#\n", "wallet")]
)
def test_without_a_nickname_the_wallet_is_called_like_the_machine(host_name, nickname):
    assert parsed(MINIMAL, host_name).wallet.nickname == nickname
    assert parsed(MINIMAL + 'nickname = ""\n', host_name).wallet.nickname == nickname


def test_a_nickname_that_was_given_stays():
    assert parsed(MINIMAL + 'nickname = "Mia\'s phone"\n').wallet.nickname == "Mia's phone"


@pytest.mark.parametrize("nickname", ["a#1", " a", "a ", "a\\nb", "a\\u0000", "x" * 65, "\\u007f"])
def test_a_nickname_that_could_not_be_shown_is_refused(nickname):
    (problem,) = problems_of(MINIMAL + f'nickname = "{nickname}"\n')
    assert problem.startswith("/c/config.toml: [wallet] nickname is ")
    assert "must be 1 to 64 characters without #" in problem


def test_a_nickname_may_have_64_characters():
    assert parsed(MINIMAL + f'nickname = "{"é" * 64}"\n').wallet.nickname == "é" * 64


def test_all_problems_of_a_file_are_told_at_once():
    problems = problems_of(
        """
        extra = 1
        [wallet]
        pth = "/w.db"
        capture = "polling"
        [sync]
        interval = "15 minits"
        retry_max = 3600
        jitter = 2
        [limits]
        max_sealed = "1 TB"
        max_plain = "2 TiB"
        """
    )
    assert [problem.removeprefix("/c/config.toml: ") for problem in problems] == [
        "[extra] is no section: there are wallet, sync, limits, keep, guard, log, network",
        "[wallet] pth is no setting: did you mean path?",
        '[wallet] capture is "polling": it must be "triggers" or "scan"',
        "[wallet] path is missing: name the wallet's SQLite file",
        '[sync] interval is "15 minits": it must be a duration from 1 s to 365 days, such as "15 min"',
        "[sync] jitter is 2: it must be a number from 0 to 1, such as 0.1",
        '[sync] retry_max is 3600: it must be a duration from 1 s to 365 days, such as "15 min"',
        '[limits] max_plain is "2 TiB": it must be a size from 64 KiB to 1 TiB, such as "64 MiB"',
    ]


@pytest.mark.parametrize(
    "line",
    [
        'wallet.path = "w.db"',
        'wallet.path = ""',
        "wallet.path = 5",
        'wallet.path = "/a\\u0000"',
        'wallet = {path = "/w", profile = "../x"}',
        'wallet = {path = "/w", optional_sets = "planchets"}',
        'wallet = {path = "/w"}\nguard.count = -1',
        'wallet = {path = "/w"}\nguard.count = true',
        'wallet = {path = "/w"}\nguard.share = nan',
        'wallet = {path = "/w"}\nlimits.max_elements = 1.5',
        'wallet = {path = "/w"}\nlog.level = "INFO"',
        'wallet = {path = "/w"}\nlog.format = 1979-05-27',
        'wallet = {path = "/w"}\nnetwork.timeout = "0 s"',
        'wallet = {path = "/w"}\nnetwork.proxy = "127.0.0.1:9050"',
        'wallet = {path = "/w"}\nkeep.undo_days = "30"',
        'wallet = {path = "/w"}\nsync = [1]',
    ],
)
def test_a_value_that_will_not_do_is_refused_with_one_problem_that_says_what_would(line):
    (problem,) = problems_of(line)
    assert " must be " in problem


def test_delays_that_contradict_each_other_are_refused():
    assert problems_of(MINIMAL + '[sync]\nchange_delay_min = "9 s"\n') == (
        "/c/config.toml: [sync] change_delay_min is longer than change_delay_max: make it the shorter one",
    )


def test_a_proxys_password_is_not_repeated():
    (problem,) = problems_of(MINIMAL + '[network]\nproxy = "ftp://me:hush@proxy"\n')
    assert "[network] proxy cannot be used" in problem
    assert "hush" not in problem


@pytest.mark.parametrize("proxy", ["socks5h://127.0.0.1:9050", "http://me:word@proxy.example:3128/", ""])
def test_proxies_of_the_kinds_that_we_can_use_are_taken(proxy):
    assert parsed(MINIMAL + f'[network]\nproxy = "{proxy}"\n').network.proxy == proxy


def test_what_is_no_toml_is_refused_with_its_place():
    (problem,) = problems_of("[wallet]\npath = ~/w.db\n")
    assert problem.startswith("/c/config.toml is not valid TOML: ")
    assert "line 2" in problem


def test_a_missing_file_is_answered_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(ConfigError, match=r"walletsync init --wallet PATH"):
        load_settings(tmp_path / "config.toml")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=f"{tmp_path} cannot be read: Is a directory"):
        load_settings(tmp_path)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    file = tmp_path / "config.toml"
    file.write_bytes(b"# \xff\n")
    with pytest.raises(ConfigError, match=r"is not text in UTF-8, at byte 2"):
        load_settings(file)


def test_the_environment_overrides_no_setting(monkeypatch, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(MINIMAL)
    before = load_settings(file, "desk")
    for name in ("WALLETSYNC_SYNC_INTERVAL", "WALLETSYNC_INTERVAL", "WALLETSYNC_WALLET_NICKNAME", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "1 s")
    assert load_settings(file, "desk") == before


def test_a_new_configuration_says_what_it_was_made_for_and_explains_the_rest(tmp_path):
    file = tmp_path / "new/folder/config.toml"
    wallet = tmp_path / 'od"d \\ näme\x7f.db'
    write_new_config(file, wallet, nickname="Mia's phone")
    settings = load_settings(file, "desk")
    assert settings.wallet.path == wallet
    assert settings.wallet.profile == "taler"
    assert settings.wallet.nickname == "Mia's phone"
    assert '#interval = "15 min"' in file.read_text().splitlines()


def test_a_new_configuration_without_a_nickname_follows_the_machines_name(tmp_path):
    write_new_config(tmp_path / "config.toml", Path("/w.db"))
    assert load_settings(tmp_path / "config.toml", "desk").wallet.nickname == "desk"


def test_a_new_configuration_is_readable_for_its_owner_alone(tmp_path):
    file = tmp_path / "new/config.toml"
    write_new_config(file, Path("/w.db"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_configuration_that_exists_is_not_overwritten(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("mine")
    with pytest.raises(ConfigError, match=r"config\.toml exists already: edit it, or move it away"):
        write_new_config(file, Path("/w.db"))
    assert file.read_text() == "mine"


def test_relative_paths_are_written_down_as_absolute_ones(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_bytes((Path(load.__file__).parent / "profiles/taler.toml").read_bytes())
    write_new_config(tmp_path / "config.toml", Path("w.db"), profile="./own.toml")
    settings = load_settings(tmp_path / "config.toml")
    assert settings.wallet.path == tmp_path / "w.db"
    assert settings.wallet.profile == str(tmp_path / "own.toml")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"nickname": "a#1"}, ConfigError, r"\[wallet\] nickname"),
        ({"profile": "tailor"}, ProfileError, r"there is no profile tailor: the shipped profiles are .*taler"),
        ({"wallet": Path("/w\udcff.db")}, ConfigError, "not text in UTF-8"),
    ],
)
def test_a_new_configuration_that_would_not_do_is_not_written(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        write_new_config(tmp_path / "config.toml", **{"wallet": Path("/w.db"), **arguments})
    assert list(tmp_path.iterdir()) == []


def test_a_new_configuration_that_cannot_be_written_whole_is_not_left_behind(monkeypatch, tmp_path):
    def disk_full(path, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(ConfigError, match="cannot be written: No space left on device"):
        write_new_config(tmp_path / "config.toml", Path("/w.db"))
    assert list(tmp_path.iterdir()) == []


def test_a_new_configuration_where_no_folder_can_be_made_says_which(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=f"the folder {tmp_path}/file cannot be made: File exists"):
        write_new_config(tmp_path / "file/config.toml", Path("/w.db"))
