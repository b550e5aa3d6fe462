"""Copying and replacing a device's wallet database, as programs for backups do."""

import sqlite3
from contextlib import closing
from pathlib import Path

from support.processes import Device, open_wallet


def copy_wallet(device: Device, name: str) -> Path:
    """Make a copy as a backup program would, with the -wal file's content."""
    copy = device.folder / name
    with closing(open_wallet(device.wallet)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def replace_wallet(device: Device, new: Path) -> None:
    """Put another file in the wallet's place, as a restore does."""
    for suffix in ("-wal", "-shm"):
        device.wallet.with_name(device.wallet.name + suffix).unlink(missing_ok=True)
    new.rename(device.wallet)
