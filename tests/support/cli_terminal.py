"""Running walletsync as a process: on a terminal of its own, or into a pipe."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Self

PROGRAM = [sys.executable, "-c", "from ipc.cli.main import main; main()"]


class Terminal:
    """A running walletsync with a terminal of its own. What it writes is gathered in ``output`` as it is read."""

    def __init__(self, arguments: list[str], columns: int = 80) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        environment = _environment() | {"TERM": "xterm-256color"}
        self.output = ""
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def read(self) -> bool:
        """Read what comes next; false when there is nothing more to come."""
        chunk = _read(self._ours)
        self.output += chunk
        return bool(chunk)

    def read_until(self, text: str) -> None:
        """Read until this text has appeared."""
        while text not in self.output:
            assert self.read(), f"ended without {text!r}: {self.output}"

    def write(self, line: str) -> None:
        """Type a line."""
        os.write(self._ours, f"{line}\n".encode())

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self.read():
            pass
        return self.process.wait(20)


def on_terminal(arguments: list[str], answers: list[tuple[str, str]] = [], columns: int = 80) -> tuple[int, str]:  # noqa: B006
    """Run walletsync on a terminal; give each answer when its question has appeared. Return exit code and output."""
    with Terminal(arguments, columns) as terminal:
        waiting, answered = list(answers), 0
        while terminal.read():
            if waiting and waiting[0][0] in terminal.output[answered:]:
                answered = terminal.output.index(waiting[0][0], answered) + len(waiting[0][0])
                terminal.write(waiting.pop(0)[1])
        return terminal.end(), terminal.output.replace("\r\n", "\n")


def piped(arguments: list[str], standard_input: str = "") -> subprocess.CompletedProcess[str]:
    """Run walletsync between pipes."""
    return subprocess.run(
        [*PROGRAM, *arguments], input=standard_input, capture_output=True, text=True, timeout=20, env=_environment()
    )


def _read(descriptor: int) -> str:
    with contextlib.suppress(OSError):  # EIO: the last process on the terminal has ended
        return os.read(descriptor, 65536).decode(errors="replace")
    return ""


def _environment() -> dict[str, str]:
    unwanted = {"COLUMNS", "NO_COLOR", "FORCE_COLOR", "WALLETSYNC_HOME"}
    return {name: value for name, value in os.environ.items() if name not in unwanted} | {"PWD": str(Path.cwd())}
