"""Calls a daemon as another user: ``python ipc_stranger.py PATH``. Prints the answer, or "closed"."""

import os
import socket
import struct
import sys

NOBODY = 65534
BODY = b'{"jsonrpc":"2.0","id":1,"method":"hello","params":{"api":[1]}}'


def call(path: str) -> str:
    """Do one call by hand, in nng's wire protocol."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        try:
            connection.sendall(b"\0SP\0\0\x30\0\0")
            connection.sendall(struct.pack(">BQI", 1, len(BODY) + 4, 0x80000001) + BODY)
            received = connection.recv(8)
            while received and len(received) <= 8:
                piece = connection.recv(65536)
                received = received + piece if piece else b""
        except ConnectionError:
            received = b""
    return received[21:].decode() if received else "closed"


if __name__ == "__main__":
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    print(call(sys.argv[1]))  # noqa: T201 - this is its answer
