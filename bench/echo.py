"""A bare nng echo in a process of its own: a request says how many bytes to answer with, and that is all it does.

What a status request takes is measured beside it, in the same run and from the same client.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pynng

from bench.daemons import wait_until
from ipc.errors import NotRunning
from ipc.nng import RequestSocket


def echo_request(answer_bytes: int) -> bytes:
    """Return the request for so many bytes, as long as a usual request to the daemon."""
    return f"{answer_bytes:120}".encode()


@contextmanager
def echoing(path: Path) -> Iterator[None]:
    """Have an echo listen at this path. It ends with this."""
    process = subprocess.Popen([sys.executable, "-m", "bench.echo", str(path)])  # noqa: S603 - our own module
    try:
        wait_until(lambda: _listens(path))
        yield
    finally:
        process.terminate()
        process.wait()
        path.unlink(missing_ok=True)


def _listens(path: Path) -> bool:
    try:
        RequestSocket(path).close()
    except NotRunning:
        return False
    return True


def main() -> None:
    """Listen at the path that the command line names, until terminated."""
    with pynng.Rep0(listen=f"ipc://{sys.argv[1]}") as socket:
        while True:
            socket.send(b"x" * int(socket.recv()))


if __name__ == "__main__":
    main()
