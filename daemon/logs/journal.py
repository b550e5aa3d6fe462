"""Hands log lines to the journal with their fields, so that it can be asked for the lines of one server or one sync.

The journal's native protocol (systemd's "Native Journal Protocol"): one datagram per entry to its socket, of lines
``NAME=value``, or where the value has several lines ``NAME``, its length as 64 bits little-endian, and the value.
Each field of a happening becomes WALLETSYNC_ and its name in capitals; MESSAGE is the whole line as JSON, as it is
everywhere else.
"""

import socket
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
IDENTIFIER = "walletsyncd"


class Journal:
    """The journal behind a socket. What it does not take, the caller writes elsewhere."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = path

    def take(self, message: str, priority: int, fields: Mapping[str, object]) -> bool:
        """Hand over one entry; tell whether the journal took it. Never waits, never raises."""
        entry = {"MESSAGE": message, "PRIORITY": priority, "SYSLOG_IDENTIFIER": IDENTIFIER}
        entry |= {f"WALLETSYNC_{name.upper()}": value for name, value in fields.items()}
        datagram = b"".join(_encoded(name, str(value)) for name, value in entry.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                channel.sendto(datagram, str(self._path))
        except OSError:
            return False  # not there, full, or the entry is too large
        return True


def _encoded(name: str, value: str) -> bytes:
    raw = value.encode(errors="replace")
    if b"\n" not in raw:
        return name.encode() + b"=" + raw + b"\n"
    return name.encode() + b"\n" + len(raw).to_bytes(8, "little") + raw + b"\n"
