"""What is sealed with a passphrase: an invitation, or the secrets of a wallet where they lie.

``{"argon2id": {"memory", "operations", "salt"}, "box"}``: the box is libsodium's secretbox, under a key made from the
passphrase (UTF-8) by Argon2id (RFC 9106) with 256 MiB of memory and 3 passes, which is what one guess costs. Salt and
box are Crockford's base32, memory is in bytes. What asks for more than 1 GiB or 10 passes is not opened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from nacl import pwhash, secret
from nacl.exceptions import CryptoError

from daemon.secret import Secret
from ipc.base32 import Base32Error, decode, encode

MOST_MEMORY = 2**30
MOST_OPERATIONS = 10


class SealDamaged(ValueError):  # noqa: N818 - says how it stands
    """What is said to be sealed is none, whatever the passphrase."""


class WrongPassphrase(ValueError):  # noqa: N818 - says how it stands
    """The passphrase does not open it: it is another one, or what is sealed was changed."""


class Cost(msgspec.Struct, frozen=True):
    """What a guess costs: memory in bytes, passes, and the salt."""

    memory: Annotated[int, msgspec.Meta(ge=pwhash.argon2id.MEMLIMIT_MIN, le=MOST_MEMORY)]
    operations: Annotated[int, msgspec.Meta(ge=1, le=MOST_OPERATIONS)]
    salt: str


class Sealed(msgspec.Struct, frozen=True):
    """Something sealed with a passphrase, as it is written."""

    argon2id: Cost
    box: str


@dataclass(frozen=True)
class PassphraseKey:
    """The key made from a passphrase, with which something can be sealed anew without asking for it again."""

    cost: Cost
    key: Secret[bytes]


def new_key(passphrase: str, ids: Callable[[int], bytes]) -> PassphraseKey:
    """Make a key from a passphrase, under a new salt. Takes a while."""
    salt = ids(pwhash.argon2id.SALTBYTES)
    cost = Cost(pwhash.argon2id.MEMLIMIT_MODERATE, pwhash.argon2id.OPSLIMIT_MODERATE, encode(salt))
    return PassphraseKey(cost, _key(passphrase, cost))


def seal(plain: bytes, key: PassphraseKey, ids: Callable[[int], bytes]) -> Sealed:
    """Seal bytes, under a new nonce."""
    box = secret.SecretBox(key.key.reveal()).encrypt(plain, ids(secret.SecretBox.NONCE_SIZE))
    return Sealed(key.cost, encode(bytes(box)))


def open_sealed(sealed: Sealed, passphrase: str) -> tuple[bytes, PassphraseKey]:
    """Open what is sealed, and return its key too. Takes a while. Raises SealDamaged, WrongPassphrase."""
    try:
        key, box = PassphraseKey(sealed.argon2id, _key(passphrase, sealed.argon2id)), decode(sealed.box)
    except Base32Error as error:
        raise SealDamaged(str(error)) from None
    try:
        return secret.SecretBox(key.key.reveal()).decrypt(box), key
    except (CryptoError, ValueError):
        raise WrongPassphrase("the passphrase is wrong, or what it seals was changed") from None


def _key(passphrase: str, cost: Cost) -> Secret[bytes]:
    salt = decode(cost.salt, pwhash.argon2id.SALTBYTES)
    text = passphrase.encode(errors="surrogatepass")
    return Secret(
        pwhash.argon2id.kdf(secret.SecretBox.KEY_SIZE, text, salt, opslimit=cost.operations, memlimit=cost.memory)
    )
