"""Tells a person what only a person can decide: held mass deletes, and payments that a server wants.

    python examples/notifier.py [--home DIR]

Each is told once, on standard output, and on the desktop where notify-send is installed.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import trio

from config.paths import find_paths
from ipc import Client, Event, NoAnswer, NotRunning
from ipc.state import Status

LOOK_EVERY = 60.0
RETRY_EVERY = 5.0
WORTH_A_LOOK = {"deletes.held", "server.state", "sync.ended"}


def matters(status: Status) -> Iterator[tuple[str, str]]:
    """Return what waits for a person: what it is known by, and one sentence about it."""
    for held in status.held:
        what = ", ".join(f"{number} of {name}" for name, number in held.sets.items())
        where = "another wallet" if held.direction == "in" else "this wallet"
        choice = f"walletsync approve {held.id}, or walletsync reject {held.id}"
        yield f"{held.id} {held.since}", f"A mass delete on {where} ({what}) waits for you: {choice}"
    for server in status.servers:
        if server.payment is not None:
            amount = server.payment.amount or "an amount that the payment page tells"
            yield server.payment.uri, f"{server.url} wants to be paid {amount}: {server.payment.uri}"


async def follow(control: Path, events: Path, tell: Callable[[str], None]) -> None:
    """Tell each matter once, for ever."""
    told: set[str] = set()
    while True:
        try:
            async with Client(control, events) as client, client.events() as stream:
                while True:
                    for known_by, sentence in matters(await client.status()):
                        if known_by not in told:
                            tell(sentence)
                        told.add(known_by)
                    with trio.move_on_after(LOOK_EVERY):
                        while isinstance(event := await anext(stream), Event) and event.event not in WORTH_A_LOOK:
                            pass
        except (NotRunning, NoAnswer):
            pass  # it may be started later
        await trio.sleep(RETRY_EVERY)


def tell(sentence: str) -> None:
    """Write the sentence, and show it on the desktop if that can be done."""
    print(sentence, flush=True)  # noqa: T201 - this is what it is for
    if program := shutil.which("notify-send"):
        subprocess.run([program, "--app-name=walletsync", "walletsync", sentence], check=False)  # noqa: S603 - no shell


def main() -> None:
    """Follow the daemon of the home that was named, or of the default one."""
    home = Path(sys.argv[2]) if sys.argv[1:2] == ["--home"] else None
    paths = find_paths(home)
    trio.run(follow, paths.control_socket, paths.events_socket, tell)


if __name__ == "__main__":
    main()
