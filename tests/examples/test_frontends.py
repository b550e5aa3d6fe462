"""The example frontends run beside a daemon that says what it is told to say."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cli_daemon import CannedDaemon, canned_daemon
from support.cli_examples import FOLDER, server, status, troubled_status

from ipc.errors import Refusal

ROOT = Path(__file__).parents[2]
NODE = shutil.which("node")
PATIENCE = 20.0

needs_node = pytest.mark.skipif(NODE is None, reason="there is no Node here")


@pytest.fixture
def daemon() -> Iterator[CannedDaemon]:
    with canned_daemon() as running:
        running.answer_by_method["status"] = status()
        yield running


class Running:
    """An example as a process, whose lines are read as they come."""

    def __init__(self, *arguments: object, path: str | None = None):
        self.process = subprocess.Popen(
            list(map(str, arguments)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=os.environ | ({"PATH": path} if path else {}),
        )
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def line(self, meanwhile=lambda: None) -> str:
        """Return the next line; ``meanwhile`` is done again and again until it comes."""
        end = time.monotonic() + PATIENCE
        while b"\n" not in self._buffer:
            assert time.monotonic() < end, f"only {self._buffer!r} was written"
            meanwhile()
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                piece = os.read(self.process.stdout.fileno(), 65536)
                assert piece, f"it ended with {self._buffer!r}"
                self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()


def test_the_status_bar_follows_the_daemon_and_its_absence():
    with canned_daemon() as daemon:
        daemon.answer_by_method["status"] = status()
        with Running(sys.executable, "examples/statusbar.py", "--home", daemon.home) as bar:
            assert bar.line() == "wallet: in step"
            daemon.answer_by_method["status"] = troubled_status()
            assert bar.line(lambda: daemon.publish("deletes.held", {})) == "wallet: a mass delete waits for you"


def test_the_status_bar_waits_for_a_daemon(tmp_path):
    with Running(sys.executable, "examples/statusbar.py", "--home", tmp_path) as bar:
        assert bar.line() == "wallet: not running"


def test_the_notifier_tells_each_matter_once_also_on_the_desktop(daemon, tmp_path):
    notified = tmp_path / "notified"
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$3" >> {notified}\n')
    program.chmod(0o755)
    with Running(sys.executable, "examples/notifier.py", "--home", daemon.home, path=f"{tmp_path}:/bin") as notifier:
        daemon.answer_by_method["status"] = troubled = troubled_status()
        held = notifier.line(lambda: daemon.publish("deletes.held", {}))
        payment = notifier.line()
        assert held.startswith("A mass delete on another wallet (25 of coins) waits for you: walletsync approve H1")
        assert payment.endswith("wants to be paid KUDOS:0.1: taler://pay/sync.example/123/")
        troubled.held[0].id = "H2"
        assert "approve H2" in notifier.line(lambda: daemon.publish("deletes.held", {}))  # and nothing twice before it
    assert notified.read_text().splitlines()[:2] == [held, payment]


@needs_node
def test_node_shows_how_it_stands_and_what_happens(daemon):
    with Running(NODE, "examples/node/status.mjs", "--follow", daemon.home / "run") as node:
        assert node.line() == "phone#1: database ok"
        assert node.line().startswith(f"{FOLDER}: idle, last success 20")
        told = node.line(lambda: daemon.publish("server.left", {"server": FOLDER}))
        at, event, data = told.split(" ", 2)
        assert (at[-1], event, json.loads(data)) == ("Z", "server.left", {"server": FOLDER})


@needs_node
def test_node_takes_answers_that_come_in_many_pieces(daemon):
    urls = [f"{FOLDER}{number}/{'x' * 500}/" for number in range(500)]
    daemon.answer_by_method["status"] = status(servers=[server(url) for url in urls])
    done = subprocess.run(
        [NODE, "examples/node/status.mjs", daemon.home / "run"], cwd=ROOT, capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0
    assert [line.partition(": ")[0] for line in done.stdout.decode().splitlines()[1:]] == urls


@needs_node
def test_node_tells_a_refusal_and_an_absence_apart(daemon, tmp_path):
    daemon.answer_by_method["status"] = Refusal("the daemon will not, since it is a test")
    for folder, words in ((daemon.home / "run", "since it is a test"), (tmp_path, "walletsync is not running")):
        done = subprocess.run(
            [NODE, "examples/node/status.mjs", folder], cwd=ROOT, capture_output=True, timeout=PATIENCE
        )
        assert (done.returncode, words in done.stderr.decode()) == (3, True)


@needs_node
def test_node_writes_what_the_daemon_expects_of_a_change(daemon):
    daemon.answer_by_method["resume"] = Refusal("never paused")
    script = (
        'import { openCalls } from "./examples/node/walletsync.mjs";'
        "const calls = await openCalls(process.argv[1]);"
        'const made = ["resume", "resume", "nothing"].map((method) => calls.call(method));'
        "const refusals = await Promise.allSettled(made);"
        "console.log(JSON.stringify(refusals.map((each) => each.reason.code))); calls.close();"
    )
    arguments = [NODE, "--input-type=module", "-e", script, daemon.paths.control_socket]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=True, timeout=PATIENCE)
    assert json.loads(done.stdout) == [1, 1, -32601]
    assert daemon.calls == [("resume", {}), ("resume", {})]
