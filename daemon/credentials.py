"""What only a person or the service manager can give: the secrets as a credential, and the passphrase they need.

systemd puts credentials (LoadCredential=, LoadCredentialEncrypted=, SetCredential=) into a folder of memory that only
the service sees, and names it in CREDENTIALS_DIRECTORY. Two are ours:

    walletsync-secrets      what would else be secrets.json
    walletsync-passphrase   the passphrase with which either is sealed; one line break at its end is left out

Where there is no such credential, the passphrase is asked for on the terminal. It is never taken from an argument or
a variable, which others can see.
"""

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from daemon import keys
from daemon.errors import SecretsError
from daemon.secret import Secret

FOLDER_VARIABLE = "CREDENTIALS_DIRECTORY"
SECRETS = "walletsync-secrets"
PASSPHRASE = "walletsync-passphrase"  # noqa: S105 - the name of a credential


def secrets_credential(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the credential that holds the secrets, if there is one."""
    return _credential(SECRETS, environment)


def find_passphrase(secrets: Path, environment: Mapping[str, str] = os.environ) -> Secret[str] | None:
    """Return the passphrase that the secrets at this path need; ``None`` if they need none.

    It may be asked for on the terminal, which waits for a person. Raises SecretsError where there is none to ask.
    """
    if not keys.is_sealed(secrets):
        return None
    credential = _credential(PASSPHRASE, environment)
    if credential is not None:
        return Secret(_read(credential))
    if not sys.stdin.isatty():
        raise SecretsError(
            f"the secrets {secrets} are sealed, and there is no terminal to ask for their passphrase on: start"
            f" walletsyncd in one, or give it the credential {PASSPHRASE} (docs/service.md)"
        )
    return Secret(getpass.getpass(f"Passphrase of {secrets} (it is not shown): "))


def _credential(name: str, environment: Mapping[str, str]) -> Path | None:
    folder = environment.get(FOLDER_VARIABLE)
    path = Path(folder) / name if folder else None
    return path if path is not None and path.exists() else None


def _read(credential: Path) -> str:
    try:
        return credential.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SecretsError(f"the credential {credential.name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SecretsError(f"the credential {credential.name} is no text in UTF-8") from None
