"""The unit that runs the daemon of one home: its name, its text, and what its sandbox must be opened for.

The default home has ``walletsyncd.service``. Any other is an instance of ``walletsyncd@.service``, whose name bears the
home's path, escaped as systemd-escape(1) does. The shipped units start ``~/.local/bin/walletsyncd``; what is installed
starts the program that really lies beside this one.

The sandbox leaves home and mounted folders writable. A wallet or a folder server in one of the few places that it
closes needs a drop-in, which lists those places and nothing else: a path that is bound into the sandbox would hide
what is mounted there later, such as a stick.
"""

import re
import string
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

DROP_IN = "walletsync-paths.conf"

_PLAIN = frozenset(string.ascii_letters + string.digits + ":_.")
_CLOSED_SYSTEM_FOLDERS = tuple(map(Path, ("/usr", "/boot", "/efi", "/etc")))
_CLOSED_IN_HOME = tuple(map(Path, (".local/bin", ".config/systemd", ".config/autostart", ".config/environment.d")))
_PRIVATE_FOLDERS = tuple(map(Path, ("/tmp", "/var/tmp")))  # noqa: S108 - the sandbox has its own of these


def unit_name(home: Path | None) -> str:
    """Return the name of the unit that runs the daemon of a home; ``None`` is the default one."""
    return "walletsyncd.service" if home is None else f"walletsyncd@{escaped(home)}.service"


def unit_file(home: Path | None) -> str:
    """Return the name of the file that holds this unit."""
    return "walletsyncd.service" if home is None else "walletsyncd@.service"


def escaped(path: Path) -> str:
    """Write a path as part of a unit's name, as ``systemd-escape --path`` does."""
    parts = [part for part in path.as_posix().split("/") if part]
    text = "-".join("".join(_escaped_character(byte) for byte in part.encode()) for part in parts) or "-"
    return "\\x2e" + text[1:] if text.startswith(".") else text


def _escaped_character(byte: int) -> str:
    return chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}"


def unit_text(home: Path | None, program: Path) -> str:
    """Return the shipped unit, made to start this program."""
    shipped = resources.files("config").joinpath("systemd", unit_file(home)).read_text(encoding="utf-8")
    return re.sub(r"(?<=^ExecStart=)(:?)\S+", lambda found: found[1] + _quoted(program), shipped, flags=re.MULTILINE)


def drop_in_text(paths: Iterable[Path], user_home: Path) -> str | None:
    """Return the drop-in that opens the sandbox for these folders; ``None`` where it is open for all of them."""
    closed = sorted({path for path in paths if _is_closed(path, user_home)})
    private = sorted({path for path in paths if _is_within(path, _PRIVATE_FOLDERS)})
    if not closed and not private:
        return None
    lines = ["# Made by `walletsync service install`, for folders that the sandbox would close.", "[Service]"]
    lines += [f"ReadWritePaths=-{_quoted(path)}" for path in closed]
    lines += ["PrivateTmp=no"] if private else []
    return "\n".join(lines) + "\n"


def is_open(path: Path, user_home: Path) -> bool:
    """Tell whether the shipped sandbox lets the daemon write into a folder."""
    return not _is_closed(path, user_home) and not _is_within(path, _PRIVATE_FOLDERS)


def _is_closed(path: Path, user_home: Path) -> bool:
    return _is_within(path, (*_CLOSED_SYSTEM_FOLDERS, *(user_home / each for each in _CLOSED_IN_HOME)))


def _is_within(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _quoted(path: Path) -> str:
    """Write a path so that systemd takes every character of it as it is."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return text if re.fullmatch(r"[\w/.%:@+-]+", text, re.ASCII) else f'"{text}"'
