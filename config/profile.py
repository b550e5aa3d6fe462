"""A profile: which tables of a wallet database make up which sets.

A profile is a TOML file, ``config/profiles/NAME.toml`` or any other that a setting names by its path, read strictly.
docs/profiles.md describes its members. This module holds the model and all checks that need no database; whether a
profile fits a real one is the daemon's to check.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from config.errors import ConfigError, ProfileError

MOST_KEY_COLUMNS = 6
"""As many columns as the daemon's change log has room for."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_RESERVED_PREFIXES = ("walletsync_", "sqlite_")
_RESERVED_SET = "circle"

Part = TypeVar("Part", bound=msgspec.Struct)


class SetProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One set: all rows of one table that take part, each row one entity.

    ``key`` names the columns that identify a row; ``local`` those that never leave this device; ``where`` is an SQL
    condition over the table's columns that a row must meet to take part; sets are written in ascending ``order``
    (parents first) and deleted from in descending order. An ``optional`` set is off until a setting switches it on.
    ``guard`` sets count for the brake on mass deletes, except rows that meet the SQL condition ``spent``, whose key is
    in the set ``spent_in``, or that moved to the set ``moves_to`` in the same change.

    A key that is in ``moves_to``, or was ever in ``spent_in`` and no longer is, is not restored.
    """

    name: str
    table: str
    key: tuple[str, ...]
    local: tuple[str, ...] = ()
    where: str | None = None
    order: int = 0
    optional: bool = False
    guard: bool = False
    spent: str | None = None
    spent_in: str | None = None
    moves_to: str | None = None


class GhostRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows of ``table`` that meet ``where`` are ghosts: kept out of all sets.

    A ghost is deleted in the transaction that brings a row of the set ``replaced_by`` whose columns equal the
    ghost's as ``match`` (ghost column to set column) says.
    """

    table: str
    where: str
    replaced_by: str
    match: dict[str, str]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What walletsync needs to know of one kind of wallet database."""

    name: str
    version: int
    required_columns: dict[str, tuple[str, ...]]  # by table
    sets: tuple[SetProfile, ...]
    ghosts: tuple[GhostRule, ...] = ()


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table [profile]."""

    name: str
    version: int


class _Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table [require]."""

    tables: dict[str, tuple[str, ...]]


def shipped_profiles() -> list[str]:
    """Return the names of the profiles that come with walletsync."""
    return sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml"))


def load_profile(name: str) -> Profile:
    """Read a shipped profile by its name, or any by its path (what holds a / is a path). Raises ProfileError."""
    return parse_profile(_read(name), name)


def reference_schema(name: str) -> str | None:
    """Return the SQL that makes an empty database for a shipped profile, or ``None`` where walletsync has none."""
    file = _folder().joinpath(f"{name}.sql")
    return file.read_text(encoding="utf-8") if name in shipped_profiles() and file.is_file() else None


def check_optional_sets(profile: Profile, names: Iterable[str]) -> None:
    """Make sure that the sets to be switched on are optional sets of the profile. Raises ConfigError."""
    optional = [each.name for each in profile.sets if each.optional]
    there_are = f"those of the profile {profile.name} are {', '.join(optional)}" if optional else "there are none"
    problems = [
        f"[wallet] optional_sets names {name}, which is no optional set: {there_are}"
        for name in names
        if name not in optional
    ]
    if problems:
        raise ConfigError(problems)


def parse_profile(text: str, source: str) -> Profile:
    """Read a profile from a text; ``source`` is named in problems. Raises ProfileError with all that are found."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([f"the profile {source} is not valid TOML: {error}"]) from error
    problems: list[str] = []
    profile = _profile(document, problems)
    if profile is not None:
        problems += _contradictions(profile)
    if profile is None or problems:
        raise ProfileError([f"the profile {source}: {problem}" for problem in problems])
    return profile


def _folder() -> Traversable:
    return resources.files("config").joinpath("profiles")


def _read(name: str) -> str:
    file: Traversable = Path(name).expanduser() if "/" in name else _folder().joinpath(f"{name}.toml")
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = (
            f"the shipped profiles are {', '.join(shipped_profiles())}; the path of a file of your own has a / in it"
        )
        raise ProfileError([f"there is no profile {name}: {known}"]) from error
    except UnicodeDecodeError as error:
        raise ProfileError([f"the profile {name} is not text in UTF-8, at byte {error.start}"]) from error
    except OSError as error:
        raise ProfileError([f"the profile {name} cannot be read: {error.strerror}"]) from error


