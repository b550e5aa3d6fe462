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

PROGRAM = [sys.executable, "-c", "from ipc.cli.main import main; main()"]


def on_terminal(arguments: list[str], answers: list[tuple[str, str]] = [], columns: int = 80) -> tuple[int, str]:  # noqa: B006
    """Run walletsync on a terminal; give each answer when its question has appeared. Return exit code and output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = _environment() | {"TERM": "xterm-256color"}
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    output, waiting = "", list(answers)
    while chunk := _read(ours):
        output += chunk
        if waiting and waiting[0][0] in output:
            os.write(ours, f"{waiting.pop(0)[1]}\n".encode())
    os.close(ours)
    return process.wait(20), output.replace("\r\n", "\n")


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
