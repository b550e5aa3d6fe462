"""Invitations: what a new wallet needs to join the circle, as one URI.

``walletsync://join/1#`` and, in Crockford's base32, canonical JSON: ``{"check": BASE32, "former": [BASE32], "root":
BASE32, "servers": [{"id", "url"}]}``. Whoever holds it can read and write everything.

``former`` names the circles that this one was rolled over from, as notes do (daemon.rotation.note), the last ones only,
and is left out where there are none: a wallet of one of these goes on with what it has, and begins with nothing in any
other circle. ``check`` is 4 bytes of BLAKE2b over root, servers and former circles. An invitation may be typed from
paper, and a root secret with a wrong character in it would be another, empty circle. One without it, as made before
there was one, is taken as it is.
White space anywhere in an invitation is left out.

Sealed with a passphrase it is ``{"argon2id": {"memory", "operations", "salt"}, "box"}`` instead, with the plain
one in the box: ``daemon.passphrase`` says how.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b

import msgspec

from daemon.passphrase import SealDamaged, Sealed, WrongPassphrase, new_key, open_sealed, seal
from daemon.secret import Secret
from ipc.base32 import Base32Error, decode, encode
from ipc.messages import InvitedServer

PREFIX = "walletsync://join/"
VERSION = PREFIX + "1#"
ROOT_BYTES = 32
CHECK_BYTES = 4
MOST_FORMER = 8
"""So many former circles an invitation names: it has to fit into a QR code that a telephone can read."""
LONGEST = 64 * 1024


class InvitationUnusable(ValueError):  # noqa: N818 - says how it stands
    """The invitation, or the passphrase for it, cannot be used. The message quotes neither."""


class Invitation(msgspec.Struct, frozen=True):
    """The circle's root secret, its servers, and the circles that it was rolled over from, oldest first."""

    root: Secret[bytes]
    servers: list[InvitedServer]
    former: list[str] = []


class _Plain(msgspec.Struct, omit_defaults=True):
    root: str
    servers: list[InvitedServer]
    check: str | None = None
    former: list[str] = []

    def __repr__(self) -> str:
        return f"_Plain(servers={self.servers!r})"


def write_invitation(invitation: Invitation, passphrase: str | None, ids: Callable[[int], bytes]) -> str:
    """Return the URI; sealed, if there is a passphrase, which takes a while."""
    root, former = invitation.root.reveal(), invitation.former[-MOST_FORMER:]
    content = _Plain(encode(root), invitation.servers, _check(root, invitation.servers, former), former)
    plain = msgspec.json.encode(content, order="sorted")
    if passphrase is None:
        return VERSION + encode(plain)
    sealed = seal(plain, new_key(passphrase, ids), ids)
    return VERSION + encode(msgspec.json.encode(sealed, order="sorted"))


def read_invitation(uri: str, passphrase: str | None) -> Invitation:
    """Read a URI. Raises InvitationUnusable. For a sealed one this takes a while."""
    plain = _parse(_payload(uri), passphrase)
    try:
        root = decode(plain.root, ROOT_BYTES)
    except Base32Error:
        raise _damaged() from None
    if plain.check is not None and plain.check != _check(root, plain.servers, plain.former):
        raise _damaged()
    return Invitation(Secret(root), plain.servers, plain.former)


def _check(root: bytes, servers: Sequence[InvitedServer], former: Sequence[str]) -> str:
    texts = [text for server in servers for text in (server.id, server.url)]
    parts = [root, *(text.encode() for text in (*texts, *former))]
    lengths_and_parts = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return encode(blake2b(lengths_and_parts, digest_size=CHECK_BYTES, person=b"wsync-invitation").digest())


def _payload(uri: str) -> bytes:
    uri = "".join(uri.split())
    if not uri.startswith(PREFIX):
        raise InvitationUnusable(f"that is no invitation: one begins with {VERSION}")
    if not uri.startswith(VERSION):
        raise InvitationUnusable("that invitation is of a version that this walletsync does not know: update it")
    try:
        return decode(uri[len(VERSION) : LONGEST])
    except Base32Error:
        raise _damaged() from None


def _parse(payload: bytes, passphrase: str | None) -> _Plain:
    try:
        content = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
        if "box" not in content:
            return msgspec.json.decode(payload, type=_Plain)
        if passphrase is None:
            raise InvitationUnusable("that invitation is sealed: it needs its passphrase")
        sealed = msgspec.json.decode(payload, type=Sealed)
        return msgspec.json.decode(open_sealed(sealed, passphrase)[0], type=_Plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, SealDamaged):
        raise _damaged() from None
    except WrongPassphrase:
        raise InvitationUnusable(
            "the passphrase is not the one that this invitation was sealed with, or it was changed since"
        ) from None


def _damaged() -> InvitationUnusable:
    return InvitationUnusable("that invitation is damaged: a part of it is missing or mistyped")
