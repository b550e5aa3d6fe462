"""Wall times as the socket and the logs write them: RFC 3339 in UTC with milliseconds."""

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """Write seconds since 1970 as ``2026-01-31T08:15:00.000Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc3339_or_none(seconds: float | None) -> str | None:
    """Write a time, or nothing for a time that is not known."""
    return None if seconds is None else rfc3339(seconds)


def from_rfc3339(text: str) -> float:
    """Read a time with its offset from UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset from UTC, such as 2026-01-31T08:15:00Z")
    return moment.timestamp()
