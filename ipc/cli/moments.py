"""Times as people write them on the command line.

2026-01-31T08:15:00Z        RFC 3339, with its offset from UTC
2026-01-31 08:15            a time of this machine's time zone; seconds may follow
2026-01-31                  the beginning of that day, here
08:15                       today, here
"2 h ago", "3 days ago"     a distance from now: a number and s, min, h, days or weeks
"""

from datetime import datetime, time, timedelta

from config.units import parse_duration

_FORMS = '"2 h ago", "2026-01-31 08:15", "08:15" or 2026-01-31T08:15:00Z'


def parse_moment(text: str, now: datetime) -> datetime:
    """Read a moment that has passed. Raises ``ValueError`` that says what was wrong and what would be right."""
    moment = _moment(text.strip(), now)
    if moment > now:
        raise ValueError(f"{text!r} lies in the future")
    return moment


def _moment(text: str, now: datetime) -> datetime:
    try:
        if text.endswith("ago"):
            return now - timedelta(seconds=parse_duration(text.removesuffix("ago").strip()))
        moment = datetime.fromisoformat(text) if "-" in text else _today(time.fromisoformat(text), now)
        return moment.astimezone()  # without an offset, a time is of this machine's time zone
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time: write {_FORMS}") from error


def _today(clock: time, now: datetime) -> datetime:
    return datetime.combine(now.astimezone().date(), clock)
