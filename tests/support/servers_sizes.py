"""How large sealed wallets are: ``PYTHONPATH=tests python -m support.servers_sizes 10000 40000 ...`` (entities).

For each number of entities a plausible wallet is made, captured and sealed, as it would be for a server.
"""

import io
import random
import sqlite3
import sys
import tempfile
from pathlib import Path

from config.profile import load_profile, reference_schema
from daemon.blob.keys import server_keys
from daemon.blob.limits import Limits
from daemon.keeper.answer import NoBlobThere
from daemon.keeper.keeper import Keeper
from daemon.keeper.stamping import Identity
from daemon.keeper.store import Store
from daemon.keeper.vault import Vault
from daemon.secret import Secret
from daemon.state.database import StateDatabase
from daemon.surroundings import Surroundings
from daemon.wallet.guest import Guest
from daemon.worker import inline
from ipc.cli.demo.plausible.wallet import counts_of, write_wallet
from ipc.cli.demo.plausible.world import World

NOW = 1_800_000_000
URL = "https://sync.example.org/"
ROOM = 16 * 2**20 - 1


def sealed_bytes(folder: Path, entities: int) -> int:
    """Return the size of the blob of a wallet of so many entities."""
    with sqlite3.connect(folder / "wallet.db") as wallet:
        wallet.executescript(reference_schema("taler") or "")
        write_wallet(wallet, World("sizes", counts_of(entities), NOW))
    wallet.close()
    chance = random.Random(entities)
    surroundings = Surroundings(inline, lambda: float(NOW), chance, chance.randbytes)
    guest = Guest(folder / "wallet.db", load_profile("taler"), (), use_triggers=True)
    vault = Vault(Secret(bytes(32)), chance.randbytes)
    store = Store(StateDatabase(folder / "state.db"), guest, surroundings, Identity("ID", "SEALING", "phone"), vault)
    keeper = Keeper(store, Limits())
    store.servers.enroll(URL, URL, None)
    keeper.take_in(URL, NoBlobThere())
    size = keeper.seal_blob(URL, server_keys(bytes(32), URL), io.BytesIO()).sealed_bytes
    keeper.close()
    return size


def main(arguments: list[str]) -> None:
    """Print a line for each number of entities."""
    for entities in map(int, arguments):
        with tempfile.TemporaryDirectory() as folder:
            size = sealed_bytes(Path(folder), entities)
        share = f"{size / ROOM:6.1%} of what a usual Taler server takes"
        print(f"{entities:>9,} entities: {size:>12,} bytes sealed, {size / entities:5.0f} each, {share}")  # noqa: T201 - a report


if __name__ == "__main__":
    main(sys.argv[1:])
