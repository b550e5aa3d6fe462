"""The settings: what a person decides, each with a default but the path of the wallet.

Every type carries the sentence that says what is right for it; it is what an error message shows. Durations are in
seconds and sizes in bytes here; in the file they bear their unit (``config.units``). config/example.toml documents
every setting, and a test holds the two together.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Unit = Literal["duration", "size"]

_HOUR = 3600.0
_DAY = 24 * _HOUR
_GIBIBYTE = 2**30


def _duration(at_least: float, at_most: float, wording: str) -> Meta:
    return Meta(ge=at_least, le=at_most, description=f"a duration from {wording}", extra={"unit": "duration"})


def _size(at_least: int, at_most: int, wording: str) -> Meta:
    return Meta(ge=at_least, le=at_most, description=f"a size from {wording}", extra={"unit": "size"})


Period = Annotated[float, _duration(1.0, 365 * _DAY, '1 s to 365 days, such as "15 min"')]
Delay = Annotated[float, _duration(0.0, _HOUR, '0 s to 1 h, such as "5 s"')]
BlobSize = Annotated[int, _size(2**16, 2**40, '64 KiB to 1 TiB, such as "64 MiB"')]
KeySize = Annotated[int, _size(256, 2**16, '256 B to 64 KiB, such as "4 KiB"')]
ElementCount = Annotated[int, Meta(ge=1000, le=10**9, description="a whole number from 1000 to 1000000000")]
Nesting = Annotated[int, Meta(ge=8, le=500, description="a whole number from 8 to 500")]
Days = Annotated[int, Meta(ge=0, le=36500, description="a whole number of days from 0 to 36500")]
Count = Annotated[int, Meta(ge=0, le=10**9, description="a whole number from 0 to 1000000000")]
Share = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1, such as 0.1")]
WalletPath = Annotated[Path, Meta(description="a path that begins with / or ~/")]
ProfileName = Annotated[
    str,
    Meta(
        pattern=r"^(?:[A-Za-z0-9_-]+|(?:/|~/)[^\x00]+)$",
        description="the name of a shipped profile, or the path of a profile file, beginning with / or ~/",
    ),
]
Nickname = Annotated[
    str,
    Meta(
        pattern=r"^(?:[^\s#\x00-\x1f\x7f](?:[^#\x00-\x1f\x7f]{0,62}[^\s#\x00-\x1f\x7f])?)?$",
        description="1 to 64 characters without # (it counts wallets of one name) and control characters",
    ),
]
SetNames = Annotated[tuple[str, ...], Meta(description='a list of names of optional sets, such as ["planchets"]')]
Capture = Annotated[Literal["triggers", "scan"], Meta(description='"triggers" or "scan"')]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"], Meta(description='"debug", "info", "warning" or "error"')
]
LogFormat = Annotated[Literal["auto", "json", "console"], Meta(description='"auto", "json" or "console"')]
Proxy = Annotated[
    str,
    Meta(
        pattern=r"^(?:(?:https?|socks5h?)://[^\s/]+/?)?$",
        description="empty, or a URL such as socks5h://127.0.0.1:9050 (schemes http, https, socks5, socks5h)",
        extra={"secret": True},
    ),
]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One table of the file."""


class WalletSettings(Section, frozen=True, kw_only=True):
    """The wallet: where its database lies, how to read it, and how this wallet is called.

    ``optional_sets`` names sets of the profile that are off by default. ``capture`` says how changes are noticed: by
    triggers in the wallet's database, or by comparing rows.
    """

    path: WalletPath
    profile: ProfileName = "taler"
    nickname: Nickname = ""  # in the file only: empty stands for the host name, which loading puts here
    capture: Capture = "triggers"
    optional_sets: SetNames = ()


class SyncSettings(Section, frozen=True, kw_only=True):
    """When to sync. ``jitter`` is the share of an interval by which it varies at random."""

    interval: Period = 15 * 60.0
    active_interval: Period = 30.0
    active_for: Period = 5 * 60.0
    change_delay_min: Delay = 1.0
    change_delay_max: Delay = 5.0
    jitter: Share = 0.1
    retry_max: Period = _HOUR
    acknowledge_after: Period = _DAY


class LimitSettings(Section, frozen=True, kw_only=True):
    """How much a blob may claim before it is refused unopened: sizes in bytes, levels of nesting, elements."""

    max_sealed: BlobSize = _GIBIBYTE
    max_plain: BlobSize = 8 * _GIBIBYTE
    max_elements: ElementCount = 20_000_000
    max_key: KeySize = 4096
    max_nesting: Nesting = 64


class KeepSettings(Section, frozen=True, kw_only=True):
    """What is kept for a bad day, and after how many silent days a wallet or server is called stale.

    Deleted values can be had back for ``undo_days``. A whole state is kept of each of the last ``blob_days``, in
    ``blob_size`` bytes at most.
    """

    undo_days: Days = 30
    blob_days: Days = 14
    blob_size: BlobSize = _GIBIBYTE // 2
    stale_after_days: Days = 90


class GuardSettings(Section, frozen=True, kw_only=True):
    """The brake on mass deletes: held is what deletes more than ``share`` of a set and more than ``count`` of it."""

    share: Share = 0.1
    count: Count = 20


class LogSettings(Section, frozen=True, kw_only=True):
    """What is logged, and how: ``auto`` is for a terminal where there is one, else JSON lines."""

    level: LogLevel = "info"
    format: LogFormat = "auto"


class NetworkSettings(Section, frozen=True, kw_only=True):
    """How servers are reached: through a proxy, and how long one request may take in all, in seconds."""

    proxy: Proxy = ""
    timeout: Period = 5 * 60.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings. Each member is a table of the file."""

    wallet: WalletSettings
    sync: SyncSettings = SyncSettings()
    limits: LimitSettings = LimitSettings()
    keep: KeepSettings = KeepSettings()
    guard: GuardSettings = GuardSettings()
    log: LogSettings = LogSettings()
    network: NetworkSettings = NetworkSettings()
