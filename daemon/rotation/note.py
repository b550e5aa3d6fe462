"""The note that an account has moved: who has made a new root secret, for whom, and who is left out.

The document of a blob of kind "moved" is a note: two lines, each ended by a line break.

1. The statement, one JSON object: ``circle`` (the circle that is left: 16 bytes of BLAKE2b keyed with its root secret,
   personal string "wsync-circle-v1"), ``format`` ("walletsync-moved/1.0"), ``kept`` and ``left_out`` (the wallets by
   id), ``signer`` (a wallet id), ``time`` (the Lamport time at which it was made). A wallet is an object with the
   ``nickname`` that the signer knew it by; a kept one also has its ``box``: the new root secret in libsodium's sealed
   box for the X25519 key made from the wallet's id.
2. One JSON object: ``signature``, Ed25519 with the signer's wallet key over "walletsync moved note 1", a zero byte and
   the bytes of the first line without its break. So nothing has to be written anew to check it, and members that a
   newer version adds are covered too.

All bytes are Crockford's base32. A note's **id** is 16 bytes of BLAKE2b over the statement, personal string
"wsync-note-v1"; its **code**, by which people compare what two devices show, is the first 8 characters of that id. Its
**rank** is (time, signer): of two notes that leave the same circle the one of smaller rank holds.

Whoever knows the old root secret can write notes, also such as name a wallet that it made up. The signature says which
wallet wrote it, and no more; that this wallet is who a person thinks it is, the code says. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, BinaryIO, NamedTuple

import msgspec
from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey

from daemon.blob.errors import BlobUnreadable, Reason, malformed
from daemon.blob.keys import SECRET_BYTES, ServerKeys
from daemon.blob.limits import Limits
from daemon.blob.seal import Context, open_sealed, seal
from daemon.secret import Secret
from ipc.base32 import Base32Error, decode, encode

MOST_BYTES = 2**20  # of a note: some thousands of wallets
NOT_AFTER = 2**62  # as for the times of a blob

_FORMAT = "walletsync-moved/1.0"
_MAJOR = re.compile(r"walletsync-moved/([0-9]{1,9})\.[0-9]{1,9}")
_CIRCLE_PERSON = b"wsync-circle-v1"
_NOTE_PERSON = b"wsync-note-v1"
_SIGNED = b"walletsync moved note 1\0"
_ID_BYTES = 16
_WALLET_ID_BYTES = 32
_CODE_LENGTH = 8


class LeftOut(msgspec.Struct, frozen=True):
    """A wallet that is left out, by the nickname that the signer knew."""

    nickname: str


class Kept(msgspec.Struct, frozen=True):
    """A wallet that is kept, and the new root secret sealed to it."""

    nickname: str
    box: str


class Statement(msgspec.Struct, frozen=True):
    """What the signer says."""

    circle: str
    format: str
    kept: dict[str, Kept]
    left_out: dict[str, LeftOut]
    signer: str
    time: Annotated[int, msgspec.Meta(ge=1, le=NOT_AFTER)]


class _Signature(msgspec.Struct):
    signature: str


class Rank(NamedTuple):
    """What decides between two notes that leave the same circle: the smaller one holds."""

    time: int
    signer: str


@dataclass(frozen=True)
class Note:
    """A note as it was read or written. ``signed``: the wallet that it names as its signer has signed it."""

    text: bytes
    statement: Statement
    id: str
    signed: bool

    @property
    def rank(self) -> Rank:
        """What decides between this note and another."""
        return Rank(self.statement.time, self.statement.signer)

    @property
    def circle(self) -> str:
        """The circle that is left."""
        return self.statement.circle

    @property
    def code(self) -> str:
        """The characters that people compare."""
        return f"{self.id[:4]}-{self.id[4:_CODE_LENGTH]}"

    def nickname(self, wallet_id: str) -> str | None:
        """Return what the signer calls a wallet that is kept or left out."""
        named = self.statement.kept.get(wallet_id) or self.statement.left_out.get(wallet_id)
        return named.nickname if named else None


def circle_of(root: Secret[bytes]) -> str:
    """Return what a note calls the circle of this root secret."""
    digest = blake2b(b"", key=root.reveal(), digest_size=_ID_BYTES, person=_CIRCLE_PERSON).digest()
    return encode(digest)


def write_note(
    *,
    root: Secret[bytes],
    new_root: Secret[bytes],
    wallet_seed: Secret[bytes],
    kept: Mapping[str, str],
    left_out: Mapping[str, str],
    time: int,
) -> Note:
    """Write and sign a note. ``kept`` and ``left_out`` are nicknames by wallet id; the signer is one of the kept.

    No two calls write the same bytes. Raises ValueError for a wallet id that is no key.
    """
    key = SigningKey(wallet_seed.reveal())
    signer = encode(bytes(key.verify_key))
    assert signer in kept
    statement = Statement(
        circle=circle_of(root),
        format=_FORMAT,
        kept={wallet: Kept(nickname, _sealed_to(wallet, new_root)) for wallet, nickname in kept.items()},
        left_out={wallet: LeftOut(nickname) for wallet, nickname in left_out.items()},
        signer=signer,
        time=time,
    )
    first = msgspec.json.encode(statement, order="sorted")
    second = msgspec.json.encode(_Signature(encode(key.sign(_SIGNED + first).signature)))
    return Note(b"%b\n%b\n" % (first, second), statement, _id_of(first), signed=True)


def read_note(text: bytes) -> Note:
    """Read a note, and look whether it is signed. Raises BlobUnreadable."""
    lines = text.split(b"\n")
    if len(lines) != 3 or lines[2]:
        raise malformed("a note that the account has moved is two lines")
    first, second = lines[:2]
    try:
        _check_version(msgspec.json.decode(first, type=dict[str, msgspec.Raw]).get("format"))
        statement = msgspec.json.decode(first, type=Statement)
        signature = decode(msgspec.json.decode(second, type=_Signature).signature, bindings.crypto_sign_BYTES)
        keys = {wallet: _key_of(wallet) for wallet in (statement.signer, *statement.kept, *statement.left_out)}
        decode(statement.circle, _ID_BYTES)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Base32Error):
        raise malformed("what it says of the account's having moved is not of the format") from None
    return Note(text, statement, _id_of(first), _is_signed(first, signature, keys[statement.signer]))


def open_box(note: Note, wallet_seed: Secret[bytes]) -> Secret[bytes] | None:
    """Return the new root secret, or ``None`` where there is none in the note that this wallet can open."""
    key = SigningKey(wallet_seed.reveal())
    kept = note.statement.kept.get(encode(bytes(key.verify_key)))
    if kept is None:
        return None
    private_key: PrivateKey = key.to_curve25519_private_key()
    try:
        root = SealedBox(private_key).decrypt(decode(kept.box))
    except (CryptoError, Base32Error):
        return None
    return Secret(root) if len(root) == SECRET_BYTES else None


def seal_note(note: Note, keys: ServerKeys, identity: str, sink: BinaryIO) -> int:
    """Write the note as a sealed blob of this account, and return its size in bytes."""
    return seal([note.text], keys.blob_key, _context(keys, identity), sink)


def open_note(source: BinaryIO, keys: ServerKeys, identity: str) -> Note:
    """Read the note of a sealed blob of kind "moved". Raises BlobUnreadable."""
    limits = Limits(sealed_bytes=2 * MOST_BYTES, plain_bytes=MOST_BYTES)
    return read_note(b"".join(open_sealed(source, keys.blob_key, _context(keys, identity), limits)))


def _context(keys: ServerKeys, identity: str) -> Context:
    return Context("moved", keys.account.public_key, identity)


def _sealed_to(wallet_id: str, root: Secret[bytes]) -> str:
    try:
        public_key = bindings.crypto_sign_ed25519_pk_to_curve25519(_key_of(wallet_id))
    except (Base32Error, CryptoError) as error:
        raise ValueError(f"the wallet id {wallet_id} is no key") from error
    return encode(SealedBox(PublicKey(public_key)).encrypt(root.reveal()))


def _key_of(wallet_id: str) -> bytes:
    """Return the key that a wallet id is. Raises Base32Error; a second spelling of the same key is none."""
    key = decode(wallet_id, _WALLET_ID_BYTES)
    if encode(key) != wallet_id:
        raise Base32Error("a wallet id is written in capitals, and in one way only")
    return key


def _is_signed(first: bytes, signature: bytes, key: bytes) -> bool:
    try:
        VerifyKey(key).verify(_SIGNED + first, signature)
    except CryptoError:
        return False
    return True


def _id_of(first: bytes) -> str:
    return encode(blake2b(first, digest_size=_ID_BYTES, person=_NOTE_PERSON).digest())


def _check_version(told: msgspec.Raw | None) -> None:
    """Tell a note of a later version from one that is none. Raises BlobUnreadable."""
    match = _MAJOR.fullmatch(msgspec.json.decode(told, type=str)) if told is not None else None
    if match is None:
        raise malformed("what it says of the account's having moved names no format")
    if int(match[1]) != 1:
        raise BlobUnreadable(
            Reason.NEWER, f"the note that the account has moved is of format version {match[1]}: update this program"
        )
