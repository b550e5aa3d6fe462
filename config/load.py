"""Reading the settings strictly, and writing a first configuration.

Every problem of a file is found in one go and reported in one ConfigError: the file, the setting, what it says and
what would be right. A setting's own type (``config.model``) holds the words for the latter. The environment overrides
no setting.
"""

import difflib
import json
import re
import socket
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import msgspec

from config.errors import ConfigError
from config.model import Section, Settings, WalletSettings
from config.profile import load_profile
from config.units import parse_duration, parse_size

_FALLBACK_NICKNAME = "wallet"


def load_settings(path: Path, host_name: str | None = None) -> Settings:
    """Read the settings from a file. An empty nickname becomes the host name. Raises ConfigError."""
    return parse_settings(_read(path), path, host_name or socket.gethostname())


def parse_settings(text: str, path: Path, host_name: str) -> Settings:
    """Read the settings from a text; ``path`` is named in problems. Raises ConfigError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path} is not valid TOML: {error}"]) from error
    problems: list[str] = []
    settings = _settings(document, problems)
    if settings is None:
        raise ConfigError([f"{path}: {problem}" for problem in problems])
    nickname = settings.wallet.nickname or _nickname_of(host_name)
    return msgspec.structs.replace(settings, wallet=msgspec.structs.replace(settings.wallet, nickname=nickname))


def write_new_config(path: Path, wallet: Path, profile: str = "taler", nickname: str | None = None) -> None:
    """Write a configuration with every setting explained, readable for its owner alone.

    Makes the folders above it. Raises ConfigError, and leaves nothing behind, where the file exists, cannot be
    written, or where one of the values would not do; ProfileError where the profile does not.
    """
    chosen_profile = str(Path(profile).expanduser().absolute()) if "/" in profile else profile
    text = _with_setting(example_text(), "path", str(wallet.expanduser().absolute()))
    text = _with_setting(text, "profile", chosen_profile)
    if nickname is not None:
        text = _with_setting(text, "nickname", nickname)
    settings = parse_settings(text, path, _FALLBACK_NICKNAME)
    load_profile(settings.wallet.profile)
    try:
        _write_new_file(path, text.encode())
    except FileExistsError as error:
        raise ConfigError([f"{path} exists already: edit it, or move it away and try again"]) from error
    except UnicodeEncodeError as error:
        raise ConfigError([f"{path}: a path is not text in UTF-8, and TOML cannot hold it"]) from error
    except OSError as error:
        raise ConfigError([f"{path} cannot be written: {error.strerror}"]) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError([f"there is no {path} yet: `walletsync init --wallet PATH` makes it"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path} is not text in UTF-8, at byte {error.start}"]) from error
    except OSError as error:
        raise ConfigError([f"{path} cannot be read: {error.strerror}"]) from error


def _settings(document: Mapping[str, object], problems: list[str]) -> Settings | None:
    """Build the settings. Returns ``None``, and has added to the problems, where there are any."""
    section_types = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    problems += _unknown(document, section_types, "[{}] is no section")
    sections: dict[str, Any] = {}
    for name, section_type in section_types.items():
        raw = document.get(name, {})
        if not isinstance(raw, dict):
            problems.append(f"{name} must be a section: write [{name}], and its settings below it")
            continue
        values = _values(name, section_type, raw, problems)
        if section_type is WalletSettings and "path" not in raw:
            problems.append("[wallet] path is missing: name the wallet's SQLite file")
        if not problems:
            sections[name] = section_type(**values)
    if problems:
        return None
    settings = Settings(**sections)
    problems += _contradictions(settings)
    return None if problems else settings


def _values(
    section: str, section_type: type[Section], raw: Mapping[str, object], problems: list[str]
) -> dict[str, Any]:
    type_by_name = {field.name: field.type for field in msgspec.structs.fields(section_type)}
    problems += _unknown(raw, type_by_name, f"[{section}] {{}} is no setting")
    values = {}
    for name, annotated in type_by_name.items():
        if name not in raw:
            continue
        meta: msgspec.Meta = get_args(annotated)[-1]
        try:
            values[name] = msgspec.convert(_without_unit(meta, raw[name]), annotated, dec_hook=_path)
        except ValueError:
            problems.append(f"[{section}] {name} {_complaint(meta, raw[name])}")
    return values


def _complaint(meta: msgspec.Meta, raw: object) -> str:
    """Say what was wrong and what would be right. A secret (a proxy's URL may hold a password) is not repeated."""
    secret = meta.extra is not None and meta.extra.get("secret", False)
    shown = "cannot be used" if secret else f"is {json.dumps(raw, ensure_ascii=False, default=str)}"
    return f"{shown}: it must be {meta.description}"


def _without_unit(meta: msgspec.Meta, raw: object) -> object:
    """Turn a duration or a size into its number. Raises ``ValueError`` where it is none."""
    unit = meta.extra.get("unit") if meta.extra else None
    if unit is None:
        return raw
    if not isinstance(raw, str):
        raise ValueError  # noqa: TRY004 - it is the file that is wrong, not a caller
    return parse_duration(raw) if unit == "duration" else parse_size(raw)


def _path(_: type, raw: object) -> Path:
    """Read a path. msgspec calls this for every type that it does not know, and paths are the only ones."""
    if not isinstance(raw, str) or not raw.startswith(("/", "~/")) or "\0" in raw:
        raise ValueError
    return Path(raw).expanduser()


def _unknown(given: Iterable[str], known: Iterable[str], wording: str) -> Iterable[str]:
    names = list(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            yield f"{wording.format(name)}: {advice}"


def _contradictions(settings: Settings) -> Iterable[str]:
    if settings.sync.change_delay_min > settings.sync.change_delay_max:
        yield "[sync] change_delay_min is longer than change_delay_max: make it the shorter one"


def _nickname_of(host_name: str) -> str:
    """Make a nickname of the first label of a host name: what a person calls the machine."""
    return re.sub(r"[^\w-]", "", host_name.split(".")[0])[:64] or _FALLBACK_NICKNAME


def example_text() -> str:
    """Return config/example.toml: every setting explained, with its default behind a ``#``."""
    return resources.files("config").joinpath("example.toml").read_text(encoding="utf-8")


def _with_setting(text: str, name: str, value: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped and JSON does not escape.
    quoted = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return re.sub(rf"^#?{name} = .*$", lambda _: f"{name} = {quoted}", text, count=1, flags=re.MULTILINE)


def _write_new_file(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError([f"the folder {path.parent} cannot be made: {error.strerror}"]) from error
    path.touch(mode=0o600, exist_ok=False)
    try:
        path.write_bytes(content)
    except BaseException:
        path.unlink()
        raise
