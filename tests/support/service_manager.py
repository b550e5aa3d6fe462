"""A real ``systemd --user`` in namespaces of its own, for tests of the units.

The manager runs as an unprivileged user with a fresh home, fresh /run and /tmp, and a cgroup of its own; nothing of it
is left when it ends, but an empty cgroup where the tests were killed. Building the namespaces takes root. Inside, the
repository is seen at ``SOURCE`` and the Python environment at ``ENVIRONMENT``, wherever they lie on this machine.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

REPOSITORY = Path(__file__).resolve().parents[2]
SYSTEMD = Path("/lib/systemd/systemd")
TOOLS = ("unshare", "nsenter", "setpriv", "mount", "find", "systemctl")

UID = "4711"
HOME = "/home/tester"
SOURCE = "/home/source"
ENVIRONMENT = "/home/environment"
PYTHON = f"{ENVIRONMENT}/bin/python"
PROTECTED = "/usr/src"  # belongs to the tester inside, so that only the unit's sandbox keeps him from writing there

NAMESPACES = ("--mount", "--pid", "--cgroup")
SESSION = {
    "HOME": HOME,
    "USER": "tester",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "XDG_RUNTIME_DIR": f"/run/user/{UID}",
    "LANG": "C.UTF-8",
}

MOUNT_CGROUPS = "mount -t cgroup2 cgroup2 /sys/fs/cgroup"
# $1: name of the cgroup, $2: the repository, $3: the Python environment, $4: the Python that it is based on,
# $5: the folder on the way to that which the tester may not enter, if there is one.
BOOT = f"""
set -eu
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/credentials /run/systemd/system /run/systemd/unit-root /run/systemd/propagate $XDG_RUNTIME_DIR
mkdir /run/source /run/environment /run/base
mount --bind "$2" /run/source
mount --bind "$3" /run/environment
if [ -n "$5" ]; then
    mount --bind "$4" /run/base
    mount -t tmpfs -o mode=755 tmpfs "$5"
    mkdir -p "$4"
    mount --move /run/base "$4"
