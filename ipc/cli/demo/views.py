"""How the demo shows what the wallets hold: all of it, or what a step has changed."""

import sqlite3
from collections.abc import Mapping

from rich.console import RenderableType
from rich.text import Text

from config.profile import Profile
from ipc.cli.demo.amounts import write_amount
from ipc.cli.demo.ledger import balance, count_by_set, count_rows
from ipc.cli.tables import table

Holdings = Mapping[str, str]
"""What one wallet holds, by what it is: its balance in each currency, each set, and its ghosts."""

_GHOSTS = "ghost deposits (local)"


def holdings(connection: sqlite3.Connection, profile: Profile) -> Holdings:
    """Look at what a wallet holds."""
    money = {"can be spent, " + name: write_amount(name, value) for name, value in sorted(balance(connection).items())}
    sets = {name: f"{number:,}" for name, number in count_by_set(connection, profile).items()}
    return money | sets | {_GHOSTS: f"{count_rows(connection, 'ghost_deposits'):,}"}


def holdings_view(by_device: Mapping[str, Holdings]) -> RenderableType:
    """Render all that the wallets hold."""
    rows = [(name, *(held.get(name, "-") for held in by_device.values())) for name in _names(by_device)]
    return table(("", *by_device), rows, numbers=tuple(by_device))


def change_view(before: Mapping[str, Holdings], after: Mapping[str, Holdings]) -> RenderableType:
    """Render what has changed, wallet for wallet."""
    rows = [
        (name, *(_change(before[device].get(name, "-"), after[device].get(name, "-")) for device in after))
        for name in _names(after)
        if any(before[device].get(name) != after[device].get(name) for device in after)
    ]
    if not rows:
        return Text("   No wallet holds more or less than before.")
    return table(("", *after), rows, numbers=tuple(after))


def _names(by_device: Mapping[str, Holdings]) -> list[str]:
    return list(dict.fromkeys(name for held in by_device.values() for name in held))


def _change(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"
