"""The service manager of this user, as far as it can be asked: ``systemctl --user``."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PATIENCE = 60.0  # seconds; a start waits until the daemon is ready

Run = Callable[[Sequence[str]], tuple[int, str]]


@dataclass(frozen=True)
class Manager:
    """Runs programs of systemd; ``run`` returns exit code and output."""

    run: Run

    def answers(self) -> bool:
        """Tell whether there is a manager for this user."""
        code, output = self.systemctl("is-system-running")
        return code == 0 or output in {"degraded", "starting", "initializing", "maintenance", "running"}

    def systemctl(self, *arguments: str) -> tuple[int, str]:
        """Run ``systemctl --user``."""
        return self.run(["systemctl", "--user", *arguments])

    def property(self, unit: str, name: str) -> str:
        """Return one property of a unit; empty where the manager does not answer."""
        code, output = self.systemctl("show", "--property", name, "--value", unit)
        return output if code == 0 else ""

    def lingers(self) -> bool:
        """Tell whether this user's services run while nobody is logged in."""
        return self.run(["loginctl", "show-user", "--property", "Linger", "--value", _user()])[1] == "yes"

    def enable_lingering(self) -> tuple[int, str]:
        """Let this user's services run while nobody is logged in."""
        return self.run(["loginctl", "enable-linger", _user()])


def real_manager() -> Manager:
    """Return the manager of this user."""
    return Manager(run_program)


def run_program(command: Sequence[str]) -> tuple[int, str]:
    """Run a program; return its exit code and what it printed. 127 where there is no such program."""
    program = shutil.which(command[0])
    if program is None:
        return 127, f"{command[0]} is not installed"
    try:
        done = subprocess.run(  # noqa: S603 - systemd's own programs, by their full path, with arguments of ours
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]} did not end within {PATIENCE:.0f} s"
    return done.returncode, (done.stdout + done.stderr).strip()


def _user() -> str:
    return str(os.getuid())
