import os
import pwd
import socket
from pathlib import Path

import pytest

from config import paths
from config.errors import ConfigError
from config.paths import LONGEST_SOCKET_PATH, check_socket_paths, find_paths, home_paths


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("WALLETSYNC_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_a_home_holds_everything_below_one_folder(tmp_path):
    found = find_paths(tmp_path)
    assert found.home == tmp_path
    assert found.config_file == tmp_path / "config.toml"
    assert found.state_database == tmp_path / "state/state.db"
    assert found.secrets == tmp_path / "state/secrets.json"
    assert found.lock == tmp_path / "state/lock"
    assert found.control_socket == tmp_path / "run/control.ipc"
    assert found.events_socket == tmp_path / "run/events.ipc"
    assert list(tmp_path.iterdir()) == []


def test_the_variable_names_the_home_where_no_argument_does(monkeypatch, tmp_path):
    monkeypatch.setenv("WALLETSYNC_HOME", str(tmp_path / "variable"))
    assert find_paths().home == tmp_path / "variable"
    assert find_paths(tmp_path / "argument").home == tmp_path / "argument"


def test_an_empty_variable_names_no_home(monkeypatch):
    monkeypatch.setenv("WALLETSYNC_HOME", "")
    assert find_paths().home is None


def test_a_relative_home_is_meant_from_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert find_paths(Path("here")).config_file == tmp_path / "here/config.toml"


def test_the_default_layout_follows_the_xdg_variables(monkeypatch, tmp_path):
    for name in ("CONFIG_HOME", "STATE_HOME", "RUNTIME_DIR"):
        monkeypatch.setenv(f"XDG_{name}", str(tmp_path / name))
    found = find_paths()
    assert found.home is None
    assert found.config_file == tmp_path / "CONFIG_HOME/walletsync/config.toml"
    assert found.state_database == tmp_path / "STATE_HOME/walletsync/state.db"
    assert found.control_socket == tmp_path / "RUNTIME_DIR/walletsync/control.ipc"


def test_without_xdg_variables_the_folders_are_those_of_the_specification(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = find_paths()
    assert found.config_file == tmp_path / ".config/walletsync/config.toml"
    assert found.secrets == tmp_path / ".local/state/walletsync/secrets.json"


def test_a_relative_xdg_variable_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative/path")
    assert find_paths().config_file == tmp_path / ".config/walletsync/config.toml"


def test_a_user_without_a_home_folder_is_told_to_name_one(monkeypatch):
    def fail(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", fail)
    with pytest.raises(
        ConfigError, match=r"there is no default home: .* absolute HOME .*, or name a folder with --home"
    ):
        find_paths()


@pytest.mark.parametrize("runtime_folder", [None, "", "relative/path"])
def test_without_a_usable_runtime_folder_variable_the_users_own_one_is_taken(monkeypatch, tmp_path, runtime_folder):
    if runtime_folder is not None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime_folder)
    monkeypatch.setattr(paths, "_USERS_RUN_FOLDERS", tmp_path)
    (tmp_path / str(os.getuid())).mkdir()
    assert find_paths().events_socket == tmp_path / str(os.getuid()) / "walletsync/events.ipc"


def test_where_there_is_no_runtime_folder_the_sockets_lie_in_the_state_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "_USERS_RUN_FOLDERS", tmp_path / "absent")
    assert find_paths().control_socket == tmp_path / "walletsync/run/control.ipc"


def _home_whose_longer_socket_path_has(length):
    folder_length = length - len("/run/control.ipc")
    return home_paths(Path("/" + "é" * ((folder_length - 1) // 2) + "x" * ((folder_length - 1) % 2)))


def test_a_socket_path_of_the_longest_length_passes_and_really_binds(tmp_path):
    found = _home_whose_longer_socket_path_has(LONGEST_SOCKET_PATH)
    assert len(os.fsencode(found.control_socket)) == LONGEST_SOCKET_PATH
    check_socket_paths(found)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / ("x" * (LONGEST_SOCKET_PATH - len(os.fsencode(tmp_path)) - 1))))


def test_a_socket_path_that_is_one_byte_too_long_is_refused_with_path_and_length():
    found = _home_whose_longer_socket_path_has(LONGEST_SOCKET_PATH + 1)
    with pytest.raises(ConfigError) as refused:
        check_socket_paths(found)
    (problem,) = refused.value.problems
    assert str(found.control_socket) in problem
    assert "has 108 bytes, and the system takes 107 at most" in problem


@pytest.mark.parametrize("variable", ["WALLETSYNC_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"])
def test_a_path_that_is_no_text_is_refused_and_named(variable, monkeypatch):
    monkeypatch.setenv(variable, "/media/M\udcfcller")
    with pytest.raises(ConfigError, match=r"/media/M.ller.* is not text in UTF-8"):
        find_paths()
