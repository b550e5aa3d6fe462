"""Looks for secrets in what daemons and tests put out: as they are, and in every way in which they could be written.

What is looked for is known: the bytes of every secret that a test's homes hold, the keys made from them, and every
``Secret`` that a test itself makes. What is looked at: logs, standard output and error, and what went over sockets.
"""

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from daemon.blob.keys import server_keys
from ipc.base32 import decode, encode

SHORTEST = 16
"""Bytes that a secret has at least: anything shorter would be found everywhere."""


def spellings(secret: bytes) -> Iterator[bytes]:
    """Yield the ways in which bytes could be written."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield encode(secret).encode()
    yield encode(secret).lower().encode()
    yield base64.b32encode(secret).rstrip(b"=")
    yield base64.b64encode(secret).rstrip(b"=")
    yield base64.urlsafe_b64encode(secret).rstrip(b"=")
    yield repr(secret)[2:-1].encode()


def spilled(secrets: Iterable[bytes], text: bytes) -> list[bytes]:
    """Return the secrets that a text holds."""
    long_enough = {secret for secret in secrets if len(secret) >= SHORTEST and len(set(secret)) > 4}
    return [secret for secret in long_enough if any(spelling in text for spelling in spellings(secret))]


def secrets_of_home(state_folder: Path) -> set[bytes]:
    """Return the secrets of a home: seed, root, and the keys of every enrolled server's account."""
    file = state_folder / "secrets.json"
    if not file.exists() or "wallet" not in json.loads(file.read_bytes()):  # sealed with a passphrase
        return set()
    held = {decode(text, 32) for name, text in json.loads(file.read_bytes()).items() if name != "format" and text}
    root = json.loads(file.read_bytes()).get("root")
    for identity in _identities(state_folder / "state.db") if root else ():
        keys = server_keys(decode(root, 32), identity)
        held |= {keys.account.seed, keys.blob_key}
    return held


def _identities(database: Path) -> list[str]:
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as state:
        return [identity for (identity,) in state.execute("SELECT identity FROM server")]


class Scan:
    """Gathers the secrets of one test and what was put out meanwhile, and compares the two."""

    def __init__(self) -> None:
        self.secrets: set[bytes] = set()
        self.traffic: list[bytes] = []

    def begin(self) -> None:
        """Forget what was before."""
        self.secrets.clear()
        self.traffic.clear()

    def of_home(self, state_folder: Path, log: bytes) -> None:
        """Look through a daemon's whole log, and what went to and from it. Raises AssertionError."""
        self.secrets |= secrets_of_home(state_folder)
        self.look("a daemon's log", log)
        self.look("what went over sockets", b"\n".join(self.traffic))

    def look(self, where: str, text: bytes) -> None:
        """Look through a text. Raises AssertionError that tells no secret."""
        found = spilled(self.secrets, text)
        assert not found, f"{len(found)} of {len(self.secrets)} secrets are in {where}"


SCAN = Scan()
