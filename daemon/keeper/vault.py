"""The vault: what the state database keeps that is a secret, sealed with a key made from the wallet's own seed.

That are deleted values, and the keys of accounts that were left while something is still to be done there.

BLAKE2b keyed with the seed, personal string "wsync-history-v1", makes the key; libsodium's secretbox seals each value.
"""

import hashlib
from collections.abc import Callable

from nacl.secret import SecretBox

from daemon.secret import Secret

_PERSON = b"wsync-history-v1"


class Vault:
    """Seals and opens kept values. ``ids`` makes the nonces."""

    def __init__(self, wallet_seed: Secret[bytes], ids: Callable[[int], bytes]) -> None:
        key = hashlib.blake2b(b"", key=wallet_seed.reveal(), digest_size=SecretBox.KEY_SIZE, person=_PERSON).digest()
        self._box = SecretBox(key)
        self._ids = ids

    def seal(self, value: bytes) -> bytes:
        """Seal a value."""
        return bytes(self._box.encrypt(value, self._ids(SecretBox.NONCE_SIZE)))

    def open(self, sealed: bytes) -> bytes:
        """Open what was sealed here. Raises nacl.exceptions.CryptoError if it was changed, or by another wallet."""
        return self._box.decrypt(sealed)
