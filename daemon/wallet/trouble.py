"""What can be the matter with a wallet database, and how SQLite's own words for it are read."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

WalletState = Literal["ok", "absent", "locked", "unfit", "readonly"]


class WalletTrouble(Exception):  # noqa: N818 - named after what is the matter, as sqlite3's own are not
    """The wallet database cannot be used now: its state, and one sentence of why."""

    def __init__(self, state: WalletState, reason: str) -> None:
        super().__init__(reason)
        self.state: WalletState = state
        self.reason = reason


class WalletTaken(WalletTrouble):
    """The daemon of another home works with this wallet database."""

    def __init__(self, path: Path, home: str) -> None:
        super().__init__(
            "locked",
            f"the daemon of {home} keeps {path} in step already, and two of them would undo each other's work:"
            " stop that one, or name another wallet in this home's configuration",
        )


@contextlib.contextmanager
def translated(path: Path, lock_wait: float) -> Iterator[None]:
    """Turn what SQLite says of the whole database into WalletTrouble. What it says of a row passes."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        raise WalletTrouble(*_trouble(path, error, lock_wait)) from error


def _trouble(path: Path, error: sqlite3.DatabaseError, lock_wait: float) -> tuple[WalletState, str]:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "locked", f"{path} stayed locked by the wallet for {lock_wait:g} s; it is tried again"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        writable = os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)
        hint = "" if writable else f": this user must be allowed to write {path} and its folder"
        return "readonly", f"{path} cannot be written ({error}){hint}"
    if name.startswith("SQLITE_FULL"):
        return "readonly", f"{path} cannot be written: the disk is full"
    return "unfit", f"{path} cannot be used as a wallet database: {error}"
