"""Mounts that only chosen processes see, in a mount namespace that ends with the tests, however they end."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

TOOLS = ("unshare", "nsenter", "setpriv", "mount", "sleep")


def why_impossible() -> str | None:
    """Say what this machine lacks for mounts of our own; ``None`` if nothing."""
    if os.geteuid() != 0:
        return "mounting takes root"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"not installed: {', '.join(missing)}"
    probe = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True, check=False
    )
    return None if probe.returncode == 0 else f"no mounts of our own here: {probe.stderr.strip()}"


class Mounts:
    """A mount namespace. A process that is started with ``prefix`` in front of its command sees what is mounted."""

    def __enter__(self) -> Self:
        # Should the tests be killed, so is the process that keeps the namespace alive.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", "echo; exec sleep infinity"]
        self._keeper = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"\n"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._keeper.kill()
        self._keeper.wait()
        assert self._keeper.stdout is not None
        self._keeper.stdout.close()

    @property
    def prefix(self) -> Sequence[str]:
        """What to put in front of a command so that it runs in this namespace. The process id stays the same."""
        return ("nsenter", "--target", str(self._keeper.pid), "--mount")

    def run(self, *command: str) -> None:
        """Run a command in this namespace, which must succeed."""
        subprocess.run([*self.prefix, *command], check=True, capture_output=True, text=True)

    def tmpfs(self, folder: Path, options: str) -> Path:
        """Mount a file system in memory over a folder. Return the folder as this process reaches it."""
        self.run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
        return Path(f"/proc/{self._keeper.pid}/root{folder}")


def fill(folder: Path) -> Path:
    """Write a file in a small file system until that is full. Return the file."""
    assert shutil.disk_usage(folder).total < 2**24
    path = folder / "filler"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(descriptor, bytes(4096)):
            pass
    except OSError:
        return path
    finally:
        os.close(descriptor)
