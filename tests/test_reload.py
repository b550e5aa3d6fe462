"""Which settings hold at once, and which only after a restart."""

from pathlib import Path

import msgspec
import pytest

from config.model import Settings, WalletSettings
from daemon.reload import differences, taken_over

HELD = Settings(wallet=WalletSettings(path=Path("/wallet.db"), nickname="phone"))
AT_ONCE = {"sync", "keep", "guard", "log"}


def changed(section: str, name: str) -> Settings:
    part = getattr(HELD, section)
    value = getattr(part, name)
    other = not value if isinstance(value, bool) else value * 2 if isinstance(value, int | float) else type(value)("/o")
    return msgspec.structs.replace(HELD, **{section: msgspec.structs.replace(part, **{name: other})})


NAMES = [(section, name) for section in HELD.__struct_fields__ for name in getattr(HELD, section).__struct_fields__]


@pytest.mark.parametrize(("section", "name"), NAMES)
def test_every_setting_either_holds_at_once_or_needs_a_restart(section: str, name: str) -> None:
    read = changed(section, name)
    at_once = section in AT_ONCE or name == "nickname"
    full = f"{section}.{name}"
    assert differences(HELD, read) == (([full], []) if at_once else ([], [full]))
    assert (taken_over(HELD, read) == read) == at_once
    assert differences(taken_over(HELD, read), HELD)[1] == []


def test_the_same_settings_differ_in_nothing() -> None:
    assert differences(HELD, HELD) == ([], [])
