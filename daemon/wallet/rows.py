"""Rows as JSON: every SQLite value survives the way into a blob and back.

- Integers, text and null are JSON integers, strings and null.
- A blob is ``{"$b": BASE64}``, a real ``{"$r": REPR}`` (JSON floats do not compare across languages), text that is not
  UTF-8 ``{"$t": BASE64}``.
- A value is the object of a row's shared columns, a key the array of its key columns, both as canonical JSON: sorted
  members, no spaces.
- A row's digest is BLAKE2b-128 of its value: what we keep of a row to tell later whether it changed.
"""

import base64
import binascii
import hashlib
from collections.abc import Container, Mapping, Sequence

import msgspec

SqlValue = int | float | str | bytes | None


_SAME_IN_JSON = frozenset({int, str, type(None)})
"""Types that JSON has as they are: nearly all columns are of these, and a look at the types is quick."""


class BrokenText(bytes):
    """Text of SQLite's storage class TEXT whose bytes are not UTF-8."""


class InvalidValue(ValueError):  # noqa: N818 - says what is wrong
    """A value from a blob that is not what this version writes: it is kept, but cannot be applied."""


def text_from_sqlite(raw: bytes) -> str | BrokenText:
    """Decode SQLite text, keeping what is not UTF-8 apart (for ``Connection.text_factory``)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return BrokenText(raw)


def encode_key(columns: Sequence[SqlValue]) -> str:
    """Return the key text of these key columns."""
    return msgspec.json.encode([to_json(value) for value in columns], order="sorted").decode()


def decode_key(key: str) -> list[SqlValue]:
    """Return the key columns of a key text. Raises InvalidValue."""
    columns = _decode(key.encode())
    if not isinstance(columns, list):
        raise InvalidValue(f"the key {key!r} is not an array")
    return [_from_json(column) for column in columns]


def encode_value(value_by_column: Mapping[str, SqlValue]) -> bytes:
    """Return the value of a row with these columns."""
    members: Mapping[str, object] = value_by_column
    if not _SAME_IN_JSON.issuperset(map(type, value_by_column.values())):
        members = {name: to_json(value) for name, value in value_by_column.items()}
    return msgspec.json.encode(members, order="sorted")


def decode_value(value: bytes) -> dict[str, SqlValue]:
    """Return the columns of a value. Raises InvalidValue."""
    members = _decode(value)
    if not isinstance(members, dict):
        raise InvalidValue("the value is not an object")
    return {name: member if type(member) is str else _from_json(member) for name, member in members.items()}


def keep_other_members(old: bytes, new: bytes, default_by_column: Mapping[str, object]) -> bytes:
    """Return the new value with those members of the old one that are no columns here: other profiles know them.

    A column that the old value does not know, since the table has just got it, says nothing while it holds its default:
    where nothing else changed, the old value is returned. Or every wallet that migrates would stamp all of its rows.
    """
    try:
        members = _decode(old)
    except InvalidValue:
        return new
    if not isinstance(members, dict) or members.keys() == default_by_column.keys():
        return new
    columns = msgspec.json.decode(new, type=dict[str, object])
    whole = {name: member for name, member in members.items() if name not in default_by_column} | columns
    silent = {name for name in columns.keys() - members.keys() if columns[name] == default_by_column[name]}
    if {name: member for name, member in whole.items() if name not in silent} == members:
        return old
    return msgspec.json.encode(whole, order="sorted")


def without_defaults(value: bytes, columns: Container[str], default_by_column: Mapping[str, object]) -> bytes:
    """Return a row's value without those of the columns that hold their default."""
    members = msgspec.json.decode(value, type=dict[str, object])
    rest = {
        name: member for name, member in members.items() if name not in columns or member != default_by_column[name]
    }
    return msgspec.json.encode(rest, order="sorted")


def placeholder(value: SqlValue, mark: str = "?") -> str:
    """Return how SQL takes this value as a parameter: Python binds text that is not UTF-8 as a blob."""
    return f"CAST({mark} AS TEXT)" if isinstance(value, BrokenText) else mark


def digest(value: bytes) -> bytes:
    """Return the digest of a row's value."""
    return hashlib.blake2b(value, digest_size=16).digest()


def _decode(text: bytes) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidValue(f"the value is not JSON: {error}") from error


def to_json(value: SqlValue) -> object:
    """Return the JSON of a column's value, as the head of this module says."""
    if isinstance(value, float):
        return {"$r": repr(value)}
    if isinstance(value, bytes):
        tag = "$t" if isinstance(value, BrokenText) else "$b"
        return {tag: base64.b64encode(value).decode()}
    return value


def _from_json(value: object) -> SqlValue:
    match value:
        case bool() | float() | list():
            raise InvalidValue(f"{value!r} is nothing that a column can hold")
        case int() if not -(2**63) <= value < 2**63:
            raise InvalidValue(f"{value} does not fit into 64 bits")
        case None | int() | str():
            return value
        case {"$r": str(text), **rest} if not rest:
            return _real(text)
        case {"$b": str(text), **rest} if not rest:
            return _bytes(text)
        case {"$t": str(text), **rest} if not rest:
            return BrokenText(_bytes(text))
    raise InvalidValue("a column holds an object that this version does not know")


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidValue(f"{text!r} is no real") from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise InvalidValue(f"a blob column is not base64: {error}") from error
