"""The stage of the demo, and what can be claimed about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from config.profile import Profile
from ipc.cli.demo.amounts import write_amount
from ipc.cli.demo.device import Device
from ipc.cli.demo.ledger import Cell, balance, count_by_set, count_rows
from ipc.cli.demo.plausible.world import EXCHANGES, World

CURRENCY = EXCHANGES[0].currency


@dataclass(frozen=True)
class Stage:
    """The two devices with what their people own, the folder that serves both, and the profile of their wallets."""

    desktop: Device
    phone: Device
    desktop_world: World
    phone_world: World
    server_url: str
    profile: Profile

    @property
    def devices(self) -> tuple[Device, Device]:
        """Both devices."""
        return (self.desktop, self.phone)

    def log_tail(self) -> list[str]:
        """Return the last lines of the log of each daemon."""
        return [f"{device.name}: {line}" for device in self.devices for line in device.log_tail()]


class Claim(NamedTuple):
    """Something that must become true: as a sentence, and as a question."""

    sentence: str
    holds: Callable[[], bool]


class Step(NamedTuple):
    """One step: its title, what happens in one sentence, how it is done, and whether the wallets must agree then."""

    title: str
    sentence: str
    play: Callable[[Stage], Sequence[Claim]]
    agree: bool = True


def money(device: Device) -> Decimal:
    """Return what the wallet can spend of the demo's main currency."""
    return balance(device.connection).get(CURRENCY, Decimal(0))


def rows_claim(sentence: str, device: Device, number: int, table: str, condition: str, *values: Cell) -> Claim:
    """Claim that a number of rows meet a condition."""
    return Claim(
        f"on the {device.name}, {sentence}",
        lambda: count_rows(device.connection, table, condition, *values) == number,
    )


def balance_claim(device: Device, expected: Decimal) -> Claim:
    """Claim how much money a wallet can spend."""
    sentence = f"on the {device.name}, {write_amount(CURRENCY, expected)} can be spent"
    return Claim(sentence, lambda: money(device) == expected)


def contents_claim(device: Device, profile: Profile, expected: dict[str, int]) -> Claim:
    """Claim how much each set holds."""
    sentence = f"the {device.name} holds what both wallets held before"
    return Claim(sentence, lambda: count_by_set(device.connection, profile) == expected)


def synced_claim(device: Device) -> Claim:
    """Claim that each server of a device has had its first success."""
    return Claim(f"the {device.name} has stored its sealed copy", partial(_has_synced, device))


def _has_synced(device: Device) -> bool:
    with device.client() as daemon:
        servers = daemon.status().servers
    return bool(servers) and all(server.last_success is not None for server in servers)
