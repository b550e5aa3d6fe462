"""Looks at what the machine gives: room on disks, a clock that does not run behind, and what versions there are."""

import platform
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from daemon.doctor.finding import Finding, Verdict
from daemon.state.servers import ServerRecord
from daemon.times import rfc3339

MEBIBYTE = 2**20
LEAST_ROOM = 16 * MEBIBYTE
"""Bytes below which nothing can be kept safely."""

ROOM_PER_BLOB = 4
"""A sync holds a blob coming and going, and a folder server two more."""

CLOCK_TOLERANCE = 120.0  # seconds
LIBRARIES = ("trio", "pynng", "pynacl", "zstandard", "watchfiles", "structlog", "msgspec", "httpx", "obstore")


def disk_findings(folders: Iterable[Path], largest_blob: int) -> Iterator[Finding]:
    """Tell where there is little room."""
    enough = max(4 * LEAST_ROOM, ROOM_PER_BLOB * largest_blob)
    seen = set()
    for folder in folders:
        existing = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
        try:
            device, free = existing.stat().st_dev, shutil.disk_usage(existing).free
        except OSError as error:
            yield Finding(
                "disk", "bad", f"{existing} cannot be looked at: {error.strerror}", "Mount or repair its disk."
            )
            continue
        if device in seen:
            continue
        seen.add(device)
        if free < enough:
            message = f"{free // MEBIBYTE} MiB are free at {existing}"
            verdict: Verdict = "bad" if free < LEAST_ROOM else "warning"
            yield Finding("disk", verdict, message, f"Make room: {enough // MEBIBYTE} MiB should be free.")
        else:
            yield Finding("disk", "ok", f"there is enough room at {existing}")


def clock_finding(records: Sequence[ServerRecord], state_database: Path, now: float | None = None) -> Finding:
    """Tell whether the clock is behind what was written before: nothing can have happened in the future."""
    wall = time.time() if now is None else now
    written = [record.last_success for record in records if record.last_success is not None]
    if state_database.exists():
        written.append(state_database.stat().st_mtime)
    latest = max(written, default=0.0)
    if wall < latest - CLOCK_TOLERANCE:
        message = f"the clock says {rfc3339(wall)}, and this home was last written to at {rfc3339(latest)}"
        return Finding("clock", "bad", message, "Set the clock; have it kept right: timedatectl set-ntp true")
    return Finding("clock", "ok", f"the clock says {rfc3339(wall)}")


def facts() -> dict[str, str]:
    """Return the versions of what the daemon is made of."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "system": platform.platform()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
