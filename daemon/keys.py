"""The secrets of one wallet: its own key pair, and the circle's root secret once there is a circle.

They are canonical JSON: ``{"format": 1, "root": BASE32 or null, "wallet": BASE32}``, both in Crockford's base32 of 32
bytes. Sealed with a passphrase they are ``{"argon2id": ..., "box": ..., "format": 1}`` instead, with the former in the
box: ``daemon.passphrase`` says how.

They lie in one file of mode 0600 in the state folder, which is replaced as a whole, never written in place. Or the
service manager hands them over as a credential. That cannot be written, so whatever needs other secrets (to make a
circle, to join or leave one, to roll the keys over, to seal them) is refused then.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from daemon.errors import SecretsError
from daemon.passphrase import PassphraseKey, SealDamaged, Sealed, WrongPassphrase, open_sealed, seal
from daemon.secret import Secret
from ipc.base32 import decode, encode

SECRET_BYTES = 32
_FORMAT = 1


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    root: str | None
    wallet: str

    def __repr__(self) -> str:
        return f"_File(format={self.format})"


class _SealedFile(Sealed, frozen=True, forbid_unknown_fields=True):
    format: int


@dataclass(frozen=True)
class Secrets:
    """The wallet's seed, from which its key pairs are made, and the root secret of its circle, if it has one.

    ``key`` is that of the passphrase with which they are sealed where they lie, if they are. ``fixed`` ones come from
    a credential.
    """

    wallet: Secret[bytes]
    root: Secret[bytes] | None
    key: PassphraseKey | None
    fixed: bool = False

    def check_changeable(self) -> None:
        """Raise SecretsError where they come from a credential."""
        if self.fixed:
            raise SecretsError(
                "this needs other secrets, and they come from a credential, which cannot be changed here:"
                " docs/service.md says how to take them back into the state folder"
            )

    def with_root(self, root: Secret[bytes] | None) -> "Secrets":
        """Return the same with another root secret, or without one."""
        return replace(self, root=root)


def load_or_create(
    path: Path,
    ids: Callable[[int], bytes],
    *,
    passphrase: Secret[str] | None = None,
    credential: Path | None = None,
) -> tuple[Secrets, bool]:
    """Read the secrets, or make those of a new wallet. Tell whether they were made. Raises SecretsError.

    Where there is a ``credential``, they come from that, and there must be no file. Sealed ones need the passphrase,
    and take a while.
    """
    if credential is not None:
        if path.exists():
            raise SecretsError(
                f"there are secrets in {path} and in the credential {credential.name}: remove one of the two, after"
                " making sure that the other is the later one"
            )
        return replace(_read(credential, passphrase), fixed=True), False
    try:
        status = path.stat()
    except FileNotFoundError:
        secrets = Secrets(Secret(ids(SECRET_BYTES)), None, None)
        save(path, secrets, ids)
        return secrets, True
    except OSError as error:
        raise SecretsError(f"the secrets {path} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise SecretsError(f"the secrets {path} can be read by others: set their mode with chmod 600 {path}")
    return _read(path, passphrase), False


def is_sealed(path: Path) -> bool:
    """Tell whether the secrets need a passphrase. What cannot be read or understood needs none."""
    try:
        return isinstance(_content(path.read_bytes()), _SealedFile)
    except (OSError, ValueError, SecretsError):
        return False


def save(path: Path, secrets: Secrets, ids: Callable[[int], bytes]) -> None:
    """Write the secrets whole and durably, sealed if they are. Raises SecretsError: then the file is as it was."""
    secrets.check_changeable()
    new = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_text(secrets, ids) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise SecretsError(f"the secrets {path} cannot be written: {error.strerror}") from error


def _text(secrets: Secrets, ids: Callable[[int], bytes]) -> bytes:
    root = encode(secrets.root.reveal()) if secrets.root else None
    plain = msgspec.json.encode(_File(_FORMAT, root, encode(secrets.wallet.reveal())), order="sorted")
    if secrets.key is None:
        return plain
    sealed = seal(plain, secrets.key, ids)
    return msgspec.json.encode(_SealedFile(sealed.argon2id, sealed.box, _FORMAT), order="sorted")


def _read(path: Path, passphrase: Secret[str] | None) -> Secrets:
    try:
        content, key = _content(path.read_bytes()), None
        if isinstance(content, _SealedFile):
            if passphrase is None:
                raise SecretsError(f"the secrets {path} are sealed: they need their passphrase")
            plain, key = open_sealed(content, passphrase.reveal())
            content = msgspec.json.decode(plain, type=_File)
        root = Secret(decode(content.root, SECRET_BYTES)) if content.root else None
        return Secrets(Secret(decode(content.wallet, SECRET_BYTES)), root, key)
    except OSError as error:
        raise SecretsError(f"the secrets {path} cannot be read: {error.strerror}") from error
    except WrongPassphrase:
        raise SecretsError(f"the passphrase is not the one that the secrets {path} were sealed with") from None
    except (msgspec.DecodeError, SealDamaged, ValueError):
        raise SecretsError(f"the secrets {path} are damaged: put back a copy, or join the circle again") from None


def _content(text: bytes) -> _File | _SealedFile:
    """Take the secrets apart. Raises SecretsError for another format, ValueError for what is damaged."""
    form = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    version = msgspec.json.decode(form.get("format", msgspec.Raw(b"0")), type=int)
    if version > _FORMAT:
        raise SecretsError(f"the secrets have the format {version}, this walletsync knows {_FORMAT}: update it")
    if "box" in form:
        return msgspec.json.decode(text, type=_SealedFile)
    return msgspec.json.decode(text, type=_File)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
