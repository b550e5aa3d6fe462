"""A device of the demo: a wallet database, and a real daemon beside it.

The demo plays the part of the wallet program, which has its database open all the time. The daemon is a process of
its own, started and ended as a service manager would.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from config.load import write_new_config
from config.paths import HOME_VARIABLE, check_socket_paths, home_paths
from ipc import BlockingClient, IpcError
from ipc.cli.newwallet import create_wallet_database

PROFILE = "taler"
START_PATIENCE = 20.0  # seconds until a daemon must answer
END_PATIENCE = 10.0  # seconds until a daemon must have ended
_POLL = 0.05
_LOG_LINES = 25
_HASTE = {"change_delay_min": "0.2 s", "change_delay_max": "0.5 s"}
"""The delays after a change, against the defaults of 1 to 5 s: whoever watches a demo is waiting for it."""


class DaemonTrouble(Exception):  # noqa: N818 - it says what the demo ran into
    """A daemon did not start, or ended by itself. ``log`` holds its last lines."""

    def __init__(self, message: str, log: list[str]) -> None:
        super().__init__(message)
        self.log = log


class Device:
    """One device. Its files lie under ``folder``, which is also the home of its daemon."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.paths = home_paths(folder)
        check_socket_paths(self.paths)
        self._folder = folder
        self._log = folder / "daemon.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(mode=0o700)
        database = folder / "wallet.sqlite"
        create_wallet_database(database, PROFILE)
        self.connection = _open_wallet(database)
        write_new_config(self.paths.config_file, database, PROFILE, name)
        _hurry(self.paths.config_file)

    def client(self) -> BlockingClient:
        """Return a client of this device's daemon, to be used in ``with``."""
        return BlockingClient(self.paths.control_socket)

    def start(self) -> None:
        """Start the daemon and wait until it answers. Raises ``DaemonTrouble``."""
        environment = {name: value for name, value in os.environ.items() if name != HOME_VARIABLE}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
                [sys.executable, "-m", "daemon", "--home", str(self._folder)],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_PATIENCE
        while not self._answers():
            self.check()
            if time.monotonic() > deadline:
                raise DaemonTrouble(f"the daemon of {self.name} does not answer", self.log_tail())
            time.sleep(_POLL)

    def check(self) -> None:
        """Make sure that the daemon has not ended by itself. Raises ``DaemonTrouble``."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise DaemonTrouble(f"the daemon of {self.name} ended by itself with {code}", self.log_tail())

    def stop(self) -> None:
        """End the daemon as a service manager does, and wait for it. Raises ``DaemonTrouble`` if it ends badly."""
        code = self._end()
        if code not in {None, 0}:
            raise DaemonTrouble(f"the daemon of {self.name} was asked to end and ended with {code}", self.log_tail())

    def close(self) -> None:
        """End the daemon however it stands, and close the wallet database."""
        self._end()
        self.connection.close()

    def log_tail(self) -> list[str]:
        """Return the last lines of the daemon's log."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            return [line.rstrip("\n") for line in deque(log, _LOG_LINES)]

    def _answers(self) -> bool:
        with suppress(IpcError), self.client() as client:
            client.hello()
            return True
        return False

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(END_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _open_wallet(path: Path) -> sqlite3.Connection:
    """Open the database as a wallet program would: write-ahead log, foreign keys, patience with locks."""
    connection = sqlite3.connect(path, timeout=10.0)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA foreign_keys = on")
    return connection


def _hurry(config_file: Path) -> None:
    text = config_file.read_text(encoding="utf-8")
    for name, value in _HASTE.items():
        text = text.replace(f"#{name} = ", f'{name} = "{value}"  # instead of ')
    config_file.write_text(text, encoding="utf-8")
