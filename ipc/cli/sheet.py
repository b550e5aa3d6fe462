"""The recovery sheet: with it alone, a machine that has nothing else gets the whole wallet back.

It is an invitation to the circle, kept on paper: as a QR code, and as text that can be typed by hand. Around it stands
what a person who finds the sheet years later has to know: what it is, where the sealed copies lie, when it was
printed, and what to do with it. What the circle holds is not on it but on the servers, so at least one of them must
still be there.

``parts`` is what the sheet says, in order; how it looks is up to whoever draws them. Pure.
"""

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from config.profile import reference_schema
from ipc.cli.qr import half_blocks, qr_rows
from ipc.cli.words import clean

WIDTH = 88
"""Characters in a line of text. What is to be typed stands in lines of its own, however long."""

_UNDERLINE_BY_KIND = {"title": "=", "heading": "-"}
_GROUP = 5
_GROUPS_IN_A_LINE = 12


class Part(NamedTuple):
    """Some lines of a sheet: its title, a heading, text, what is to be typed, or where the code stands (no lines)."""

    kind: Literal["title", "heading", "text", "typed", "code"]
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Sheet:
    """What a recovery sheet is made of. ``made`` is the day on which it is printed."""

    uri: str
    sealed: bool
    servers: Sequence[str]
    nickname: str
    profile: str
    made: str

    def __repr__(self) -> str:
        return f"Sheet(sealed={self.sealed}, servers={self.servers!r})"


def parts(sheet: Sheet) -> Iterator[Part]:
    """Return what a sheet says."""
    yield Part("title", ["walletsync recovery sheet"])
    yield _text(f"Printed on {sheet.made} by the wallet {clean(sheet.nickname)}, profile {clean(sheet.profile)}.")
    yield _text(_warning(sheet.sealed))
    yield Part("heading", ["To have the wallet back on a machine that has nothing else"])
    yield from _steps(sheet)
    yield Part("heading", ["The servers that hold the sealed copies; one of them is enough"])
    yield Part("typed", [clean(url) for url in sheet.servers])
    yield from _hints(sheet)
    yield Part("heading", ["The invitation (when typed, spaces and line breaks do not matter)"])
    yield Part("typed", list(grouped(sheet.uri)))
    yield Part("code")


def as_text(sheet: Sheet) -> str:
    """Return a sheet as plain text, with its code drawn in ink: to be printed, not to be shown on a dark screen."""
    return "\n".join(line for part in parts(sheet) for line in _in_ink(part, sheet.uri)).rstrip() + "\n"


def drawn(part: Part) -> Iterator[str]:
    """Return the lines of a part that is not the code, and an empty one."""
    indent = "    " if part.kind == "typed" else ""
    yield from (indent + line for line in part.lines)
    if part.kind in _UNDERLINE_BY_KIND:
        yield _UNDERLINE_BY_KIND[part.kind] * len(part.lines[-1])
    yield ""


def _in_ink(part: Part, uri: str) -> Iterator[str]:
    if part.kind == "code":
        rows = qr_rows(uri)
        yield from half_blocks(rows) if rows else ["(It is too long for a QR code: it names too many servers.)"]
    else:
        yield from drawn(part)


def grouped(uri: str) -> Iterator[str]:
    """Write an invitation for the eye: its beginning, then lines of groups of five characters."""
    start, mark, rest = uri.partition("#")
    yield start + mark
    groups = [rest[index : index + _GROUP] for index in range(0, len(rest), _GROUP)]
    for index in range(0, len(groups), _GROUPS_IN_A_LINE):
        yield " ".join(groups[index : index + _GROUPS_IN_A_LINE])


def _text(text: str) -> Part:
    return Part("text", textwrap.wrap(text, WIDTH))


def _warning(sealed: bool) -> str:
    if sealed:
        return (
            "Whoever has this sheet and its passphrase can read your wallets and spend your money. Without the"
            " passphrase, which is not on it, it is of no use to anybody: you neither."
        )
    return (
        "Whoever has this sheet can read your wallets and spend your money. Keep it as you keep cash, and on no device:"
        " print it and delete the file."
    )


def _steps(sheet: Sheet) -> Iterator[Part]:
    profile = shlex.quote(clean(sheet.profile))
    if reference_schema(sheet.profile) is None:
        yield _text("1. Install walletsync and your wallet program. Where PATH is the program's new, empty database:")
        yield Part("typed", [f"walletsync init --wallet PATH --profile {profile}"])
    else:
        yield _text("1. Install walletsync. Where PATH is the wallet database that is to be made:")
        yield Part("typed", [f"walletsync init --wallet PATH --profile {profile} --create"])
    yield _text("2. Start it: in a terminal of its own, or as a service by `walletsync service install`.")
    yield Part("typed", ["walletsyncd"])
    passphrase = ", then its passphrase" if sheet.sealed else ""
    yield _text(f"3. Join. It asks for the invitation below: what a phone reads from the code, or typed{passphrase}.")
    yield Part("typed", ["walletsync join", "walletsync sync --wait", "walletsync status"])
    yield _text(
        "4. Once all is there, tell it not to count on the lost wallet any more; `walletsync wallets` names it."
    )
    yield Part("typed", ["walletsync wallets forget NAME"])


def _hints(sheet: Sheet) -> Iterator[Part]:
    yield _text("Has a server another address by then, `walletsync enroll ADDRESS` with the new one says how to go on.")
    if any(url.startswith("s3:") for url in sheet.servers):
        yield _text("The object store wants its own credentials, which are not on this sheet: docs/servers.md.")
    yield _text("Print a new sheet, and destroy this one, when the servers change or the keys are rolled over.")
