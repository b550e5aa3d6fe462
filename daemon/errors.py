"""The faults that end the daemon or a request, named by what the reader should do about them.

::

    WalletsyncError            1   read the message: it says what was wrong and what would be right
    ├── ConfigurationError     5   correct the configuration file
    ├── SecretsError           5   put the secrets file back, or give the right passphrase
    ├── WalletUnfit            6   choose the profile that fits, or update walletsync or the wallet
    ├── HomeTaken              7   stop the other daemon, or use another home
    └── StateUnusable          1   keep a copy of the state, move it away, and join the circle again

The number is the exit code of a daemon that ends for this reason. The service manager does not restart on 5, 6 and 7,
since nothing changes there until a person acts.

What happens in the ordinary course of a sync (a server that is away, a conflict) is no error but a value: see
``daemon.server.base``. Exceptions of libraries are translated at the one place that calls the library.

A message is written for a person and may be logged and sent to frontends: it holds no secret and no entity's value.
"""
# ruff: noqa: N818 - the names state the case; "WalletUnfitError" would say no more

from typing import ClassVar


class WalletsyncError(Exception):
    """Something that a person has to know of; the message says what was wrong and what would be right."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(WalletsyncError):
    """The settings cannot be used: correct the configuration file."""

    exit_code = 5


class SecretsError(WalletsyncError):
    """The keys cannot be had: the secrets file is absent, damaged or readable by others, or the passphrase is wrong."""

    exit_code = 5


class WalletUnfit(WalletsyncError):
    """The wallet database does not fit its profile, or is no database: nothing in it was touched."""

    exit_code = 6


class HomeTaken(WalletsyncError):
    """Another daemon works in this home."""

    exit_code = 7


class WalletShared(WalletsyncError):
    """The daemon of another home works with this wallet database."""

    exit_code = 7


class StateUnusable(WalletsyncError):
    """Our own state database is damaged, or was written by a newer walletsync."""
