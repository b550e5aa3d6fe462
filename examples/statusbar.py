"""One line about walletsync for a status bar: i3bar, polybar, waybar and the like show the last line written.

    python examples/statusbar.py [--home DIR]

Writes a line whenever it changes. It follows the daemon's events, and waits for a daemon that does not run.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import trio

from config.paths import find_paths
from ipc import Client, NoAnswer, NotRunning
from ipc.state import Status

LOOK_EVERY = 30.0  # seconds without an event, after which the daemon is asked whether it is still there
RETRY_EVERY = 2.0


def line_of(status: Status) -> str:
    """Put what matters most into a few words."""
    if status.held:
        return "wallet: a mass delete waits for you"
    if status.wallet.state != "ok":
        return f"wallet: database {status.wallet.state}"
    if any(server.payment for server in status.servers):
        return "wallet: a server wants to be paid"
    in_trouble = [server for server in status.servers if server.error is not None]
    if in_trouble:
        return f"wallet: {len(in_trouble)} of {len(status.servers)} servers in trouble"
    if any(server.state == "syncing" for server in status.servers):
        return "wallet: syncing"
    return "wallet: in step" if status.servers else "wallet: not backed up"


async def follow(control: Path, events: Path, show: Callable[[str], None]) -> None:
    """Show the line now and after each event, for ever."""
    while True:
        try:
            async with Client(control, events) as client, client.events() as stream:
                while True:
                    show(line_of(await client.status()))
                    with trio.move_on_after(LOOK_EVERY):
                        await anext(stream)
        except (NotRunning, NoAnswer):
            show("wallet: not running")
        await trio.sleep(RETRY_EVERY)


def main() -> None:
    """Write a line to standard output whenever it changes."""
    home = Path(sys.argv[2]) if sys.argv[1:2] == ["--home"] else None
    paths = find_paths(home)
    last = ""

    def show(line: str) -> None:
        nonlocal last
        if line != last:
            print(line, flush=True)  # noqa: T201 - this is what it is for
        last = line

    trio.run(follow, paths.control_socket, paths.events_socket, show)


if __name__ == "__main__":
    main()
