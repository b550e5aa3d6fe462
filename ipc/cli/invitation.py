"""What an invitation says to the one who is about to accept it.

An invitation is ``walletsync://join/1#FRAGMENT``. The fragment is Crockford base32 of a JSON document: the root
secret and the servers, or where it is sealed the parameters of Argon2id and a box. The daemon takes the secret out of
it; here it is only told which servers it names and whether it is sealed. No error repeats any part of it, since errors
end up in terminals and logs.
"""

from dataclasses import dataclass

import msgspec

from ipc import base32
from ipc.messages import InvitedServer

PREFIX = "walletsync://join/1#"
_ANY_VERSION = "walletsync://join/"


class NoInvitation(ValueError):  # noqa: N818 - it says what the text is not
    """The text is no invitation that this program can read. The message says why, without repeating it."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whether it is sealed with a passphrase, and the URLs of its servers where that can be told."""

    sealed: bool
    servers: tuple[str, ...]


class _Content(msgspec.Struct):
    root: str | None = None
    servers: list[InvitedServer] = []
    argon2id: dict[str, object] | None = None


def read_invitation(uri: str) -> Invitation:
    """Read what an invitation says of itself. Raises ``NoInvitation``."""
    content = _content(uri)
    if content.argon2id is not None:
        return Invitation(sealed=True, servers=())
    if content.root is None or not content.servers:
        raise NoInvitation("The invitation is not whole: it names no secret or no server.")
    return Invitation(sealed=False, servers=tuple(server.url for server in content.servers))


def _content(uri: str) -> _Content:
    uri = "".join(uri.split())
    if not uri.startswith(PREFIX):
        if uri.startswith(_ANY_VERSION):
            raise NoInvitation("The invitation is of another version than this program can read (1).")
        raise NoInvitation(f"This is no invitation: one begins with {PREFIX}")
    try:
        return msgspec.json.decode(base32.decode(uri.removeprefix(PREFIX)), type=_Content)
    except ValueError as error:  # msgspec's errors and those of UTF-8 are ValueErrors too
        raise NoInvitation("The invitation is damaged: was all of it copied?") from error
