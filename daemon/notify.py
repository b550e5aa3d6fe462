"""Tells the service manager how the daemon is: the protocol of sd_notify(3), in a few lines.

Each message is one datagram of ``NAME=value`` lines to the socket that NOTIFY_SOCKET names; a leading ``@`` stands for
the abstract name space. Without NOTIFY_SOCKET every call does nothing. A message that cannot be delivered is dropped,
and the first such is logged at debug: nothing of the daemon's work depends on them.

A manager that does not read must not stall the daemon. Status texts and the watchdog's feed are dropped rather than
waited for; ready, reloading and stopping, which are said once, wait for at most a second.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping

from daemon import logs
from daemon.logs.running import NotifyFailed

PATIENCE = 1.0  # seconds


class Notifier:
    """Speaks to the service manager that started the daemon, if one did."""

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        open_socket: Callable[[], socket.socket] = lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        monotonic_ns: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC),
    ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._open_socket = open_socket
        self._monotonic_ns = monotonic_ns
        self._failure_was_logged = False

    def ready(self, status: str) -> None:
        """Say that the start, or a reload, is complete."""
        self._send("READY=1", _status(status), patience=PATIENCE)

    def status(self, text: str) -> None:
        """Show one line about the present state in ``systemctl status``."""
        self._send(_status(text))

    def reloading(self) -> None:
        """Say that the configuration is being read anew; ``ready`` must follow."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={self._monotonic_ns() // 1000}", patience=PATIENCE)

    def stopping(self, status: str) -> None:
        """Say that the daemon ends."""
        self._send("STOPPING=1", _status(status), patience=PATIENCE)

    def feed_watchdog(self) -> None:
        """Say that the daemon works. To be called at the interval of ``watchdog_interval``, and only if it is true."""
        self._send("WATCHDOG=1")

    def _send(self, *assignments: str, patience: float = 0.0) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with self._open_socket() as channel:
                channel.settimeout(patience)
                channel.sendto("\n".join(assignments).encode(errors="replace"), address)
        except OSError as error:
            self._log_once(f"{self._address}: {error.strerror or error}")

    def _log_once(self, message: str) -> None:
        if not self._failure_was_logged:
            self._failure_was_logged = True
            logs.emit(NotifyFailed(message=message))


def watchdog_interval(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """Return how often to feed the watchdog, in seconds: half the time it waits; ``None`` if nobody watches."""
    own_pid = os.getpid() if pid is None else pid
    if environ.get("WATCHDOG_PID", str(own_pid)) != str(own_pid):
        return None  # meant for the process that started this one
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 2_000_000


def _status(text: str) -> str:
    # A line of its own would be read as another assignment.
    return "STATUS=" + " ".join(text.split())
