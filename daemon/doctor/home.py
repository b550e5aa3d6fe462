"""Looks at a home's files: configuration, secrets, permissions, sockets."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from config.errors import ConfigError
from config.load import load_settings
from config.model import Settings
from config.paths import Paths, check_socket_paths, claims_folder
from daemon import keys
from daemon.blob.keys import wallet_keys
from daemon.doctor.databases import other_users_daemon
from daemon.doctor.finding import Finding
from daemon.errors import SecretsError
from daemon.wallet.claim import other_holder
from ipc import BlockingClient, IpcError, NotRunning

_FOR_OTHERS = 0o077
_WRITABLE_FOR_OTHERS = 0o022


def configuration_finding(paths: Paths) -> tuple[Finding, Settings | None]:
    """Tell whether the configuration can be used."""
    try:
        settings = load_settings(paths.config_file)
    except ConfigError as error:
        return Finding(
            "configuration", "bad", str(error), "Correct it; config/example.toml explains each setting."
        ), None
    return Finding("configuration", "ok", f"{paths.config_file} can be used"), settings


def file_findings(paths: Paths) -> Iterator[Finding]:
    """Tell what is amiss with the places of a home's files, and who may use them."""
    try:
        check_socket_paths(paths)
    except ConfigError as error:
        yield Finding("paths", "bad", str(error), "Choose a home with a shorter path.")
    amiss = [
        *_amiss(paths.state_folder, _FOR_OTHERS, "chmod 700"),
        *_amiss(paths.config_file, _WRITABLE_FOR_OTHERS, "chmod 600"),
        *_amiss(paths.run_folder, _FOR_OTHERS, "chmod 700"),
    ]
    yield from amiss
    if not amiss:
        yield Finding("permissions", "ok", "only this user can read and change what is kept")


def secrets_finding(paths: Paths) -> Finding:
    """Tell whether the keys can be had. They are read and checked, and shown to nobody."""
    if not paths.secrets.exists():
        advice = "The daemon's first start makes it, unless it is given the keys as a credential."
        return Finding("secrets", "warning", f"there is no {paths.secrets}", advice)
    try:
        if keys.is_sealed(paths.secrets):
            return Finding("secrets", "ok", f"{paths.secrets} is sealed with a passphrase, and was not opened")
        held, _ = keys.load_or_create(paths.secrets, _make_none)
        wallet_id = wallet_keys(held.wallet.reveal()).id
    except SecretsError as error:
        return Finding("secrets", "bad", str(error), "Put the file back from a backup; without it, join again.")
    circle = "in a circle" if held.root else "in no circle yet"
    return Finding("secrets", "ok", f"the keys of wallet {wallet_id} can be read; it is {circle}")


def claim_findings(wallet: Path, paths: Paths) -> Iterator[Finding]:
    """Tell whether the daemon of another home, or of another user, works with the wallet database."""
    try:
        status = wallet.stat()
    except OSError:
        return
    home = paths.home or paths.config_file.parent
    file = status.st_dev, status.st_ino
    other = other_holder(claims_folder(), home, file) or other_users_daemon(wallet, file)
    if other is not None:
        message = f"the daemon of {other} keeps {wallet} in step already"
        yield Finding(
            "wallet", "bad", message, "Stop that daemon, or name another wallet in this home's configuration."
        )


def daemon_finding(paths: Paths) -> Finding:
    """Tell whether a daemon answers."""
    try:
        with BlockingClient(paths.control_socket) as client:
            hello = client.hello()
    except NotRunning:
        return Finding(
            "daemon", "warning", "no daemon runs for this home", "Start it: systemctl --user start walletsyncd"
        )
    except IpcError as error:
        remedy = "If it was started just now, give it time; else look at its log, and restart it."
        return Finding("daemon", "bad", f"a daemon runs but does not answer: {error}", remedy)
    return Finding("daemon", "ok", f"version {hello.version} answers, process {hello.pid}")


def _amiss(path: Path, too_much: int, remedy: str) -> Iterator[Finding]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        yield Finding("permissions", "bad", f"{path} cannot be looked at: {error.strerror}", "Give it to this user.")
        return
    if status.st_uid != os.getuid():
        yield Finding("permissions", "bad", f"{path} belongs to another user", f"chown {os.getuid()} {path}")
    elif stat.S_IMODE(status.st_mode) & too_much:
        message = f"{path} is open to others (mode {stat.S_IMODE(status.st_mode):o})"
        yield Finding("permissions", "warning", message, f"{remedy} {path}")


def _make_none(_size: int) -> bytes:
    raise SecretsError("the secrets went away while they were looked at")
