"""Keys: what is derived from the circle's root secret for each server, and each wallet's own pairs.

Per server, by BLAKE2b keyed with the root secret over the server's identity (UTF-8), 32 bytes each:

    account seed   personal string "wsync-account-v1"   seed of the Ed25519 pair under which the server keeps the blob
    blob key       personal string "wsync-blobkey-v1"   key of the sealed blob

So two servers cannot tell that two accounts belong to one person, no server's key says anything of another's, and
accounts never collide with those of other software, which derives its own in other ways.

A wallet has an Ed25519 pair, which signs and whose public key is its id, and the X25519 pair made from it, to which
others seal what is meant for this wallet alone.
"""

from dataclasses import dataclass
from hashlib import blake2b

from nacl import bindings

from daemon.server.base import Account
from ipc import base32

SECRET_BYTES = 32

_ACCOUNT_PERSON = b"wsync-account-v1"
_BLOB_PERSON = b"wsync-blobkey-v1"


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What one circle uses with one server."""

    account: Account
    blob_key: bytes

    def __repr__(self) -> str:
        return "ServerKeys(...)"


@dataclass(frozen=True, slots=True)
class WalletKeys:
    """A wallet's own keys: the Ed25519 seed and public key, the id made of that, and the X25519 public key."""

    seed: bytes
    public_key: bytes
    id: str
    sealing_key: bytes

    def __repr__(self) -> str:
        return f"WalletKeys({self.id})"


def server_keys(root: bytes, identity: str) -> ServerKeys:
    """Derive the keys for the server of this identity from the circle's root secret (32 bytes)."""
    _check_secret(root, "the root secret")
    if not identity:
        raise ValueError("a server's identity is not empty")
    return keys_from(_derived(root, identity, _ACCOUNT_PERSON), _derived(root, identity, _BLOB_PERSON))


def keys_from(account_seed: bytes, blob_key: bytes) -> ServerKeys:
    """Return the keys that were derived before (32 bytes each)."""
    _check_secret(account_seed, "an account's seed")
    _check_secret(blob_key, "a blob key")
    public_key, _ = bindings.crypto_sign_seed_keypair(account_seed)
    return ServerKeys(Account(account_seed, public_key), blob_key)


def wallet_keys(seed: bytes) -> WalletKeys:
    """Make a wallet's keys from its Ed25519 seed (32 random bytes)."""
    _check_secret(seed, "a wallet's seed")
    public_key, _ = bindings.crypto_sign_seed_keypair(seed)
    sealing_key = bindings.crypto_sign_ed25519_pk_to_curve25519(public_key)
    return WalletKeys(seed, public_key, base32.encode(public_key), sealing_key)


def _derived(root: bytes, identity: str, person: bytes) -> bytes:
    return blake2b(identity.encode(), key=root, digest_size=SECRET_BYTES, person=person).digest()


def _check_secret(secret: bytes, name: str) -> None:
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"{name} has {SECRET_BYTES} bytes, not {len(secret)}")
