"""Real daemons for tests: each a process of its own beside a real wallet database, with folders as their servers.

A ``Place`` is a folder with a short path, since sockets lie in it; whatever runs there ends with it. A ``Device`` is
a wallet database and the home of its daemon. What a test does to the wallet goes through plain sqlite3.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import trio
from support.spilled_secrets import SCAN

from config.paths import HOME_VARIABLE, home_paths
from config.profile import reference_schema
from ipc import BlockingClient, Client, IpcError
from ipc.cli.following import Ended, follow
from ipc.state import ServerStatus, Status

Settings = Mapping[str, object]

PATIENCE = 20.0  # seconds until something that must happen has happened, on a busy machine
HASTE = {"change_delay_min": "0 s", "change_delay_max": "0.2 s"}
SCHEMA = reference_schema("taler") or ""
_POLL = 0.02


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Poll until the condition holds; fail the test, saying what was waited for, if that takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"after {seconds:g} s still not: {what}"
        time.sleep(_POLL)


class Place:
    """A short-lived folder for devices and folder servers."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="ws-"))
        self.devices: list[Device] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for device in self.devices:
            device.kill()
            log = "\n".join([f"--- {device.name}:", *device.log_lines()[-60:], ""])
            sys.stdout.write(log)  # which pytest shows where the test failed
        try:
            for device in self.devices:
                SCAN.of_home(device.paths.state_folder, device.log.read_bytes() if device.log.exists() else b"")
        finally:
            shutil.rmtree(self.path)

    def folder(self, name: str = "server") -> str:
        """Make a folder server, and return its URL."""
        path = self.path / name
        path.mkdir()
        return f"{path.as_uri()}/"

    def device(self, name: str, **settings: Settings) -> "Device":
        """Make a device with an empty wallet; its daemon does not run yet."""
        device = Device(name, self.path / name, settings)
        self.devices.append(device)
        return device

    def bare(self, name: str) -> "Device":
        """Make a device on which there is nothing at all: no wallet, no configuration."""
        device = self.device(name)
        shutil.rmtree(device.folder)
        device.folder.mkdir(mode=0o700)
        return device

    def pair(self, **settings: Settings) -> tuple["Device", "Device"]:
        """Make two devices that run, and share a circle on one folder, both in step."""
        phone, desktop = self.device("phone", **settings), self.device("desktop", **settings)
        for device in (phone, desktop):
            device.spawn()
        phone.wait_until_ready()
        phone.enroll(self.folder())
        desktop.wait_until_ready()
        desktop.join(phone.invite())
        settle(phone, desktop)
        return phone, desktop


