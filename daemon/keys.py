"""The secrets of one wallet: its own key pair, and the circle's root secret once there is a circle.

They lie in one file of mode 0600 in the state folder, as canonical JSON: ``{"format": 1, "root": BASE32 or null,
"wallet": BASE32}``, both in Crockford's base32 of 32 bytes. It is replaced as a whole, never written in place.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from daemon.errors import SecretsError
from daemon.secret import Secret
from ipc.base32 import decode, encode

SECRET_BYTES = 32
_FORMAT = 1


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    root: str | None
    wallet: str


@dataclass(frozen=True)
class Secrets:
    """The wallet's seed, from which its key pairs are made, and the root secret of its circle, if it has one."""

    wallet: Secret[bytes]
    root: Secret[bytes] | None


def load_or_create(path: Path, ids: Callable[[int], bytes]) -> tuple[Secrets, bool]:
    """Read the secrets, or make those of a new wallet. Tell whether they were made. Raises SecretsError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        secrets = Secrets(Secret(ids(SECRET_BYTES)), None)
        save(path, secrets)
        return secrets, True
    except OSError as error:
        raise SecretsError(f"the secrets {path} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise SecretsError(f"the secrets {path} can be read by others: set their mode with chmod 600 {path}")
    return _read(path), False


def save(path: Path, secrets: Secrets) -> None:
    """Write the secrets whole and durably. Raises SecretsError, and then the file is as it was."""
    root = encode(secrets.root.reveal()) if secrets.root else None
    text = msgspec.json.encode(_File(_FORMAT, root, encode(secrets.wallet.reveal())), order="sorted")
    new = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise SecretsError(f"the secrets {path} cannot be written: {error.strerror}") from error


def _read(path: Path) -> Secrets:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
        if file.format != _FORMAT:
            raise SecretsError(f"the secrets {path} have the format {file.format}, this walletsync knows {_FORMAT}")
        root = Secret(decode(file.root, SECRET_BYTES)) if file.root else None
        return Secrets(Secret(decode(file.wallet, SECRET_BYTES)), root)
    except OSError as error:
        raise SecretsError(f"the secrets {path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError):
        raise SecretsError(f"the secrets {path} are damaged: put back a copy, or join the circle again") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
