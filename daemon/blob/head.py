"""The head of a blob: everything of its JSON document but the elements.

The document is one object. Its members ``clocks``, ``format``, ``seen`` and ``sets`` are known; a newer minor version
may add others, which are kept as they are and written back in their sorted place: before ``sets`` or after it.
All of it is canonical, and a head that is not (members unsorted, twice, or with spaces) is malformed. That is checked
by writing what was read once more and comparing the bytes.

Where the elements begin: at the first ``"sets":{`` that is a member of the document itself, not of something nested
in it and not inside a string. ``find_sets`` walks over strings and brackets from the start and so cannot be misled by
a lookalike; it reads nothing else, whatever a newer version may have put there.

Pure: no I/O, no clock.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, NamedTuple, TypeVar

import msgspec

from daemon.blob.errors import BlobUnreadable, Reason, malformed, too_large
from daemon.sets.element import Seen

FORMAT = "walletsync/1.0"
MAJOR = 1
MAX_TIME = 2**62
MAX_CLOCKS = 2**22  # entries of all rows of clocks, when each is spelt out for every writer: bounds memory
MAX_WALLET_ID = 64  # characters

NO_EXTRA: Mapping[str, bytes] = MappingProxyType({})
KNOWN = frozenset({"clocks", "format", "seen", "sets"})

_Time = Annotated[int, msgspec.Meta(ge=1, le=MAX_TIME)]
_TimeOrNone = Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME)]
_Writer = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
_Wallet = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_WALLET_ID)]

T = TypeVar("T")

_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_seen_decoder = msgspec.json.Decoder(dict[_Writer, _Time])
_clocks_decoder = msgspec.json.Decoder(dict[_Wallet, dict[_Writer, _TimeOrNone]])
_format_decoder = msgspec.json.Decoder(str)

_FORMAT = re.compile(r"walletsync/(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})", re.ASCII)
# A whole string, a bracket, or the quote of a string that never ends. Possessive, hence linear on any input.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]"]', re.DOTALL)


class Head(NamedTuple):
    """What a blob says beside its elements.

    ``seen`` is the replica's. ``clocks`` has, by wallet id, the whole ``seen`` of each wallet that is enrolled with
    this server, as of its last upload there. ``extra`` has the members that this version does not know, as raw
    canonical JSON by name. ``format`` is written back as it was read, so that a newer minor version stays one.
    """

    seen: Seen
    clocks: Mapping[str, Seen]
    extra: Mapping[str, bytes] = NO_EXTRA
    format: str = FORMAT


def write_head(head: Head) -> tuple[bytes, bytes]:
    """Return what stands in the document before the first set and after the last one.

    Raises ValueError for a head that no reader would take.
    """
    _check(head)
    members = dict(head.extra)
    members["clocks"] = _json({wallet: _lag(wallet, row, head.seen) for wallet, row in head.clocks.items()})
    members["format"] = _json(head.format)
    members["seen"] = _json(dict(head.seen))
    before = b"".join(_member(name, members[name]) + b"," for name in sorted(members) if name < "sets")
    after = b"".join(b"," + _member(name, members[name]) for name in sorted(members) if name > "sets")
    return b"{" + before + b'"sets":{', b"}" + after + b"}"


def read_head(text: bytes, nesting: int) -> Head:
    """Read what stands before ``"sets":{``, from the document's first byte on.

    Members that sort after ``sets`` are not in it yet: ``read_tail`` reads them.
    """
    members = _members(text.removesuffix(b",") + b"}")
    head_format = _typed(_format_decoder, members, "format")
    check_format(head_format)
    seen = _typed(_seen_decoder, members, "seen")
    lags = _typed(_clocks_decoder, members, "clocks")
    if len(lags) * len(seen) > MAX_CLOCKS:
        raise too_large(f"{len(lags)} wallets and {len(seen)} writers are more than its clocks may tell of")
    clocks = {wallet: _row(lag, seen) for wallet, lag in lags.items()}
    return Head(seen, clocks, _extra(members, nesting, after_sets=False), head_format)


def read_tail(text: bytes, nesting: int) -> dict[str, bytes]:
    """Read the members after ``sets``, from the bracket that closes the sets to the end of the document."""
    if not text.startswith(b"}"):
        raise malformed("its sets are not closed")
    members = _members(b'{"sets":{}' + text[1:])
    del members["sets"]
    return _extra(members, nesting, after_sets=True)


def check_format(text: str) -> None:
    """Accept every minor version of major version 1, and nothing else."""
    match = _FORMAT.fullmatch(text)
    if match is None:
        raise malformed(f'its format is not "walletsync/MAJOR.MINOR" such as "{FORMAT}"')
    if int(match[1]) != MAJOR:
        raise BlobUnreadable(Reason.NEWER, f'the blob is of format "{text}", this program reads "walletsync/{MAJOR}.*"')


def find_sets(text: bytes) -> tuple[int, int] | None:
    """Return where the document's own ``"sets":{`` begins and ends, or None if it is not in this text."""
    depth = 0
    for depth, start, end in _tokens(text):
        if depth == 1 and text[start:end] == b'"sets"' and text[end : end + 2] == b":{":
            return start, end + 2
    return None


def depth_of(text: bytes) -> int:
    """Return how deep the brackets of this JSON value are nested; 0 for a scalar."""
    return max((depth for depth, _, _ in _tokens(text)), default=0)


def check_utf8(text: bytes) -> None:
    """Refuse what is not UTF-8; raw values are copied unread, and must not carry it on."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("it is not UTF-8") from None


def _tokens(text: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each string and bracket with the depth it stands at (its own, for an opening bracket), start and end."""
    depth = 0
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if text[start] in b"{[":
            depth += 1
        elif text[start] in b"}]":
            depth -= 1
        elif end == start + 1:
            raise malformed("a string does not end")
        yield depth, start, end


def _members(document: bytes) -> dict[str, bytes]:
    """Read one JSON object into raw members, strictly canonical at this level."""
    if b"\n" in document:
        raise malformed("a line break stands where none may")
    members = {name: bytes(raw) for name, raw in decode_json(_members_decoder, document, "the document").items()}
    if b"{" + b",".join(_member(name, members[name]) for name in sorted(members)) + b"}" != document:
        raise malformed("its members are not in canonical form: sorted, once each, without spaces")
    return members


def decode_json(decoder: "msgspec.json.Decoder[T]", text: bytes, what: str) -> T:
    """Decode JSON, with every way in which that can fail translated."""
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise malformed(f"{what} is not what the format says") from None  # the message could quote a value
    except RecursionError:
        raise too_large(f"{what} is nested too deeply") from None


def _typed(decoder: "msgspec.json.Decoder[T]", members: dict[str, bytes], name: str) -> T:
    if name not in members:
        raise malformed(f'it has no member "{name}" before "sets"')
    value = decode_json(decoder, members[name], f'its member "{name}"')
    if _json(value) != members[name]:
        raise malformed(f'its member "{name}" is not in canonical form')
    return value


def _extra(members: dict[str, bytes], nesting: int, *, after_sets: bool) -> dict[str, bytes]:
    extra = {name: raw for name, raw in members.items() if name not in KNOWN}
    for name, raw in extra.items():
        if (name > "sets") != after_sets:
            raise malformed("its members are not sorted")
        _check_raw(raw, nesting)
    return extra


def _check_raw(raw: bytes, nesting: int) -> None:
    check_utf8(raw)
    if depth_of(raw) > nesting:
        raise too_large(f"a member is nested more than {nesting} levels deep")


def _row(lag: Seen, seen: Seen) -> dict[str, int]:
    """Spell out a row of clocks: the blob's ``seen`` but for the writers that it lags behind in."""
    for writer, time in lag.items():
        if time >= seen.get(writer, 0):
            raise malformed("a row of its clocks does not lag behind where it says so")
    row = {**seen, **lag}
    for writer, time in lag.items():
        if time == 0:
            del row[writer]
    return row


def _lag(wallet: str, row: Seen, seen: Seen) -> dict[str, int]:
    """Return the entries in which a row lags behind ``seen``, 0 where it has none."""
    if any(time > seen.get(writer, 0) for writer, time in row.items()):
        raise ValueError(f"the clocks of wallet {wallet} are ahead of the blob's seen")
    return {writer: row.get(writer, 0) for writer, time in seen.items() if row.get(writer, 0) < time}


def _check(head: Head) -> None:
    """Raise ValueError for a head that ``read_head`` would not take."""
    try:
        check_format(head.format)
        msgspec.convert(dict(head.seen), dict[_Writer, _Time])
        msgspec.convert(list(head.clocks), list[_Wallet])
    except (BlobUnreadable, msgspec.ValidationError) as error:
        raise ValueError(f"not a head that can be written: {error}") from error
    if len(head.clocks) * len(head.seen) > MAX_CLOCKS:
        raise ValueError(f"{len(head.clocks)} wallets and {len(head.seen)} writers are too many for one blob")
    known = KNOWN & head.extra.keys()
    if known:
        raise ValueError(f"members {sorted(known)} are not extra members")


def _member(name: str, raw: bytes) -> bytes:
    return _json(name) + b":" + raw


def _json(value: object) -> bytes:
    return msgspec.json.encode(value, order="sorted")