class Device:
    """A wallet database, and the home of its daemon. ``settings`` are those of its configuration, by section."""

    def __init__(self, name: str, folder: Path, settings: Mapping[str, Settings]) -> None:
        self.name = name
        self.folder = folder
        self.wallet = folder / "wallet.db"
        self.paths = home_paths(folder)
        self.log = folder / "daemon.log"
        self.prefix: Sequence[str] = ()
        self.program: Sequence[str] = ("-m", "daemon")
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(mode=0o700)
        make_wallet(self.wallet)
        self.configure(**settings)

    @property
    def environment(self) -> dict[str, str]:
        """What programs of this home's user find in their environment."""
        rest = {name: value for name, value in os.environ.items() if name != HOME_VARIABLE}
        return rest | {"XDG_RUNTIME_DIR": str(self.folder.parent / "runtime")}

    def configure(self, **settings: Settings) -> None:
        """Write the configuration, for the next start."""
        own: dict[str, Settings] = {"wallet": {"path": str(self.wallet), "nickname": self.name}, "sync": HASTE}
        lines = []
        for section in own | settings:
            values = {**own.get(section, {}), **settings.get(section, {})}
            lines += [
                f"[{section}]",
                *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()),
            ]
        self.paths.config_file.write_text("\n".join(lines) + "\n")

    def spawn(self) -> None:
        """Start the daemon, and do not wait for it."""
        assert self.process is None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, *self.program, "--home", str(self.folder)],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start(self) -> None:
        """Start the daemon, and wait until it answers."""
        self.spawn()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the daemon answers."""
        wait_until(self._answers, f"the daemon of {self.name} answers")

    def stop(self) -> int:
        """End the daemon as a service manager does, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end of the daemon, and return its exit code."""
        assert self.process is not None
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def kill(self) -> None:
        """Kill the daemon, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the daemon."""
        assert self.process is not None
        self.process.send_signal(number)

    def client(self, timeout: float = PATIENCE) -> BlockingClient:
        """Return a client of the daemon, to be used in ``with``."""
        return BlockingClient(self.paths.control_socket, timeout=timeout)

    def status(self) -> Status:
        """Ask the daemon for its status."""
        with self.client() as client:
            return client.status()

    @property
    def server(self) -> ServerStatus:
        """What the daemon says of its only server."""
        (server,) = self.status().servers
        return server

    def enroll(self, url: str) -> str:
        """Take up a server, and return its URL as the daemon has it."""
        with self.client() as client:
            return client.enroll(url).url

    def invite(self) -> str:
        """Return an invitation."""
        with self.client() as client:
            return client.invite().uri

    def join(self, uri: str) -> None:
        """Join the circle of an invitation."""
        with self.client() as client:
            client.join(uri)

    def sync(self, server: str | None = None) -> list[Ended]:
        """Ask for a sync as a person does, and return how it ended."""

        async def followed() -> list[Ended]:
            async with Client(self.paths.control_socket, self.paths.events_socket) as client:
                return (await follow(client, server, lambda followed, event: None)).ended

        return trio.run(followed)

    def tombstones(self) -> int:
        """Return how many tombstones the daemon counts."""
        return sum(each.tombstones for each in self.status().sets.values())

    def unapplied(self) -> int:
        """Return how many changes wait to be written to the wallet."""
        return sum(each.unapplied for each in self.status().sets.values())

    def sql(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Be the wallet program: run one statement, and commit it."""
        with closing(open_wallet(self.wallet)) as connection:
            return connection.execute(statement, parameters).fetchall()

    def cli(self, *arguments: str, entered: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``walletsync`` on this home, with this on standard input."""
        script = "import sys; from ipc.cli.main import run; sys.exit(run(sys.argv[1:]))"
        command = [sys.executable, "-c", script, *arguments, "--home", str(self.folder)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            input=entered,
        )
        SCAN.traffic += [done.stdout.encode(), done.stderr.encode()]
        return done

    def log_lines(self) -> list[str]:
        """Return what the daemon has logged, line by line."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def events(self, name: str) -> list[dict[str, object]]:
        """Return the logged happenings of one name."""
        lines = (json.loads(line) for line in self.log_lines() if line.startswith("{"))
        return [line for line in lines if line["event"] == name]

    def _answers(self) -> bool:
        assert self.process is not None
        code = self.process.poll()
        assert code is None, f"the daemon of {self.name} ended with {code}: {self.log_lines()[-5:]}"
        try:
            with self.client() as client:
                return client.hello().pid == self.process.pid
        except IpcError:
            return False


def settle(*devices: Device) -> None:
    """Sync all devices, as persons ask for it, until each has seen and acknowledged what all had to say."""
    for device in (*devices, *devices, *devices[:-1]):
        ended = device.sync()
        assert all(each.outcome == "ok" for each in ended), ended


def make_wallet(path: Path) -> None:
    """Make an empty wallet database of the reference schema, as a wallet program would keep it."""
    with closing(open_wallet(path)) as connection:
        connection.executescript(f"PRAGMA journal_mode = WAL; BEGIN; {SCHEMA} COMMIT;")


def open_wallet(path: Path) -> sqlite3.Connection:
    """Open a wallet database as a wallet program would."""
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