def _profile(document: Mapping[str, Any], problems: list[str]) -> Profile | None:
    """Build the model. Returns ``None``, and has added to the problems, where a part has not the right shape."""
    problems += [
        f"{member} is no part of a profile: there are profile, require, set, ghost"
        for member in document.keys() - {"profile", "require", "set", "ghost"}
    ]
    head = _part("[profile]", document.get("profile", {}), _Head, problems)
    require = _part("[require]", document.get("require", {"tables": {}}), _Requirement, problems)
    sets = [_part(place, raw, SetProfile, problems) for place, raw in _numbered("set", document, problems)]
    ghosts = [_part(place, raw, GhostRule, problems) for place, raw in _numbered("ghost", document, problems)]
    if head is None or require is None or problems:
        return None
    return Profile(
        name=head.name,
        version=head.version,
        required_columns=require.tables,
        sets=tuple(each for each in sets if each is not None),
        ghosts=tuple(each for each in ghosts if each is not None),
    )


def _part(place: str, raw: object, kind: type[Part], problems: list[str]) -> Part | None:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        problems.append(f"{place}: {error}")
        return None


def _numbered(member: str, document: Mapping[str, Any], problems: list[str]) -> Iterator[tuple[str, object]]:
    raw = document.get(member, [])
    if not isinstance(raw, list):
        problems.append(f"{member} must be written as [[{member}]], once for each")
        return
    yield from ((f"[[{member}]] number {number}", each) for number, each in enumerate(raw, start=1))


def _contradictions(profile: Profile) -> Iterator[str]:
    if not profile.sets:
        yield "it has no [[set]], so there would be nothing to sync"
    if profile.version < 1:
        yield "[profile] version must be 1 or more"
    names = [each.name for each in profile.sets]
    widths = {each.name: len(each.key) for each in profile.sets}
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"there is more than one set named {name}"
    for table, columns in profile.required_columns.items():
        yield from _bad_identifiers(f"[require] {table}", (table, *columns))
    for each in profile.sets:
        yield from (f"set {each.name}: {problem}" for problem in _set_contradictions(each, widths))
    for ghost in profile.ghosts:
        yield from (f"ghost {ghost.table}: {problem}" for problem in _ghost_contradictions(ghost, names))


def _set_contradictions(each: SetProfile, widths: Mapping[str, int]) -> Iterator[str]:
    """Say what is wrong with a set, where there are sets of these names with as many key columns."""
    yield from _bad_identifiers("name, table, key and local", (each.name, each.table, *each.key, *each.local))
    if each.name == _RESERVED_SET:
        yield f"the name {_RESERVED_SET} is taken: it is the set of the circle's wallets"
    if not 1 <= len(each.key) <= MOST_KEY_COLUMNS:
        yield f"key must name 1 to {MOST_KEY_COLUMNS} columns"
    if len(set(each.key)) < len(each.key):
        yield "key names a column twice"
    if both := set(each.key) & set(each.local):
        yield f"{', '.join(sorted(both))} cannot be both key and local: a key is the same on every wallet"
    for member, condition in (("where", each.where), ("spent", each.spent)):
        if condition is not None and not condition.strip():
            yield f"{member} is empty: leave it out, or write an SQL condition"
    for member, other in (("spent_in", each.spent_in), ("moves_to", each.moves_to)):
        if other is not None and (other == each.name or other not in widths):
            yield f"{member} names {other}, which is no other set of this profile"
        elif other is not None and widths[other] != len(each.key):
            yield f"{member} names {other}, whose key has {widths[other]} columns: one entity has the same key in both"


def _ghost_contradictions(ghost: GhostRule, names: Sequence[str]) -> Iterator[str]:
    yield from _bad_identifiers("table and match", (ghost.table, *ghost.match.keys(), *ghost.match.values()))
    if ghost.replaced_by not in names:
        yield f"replaced_by names {ghost.replaced_by}, which is no set of this profile"
    if not ghost.match:
        yield "match is empty: it must say which columns tell that the real one has arrived"
    if not ghost.where.strip():
        yield "where is empty: write an SQL condition, or TRUE if all rows are ghosts"


def _bad_identifiers(place: str, identifiers: Iterable[str]) -> Iterator[str]:
    for identifier in identifiers:
        if not _IDENTIFIER.fullmatch(identifier):
            yield f"{place}: {identifier!r} is no plain name: use letters, digits and _, and no digit first"
        elif identifier.lower().startswith(_RESERVED_PREFIXES):
            yield f"{place}: {identifier} begins with {' or '.join(_RESERVED_PREFIXES)}, which are not the wallet's"
