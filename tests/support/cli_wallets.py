"""Made-up Taler wallets in real databases, for the tests of the demo."""

import sqlite3
from contextlib import closing
from pathlib import Path

from config.profile import Profile, load_profile
from ipc.cli.demo.plausible.wallet import counts_of, write_wallet
from ipc.cli.demo.plausible.world import World
from ipc.cli.newwallet import create_wallet_database

NOW = 1_790_000_000
TALER: Profile = load_profile("taler")


def world(seed: str = "desktop", entities: int = 200) -> World:
    """Return a made-up wallet."""
    return World(seed, counts_of(entities), NOW)


def database(path: Path, contents: World | None) -> "closing[sqlite3.Connection]":
    """Make a wallet database with these contents, and open it with foreign keys enforced."""
    create_wallet_database(path, "taler")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = on")
    if contents is not None:
        write_wallet(connection, contents)
    return closing(connection)
