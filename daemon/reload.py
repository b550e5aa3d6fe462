"""Settings that are read anew while the daemon runs: what holds at once, and what only a restart changes.

At once: when to sync, what is kept and held back, how to log, and this wallet's nickname. The rest says what the open
databases and servers are, so it waits for a restart, and is named in the log until then. A file that cannot be used
changes nothing.
"""

from collections.abc import Iterator

import msgspec

from config.model import Settings

_AT_ONCE = frozenset({"sync", "keep", "guard", "log", "wallet.nickname"})


def differences(held: Settings, read: Settings) -> tuple[list[str], list[str]]:
    """Return the names of settings that differ: those that hold at once, and those that need a restart."""
    at_once: list[str] = []
    after_restart: list[str] = []
    for section, name in _different(held, read):
        full_name = f"{section}.{name}"
        (at_once if {section, full_name} & _AT_ONCE else after_restart).append(full_name)
    return at_once, after_restart


def taken_over(held: Settings, read: Settings) -> Settings:
    """Return the settings that hold from now on."""
    wallet = msgspec.structs.replace(held.wallet, nickname=read.wallet.nickname)
    return msgspec.structs.replace(read, wallet=wallet, limits=held.limits, network=held.network)


def _different(held: Settings, read: Settings) -> Iterator[tuple[str, str]]:
    for section in held.__struct_fields__:
        before, after = getattr(held, section), getattr(read, section)
        for name in before.__struct_fields__:
            if getattr(before, name) != getattr(after, name):
                yield section, name
