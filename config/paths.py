"""Where the files of one home lie.

By default configuration, state and sockets lie apart, as the XDG Base Directory Specification wants it:

    $XDG_CONFIG_HOME/walletsync/config.toml
    $XDG_STATE_HOME/walletsync/{state.db, secrets.json, lock}
    $XDG_RUNTIME_DIR/walletsync/{control.ipc, events.ipc}

Where XDG_RUNTIME_DIR is unset, /run/user/UID takes its place, and where that does not exist either, ``run`` in the
state folder. With ``--home DIR`` or WALLETSYNC_HOME all lies under one folder:

    DIR/config.toml, DIR/state/{state.db, secrets.json, lock}, DIR/run/{control.ipc, events.ipc}

What keeps two homes off one wallet database is the user's: ``walletsync-wallets`` in the runtime folder, or ``wallets``
in the state folder of the default layout where there is none.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from config.errors import ConfigError

HOME_VARIABLE = "WALLETSYNC_HOME"
LONGEST_SOCKET_PATH = 107
"""In bytes: the kernel's ``sun_path`` holds 108, one of them a zero."""

_APPLICATION = "walletsync"
_USERS_RUN_FOLDERS = Path("/run/user")


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of one home. ``home`` is the folder that ``--home`` named, or ``None`` for the default layout."""

    home: Path | None
    config_file: Path
    state_folder: Path
    run_folder: Path

    @property
    def state_database(self) -> Path:
        """Our own database: replica, revisions, history."""
        return self.state_folder / "state.db"

    @property
    def secrets(self) -> Path:
        """The keys, mode 0600."""
        return self.state_folder / "secrets.json"

    @property
    def lock(self) -> Path:
        """The file whose lock says that a daemon has this home."""
        return self.state_folder / "lock"

    @property
    def control_socket(self) -> Path:
        """Where requests are answered."""
        return self.run_folder / "control.ipc"

    @property
    def events_socket(self) -> Path:
        """Where events are told."""
        return self.run_folder / "events.ipc"


def find_paths(home: Path | None = None) -> Paths:
    """Return the files of the home given, else of the one that WALLETSYNC_HOME names, else of the default layout.

    Touches no file. Whoever opens or makes the sockets calls ``check_socket_paths`` first. Raises ConfigError where
    there is no home folder for the default layout, or a path is no text: it could neither be told over the socket nor
    be noted.
    """
    chosen = home or os.environ.get(HOME_VARIABLE)
    found = home_paths(Path(chosen)) if chosen else default_paths()
    for path in (found.config_file, found.state_folder, found.run_folder):
        if not _is_text(path):
            shown = os.fsencode(path).decode(errors="replace")
            raise ConfigError([f"the path {shown} is not text in UTF-8: choose a home whose path is"])
    return found


def home_paths(home: Path) -> Paths:
    """Return the files of a home that lies under one folder."""
    folder = home.expanduser().absolute()
    return Paths(folder, folder / "config.toml", folder / "state", folder / "run")


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def default_paths() -> Paths:
    """Return the files of the default layout. Raises ConfigError where there is no home folder for them."""
    try:
        state_folder = platformdirs.user_state_path(_APPLICATION)
        config_folder = platformdirs.user_config_path(_APPLICATION)
    except RuntimeError as error:
        raise ConfigError([f"there is no default home: {error}, or name a folder with --home"]) from error
    return Paths(
        home=None,
        config_file=config_folder / "config.toml",
        state_folder=state_folder,
        run_folder=_run_folder(os.environ, _users_run_folder(), state_folder),
    )


def claims_folder() -> Path:
    """Return where the daemons of all homes of this user say which wallet database each of them works with.

    Not in the sockets' folder, which the service manager removes when the default home's daemon ends.
    """
    shared = _shared_folder(os.environ, _users_run_folder())
    return shared / f"{_APPLICATION}-wallets" if shared else platformdirs.user_state_path(_APPLICATION) / "wallets"


def _run_folder(environment: Mapping[str, str], users_run_folder: Path, state_folder: Path) -> Path:
    shared = _shared_folder(environment, users_run_folder)
    return shared / _APPLICATION if shared else state_folder / "run"


def _shared_folder(environment: Mapping[str, str], users_run_folder: Path) -> Path | None:
    """Return the folder for what lives no longer than the user's session, if there is one."""
    named = Path(environment.get("XDG_RUNTIME_DIR", ""))
    if named.is_absolute():  # the specification: a relative path is to be ignored
        return named
    return users_run_folder if users_run_folder.is_dir() else None


def _users_run_folder() -> Path:
    return _USERS_RUN_FOLDERS / str(os.getuid())


def check_socket_paths(paths: Paths) -> None:
    """Make sure that the sockets' paths are short enough for the kernel. Raises ConfigError where they are not."""
    problems = [
        f"the socket path {path} has {length} bytes, and the system takes {LONGEST_SOCKET_PATH} at most: "
        "choose a home with a shorter path, or with the default home a shorter XDG_RUNTIME_DIR"
        for path in (paths.control_socket, paths.events_socket)
        if (length := len(os.fsencode(path))) > LONGEST_SOCKET_PATH
    ]
    if problems:
        raise ConfigError(problems)
