"""Real daemons, each a process of its own with real sockets beside a wallet of plausible data."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import trio

from bench.devices import change_coins, make_wallet
from config.paths import HOME_VARIABLE, home_paths
from ipc import BlockingClient, Client, IpcError
from ipc.cli.following import follow

MEMORY = Path("/dev/shm")  # noqa: S108 - where disks do not disturb
PATIENCE = 3600.0
"""Seconds until something that must happen has happened, with a million entities on a busy machine."""
_POLL = 0.02


class Home:
    """A wallet database and the home of its daemon. A change is synced without delay; nothing is synced by schedule."""

    def __init__(self, folder: Path, entities: int) -> None:
        folder.mkdir(mode=0o700)
        self.folder = folder
        self.wallet = folder / "wallet.db"
        self.paths = home_paths(folder)
        self.process: subprocess.Popen[bytes] | None = None
        make_wallet(self.wallet, entities)
        self.configure(change_delay_min="0 s", change_delay_max="0 s", interval="1 day", active_interval="1 day")

    def configure(self, **sync: str) -> None:
        """Write the configuration for the next start."""
        lines = ["[wallet]", f"path = {json.dumps(str(self.wallet))}", f'nickname = "{self.folder.name}"', "[sync]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in sync.items()]
        self.paths.config_file.write_text("\n".join(lines) + "\n")

    def start(self, module: str = "daemon") -> None:
        """Start the daemon, or a module that runs one, and wait until it answers."""
        environment = {name: value for name, value in os.environ.items() if name != HOME_VARIABLE}
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own daemon
                [sys.executable, "-m", module, "--home", str(self.folder)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers)

    def stop(self) -> None:
        """End the daemon, if it runs."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
            self.process = None

    async def pause(self) -> None:
        """Let all syncing rest."""
        async with self.client() as client:
            await client.pause()

    async def resume_and_sync(self) -> None:
        """Let syncing go on, and sync to the end."""
        async with self.client() as client:
            await client.resume()
        await self.sync()

    @property
    def pid(self) -> int:
        """The process id of the daemon."""
        assert self.process is not None
        return self.process.pid

    def blocking_client(self) -> BlockingClient:
        """Return a client of the daemon, to be used in ``with``."""
        return BlockingClient(self.paths.control_socket, timeout=PATIENCE)

    def client(self) -> Client:
        """Return a client of the daemon, to be used in ``async with``."""
        return Client(self.paths.control_socket, self.paths.events_socket, timeout=PATIENCE)

    async def sync(self) -> None:
        """Sync as a person asks for it, to the end. Raises AssertionError if it fails."""
        async with self.client() as client:
            ended = (await follow(client, None, lambda followed, event: None)).ended
        assert all(each.outcome == "ok" for each in ended), ended

    def change(self, rows: int, seed: int) -> None:
        """Be the wallet program: change so many coins in one transaction."""
        with closing(sqlite3.connect(self.wallet, timeout=PATIENCE)) as connection:
            change_coins(connection, rows, seed)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "daemon.log").read_text()[-2000:]
        try:
            with self.blocking_client() as client:
                return client.hello().pid == self.process.pid
        except IpcError:
            return False


@contextmanager
def homes(*entities: int, parent: Path | None = None) -> Iterator[list[Home]]:
    """Make homes with wallets of these sizes, and a folder ``server`` beside them. Their daemons end with this."""
    if parent is None and MEMORY.is_dir():
        parent = MEMORY
    with tempfile.TemporaryDirectory(dir=parent, prefix="walletsync-bench-") as name:
        root = Path(name)
        (root / "server").mkdir()
        made = [Home(root / f"home{number}", size) for number, size in enumerate(entities)]
        try:
            yield made
        finally:
            for home in made:
                home.stop()


def enroll(home: Home) -> None:
    """Let a running daemon take up the folder beside its home."""
    with home.blocking_client() as client:
        client.enroll(f"{(home.folder.parent / 'server').as_uri()}/")


def join(newcomer: Home, home: Home) -> None:
    """Let a running daemon join the circle of another."""
    with home.blocking_client() as client:
        uri = client.invite().uri
    with newcomer.blocking_client() as client:
        client.join(uri)


async def let_both_change(home: Home, other: Home, seed: int) -> None:
    """Let both wallets change, half of 1 % each, and the other sync. Then both daemons rest."""
    async with home.client() as client:
        await client.pause()
        entities = sum(each.live for each in (await client.status()).sets.values())
    rows = max(1, entities // 200)
    await trio.to_thread.run_sync(other.change, rows, 2 * seed)
    await other.resume_and_sync()
    await other.pause()
    await trio.to_thread.run_sync(home.change, rows, 2 * seed + 1)


def wait_until(condition: Callable[[], object]) -> None:
    """Poll until the condition holds. Raises TimeoutError after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(_POLL)