fi
mount -t tmpfs -o mode=755 tmpfs /home
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mkdir -p {SOURCE} {ENVIRONMENT} {HOME}/.config/systemd/user {HOME}/.local/bin {HOME}/.ssh
mount --move /run/source {SOURCE}
mount --move /run/environment {ENVIRONMENT}
mount -t tmpfs -o mode=755,uid={UID} tmpfs {PROTECTED}
{MOUNT_CGROUPS}
mkdir "/sys/fs/cgroup/$1"
echo 0 > "/sys/fs/cgroup/$1/cgroup.procs"
mkdir -p $XDG_RUNTIME_DIR/systemd/user/service.d
printf '[Service]\nStandardError=append:{HOME}/errors.log\n' > $XDG_RUNTIME_DIR/systemd/user/service.d/errors.conf
chown -R {UID}:{UID} "/sys/fs/cgroup/$1" {HOME} $XDG_RUNTIME_DIR
chmod 700 {HOME} $XDG_RUNTIME_DIR
sed '$atester:x:{UID}:{UID}::{HOME}:/bin/sh' /etc/passwd > /run/passwd
sed '$atester:x:{UID}:' /etc/group > /run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
cd /
setpriv --reuid {UID} --regid {UID} --clear-groups {SYSTEMD} --user
"""


def why_impossible() -> str | None:
    """Say what this machine lacks for a user manager in namespaces of its own; ``None`` if nothing."""
    if os.geteuid() != 0:
        return "building the namespaces takes root"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"not installed: {', '.join(missing)}"
    if not SYSTEMD.exists():
        return f"{SYSTEMD} is not installed"
    probe = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "--mount-proc", "sh", "-c", MOUNT_CGROUPS],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if probe.returncode == 0 else f"no namespaces with cgroups here: {probe.stderr.strip()}"


def closed_folder(path: Path) -> str:
    """Return the first folder on the way to a path that others may not enter; empty if there is none."""
    closed = (folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001)
    return str(next(closed, ""))


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Poll until the condition holds; fail the test, saying what was waited for, if that takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(0.02)


class UserManager:
    """A running ``systemd --user`` with the repository's units installed as a person would install them."""

    def __init__(self) -> None:
        self._cgroup = f"walletsync-test-{os.getpid()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._init_pid = 0

    def __enter__(self) -> "UserManager":
        namespaces = ["unshare", *NAMESPACES, "--fork", "--mount-proc", "--kill-child"]
        # Should the tests be killed, so is the manager.
        command = ["setpriv", "--pdeathsig", "KILL", *namespaces, "sh", "-c", BOOT, "boot"]
        arguments = [self._cgroup, str(REPOSITORY), sys.prefix, sys.base_prefix, closed_folder(Path(sys.base_prefix))]
        self._process = subprocess.Popen([*command, *arguments], env=SESSION, stdin=subprocess.DEVNULL)
        try:
            self._wait_until_running()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._end()

    @property
    def home(self) -> Path:
        """The tester's home, as this process reaches it. It has no symbolic links: those would lead outside."""
        return Path(f"/proc/{self._init_pid}/root{HOME}")

    @property
    def runtime_directory(self) -> Path:
        """The tester's $XDG_RUNTIME_DIR, as this process reaches it."""
        return Path(f"/proc/{self._init_pid}/root{SESSION['XDG_RUNTIME_DIR']}")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the tester, beside the manager."""
        enter = ["nsenter", "--target", str(self._init_pid), *NAMESPACES, f"--wdns={HOME}"]
        user = ["setpriv", "--reuid", UID, "--regid", UID, "--clear-groups"]
        return subprocess.run([*enter, *user, *command], env=SESSION, capture_output=True, text=True, check=False)

    def systemctl(self, *arguments: str) -> str:
        """Run ``systemctl --user``, and return what it printed to either stream."""
        completed = self.run("systemctl", "--user", *arguments)
        return (completed.stdout + completed.stderr).strip()

    def errors(self) -> str:
        """Return what all services have written to standard error so far."""
        log = self.home / "errors.log"
        return log.read_text() if log.exists() else ""

    def properties(self, unit: str) -> Mapping[str, str]:
        """Return all properties of a unit by name."""
        lines = self.systemctl("show", unit).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the tester's, named from his home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        for made in (path, *list(path.parents)[: len(Path(name).parents) - 1]):
            os.chown(made, int(UID), int(UID))

    def install(self, command: Sequence[str]) -> None:
        """Install the repository's units, and the command as ``~/.local/bin/walletsyncd``."""
        for unit in sorted((REPOSITORY / "systemd").iterdir()):
            self.write(f".config/systemd/user/{unit.name}", unit.read_text())
        script = f'#!/bin/sh\nexport PYTHONPATH={SOURCE}\nexec {" ".join(command)} "$@"\n'
        self.write(".local/bin/walletsyncd", script, mode=0o755)
        assert self.systemctl("daemon-reload") == ""

    def drop_in(self, unit: str, text: str) -> None:
        """Change a unit as a person would, by a file beside it, until ``forget_drop_ins``."""
        self.write(f".config/systemd/user/{unit}.d/test.conf", text)
        assert self.systemctl("daemon-reload") == ""

    def forget_drop_ins(self) -> None:
        """Put all units back to what the repository has."""
        for folder in (self.home / ".config/systemd/user").glob("*.d"):
            shutil.rmtree(folder)
        self.systemctl("reset-failed")
        assert self.systemctl("daemon-reload") == ""

    def _wait_until_running(self) -> None:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")

        def running() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, "the user manager ended while it started"
            if not self._init_pid and (pids := children.read_text().split()):
                self._init_pid = int(pids[0])
            return self._init_pid > 0 and self.systemctl("is-system-running") == "running"

        wait_until(running, "systemd --user is running", seconds=20)

    def _end(self) -> None:
        assert self._process is not None
        self._process.kill()  # and with it, by --kill-child, everything in its process namespace
        self._process.wait()
        sweep = (
            f'{MOUNT_CGROUPS}; find "/sys/fs/cgroup/$1" -depth -type d -exec rmdir {{}} +; ! [ -e "/sys/fs/cgroup/$1" ]'
        )

        def swept() -> bool:
            command = ["unshare", "--mount", "sh", "-c", sweep, "sweep", self._cgroup]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0

        wait_until(swept, "the manager's cgroup is gone")
