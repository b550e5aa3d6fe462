"""A program that stands for the daemon in tests of the units: it speaks to the service manager as the daemon does.

It notes what it finds round it in ``~/surroundings.json``. STANDIN_MODE says how it behaves: ``work`` (the default),
``hang`` (it says that it is ready, and then nothing more), or ``exit N`` (it ends at once with that code).
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from daemon.notify import Notifier, watchdog_interval

CLONE_NEWUSER = 0x10000000
HOME = Path.home()


def errno_of(attempt: Callable[[], object]) -> str | None:
    """Return the name of the error that an attempt meets; ``None`` if it succeeds."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return None


def make_namespace() -> None:
    """Make a user namespace, if the sandbox lets us."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def own_status() -> dict[str, str]:
    """Return what the kernel says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


def surroundings() -> dict[str, object]:
    """Find out what the unit gives to this process, and what it keeps from it."""
    umask = os.umask(0o077)
    os.umask(umask)
    runtime = os.environ.get("RUNTIME_DIRECTORY")
    status = own_status()
    return {
        "arguments": sys.argv[1:],
        "umask": f"{umask:04o}",
        "runtime_directory": runtime,
        "runtime_directory_mode": runtime and f"{stat.S_IMODE(Path(runtime).stat().st_mode):04o}",
        "uid": os.getuid(),
        "core_limit": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "no_new_privileges": status["NoNewPrivs"],
        "seccomp": status["Seccomp"],
        "capabilities": status["CapBnd"],
        "devices": len(list(Path("/dev").iterdir())),
        "temporary_files": sorted(path.name for path in Path("/tmp").iterdir()),
        "writing_home": errno_of(lambda: (HOME / "wallet.sqlite3").write_text("")),
        "writing_system": errno_of(lambda: Path("/usr/src/planted").write_text("")),
        "writing_programs": errno_of(lambda: (HOME / ".local/bin/planted").write_text("")),
        "writing_units": errno_of(lambda: (HOME / ".config/systemd/user/planted.service").write_text("")),
        "writing_profile": errno_of(lambda: (HOME / ".profile").open("a").close()),
        "reading_ssh_keys": errno_of(lambda: (HOME / ".ssh/id_ed25519").read_text()),
        "socket_internet": errno_of(
            lambda: socket.socket(socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET).close()
        ),
        "socket_packet": errno_of(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM).close()),
        "socket_netlink": errno_of(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()),
        "looking_up_localhost": errno_of(lambda: socket.getaddrinfo("localhost", 443)),
        "writable_code": errno_of(
            lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
        ),
        "making_a_namespace": errno_of(make_namespace),
        "changing_priority": errno_of(lambda: os.setpriority(os.PRIO_PROCESS, 0, 5)),
    }


def main() -> int:
    mode, _, code = os.environ.get("STANDIN_MODE", "work").partition(" ")
    if mode == "exit":
        return int(code)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    (HOME / "surroundings.json").write_text(json.dumps(surroundings()))
    notifier = Notifier()
    notifier.ready("standing in for the daemon")
    interval = watchdog_interval()
    while signal.sigtimedwait({signal.SIGTERM}, 3600 if interval is None else interval) is None:
        if mode == "work":
            notifier.feed_watchdog()
    notifier.stopping("stands down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
