"""How the command line tells of times and of itself: as seen from now, or exactly, and for the home in use."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import click

from ipc.cli.words import distance, parse_time, relative
from ipc.frame import Time

RELATIVE, EXACT = "relative", "exact"

times_option = click.option(
    "--times",
    type=click.Choice([RELATIVE, EXACT]),
    default=RELATIVE,
    show_default=True,
    help="How times are told; exact ones are of this machine's time zone.",
)


def _spelled(rest: str) -> str:
    return f"walletsync {rest}"


@dataclass(frozen=True)
class Telling:
    """How one command tells things: as seen from ``now``, or exactly; ``spelled`` writes its command lines."""

    now: datetime
    exact: bool = False
    spelled: Callable[[str], str] = _spelled

    def moment(self, time: Time | None, never: str = "never") -> str:
        """Say when something was or will be: ``3 min ago``, ``in 2 h``, or ``2026-01-31 09:15:00``."""
        if time is None or not self.exact:
            return relative(time, self.now, never)
        return exact(parse_time(time))

    def since(self, time: Time) -> str:
        """Say for how long something has been: ``for 2 h``, or ``since 2026-01-31 09:15:00``."""
        if self.exact:
            return f"since {self.moment(time)}"
        return f"for {distance(max(0.0, (self.now - parse_time(time)).total_seconds()))}"


def exact(moment: datetime) -> str:
    """Write a time to the second, in the time zone of this machine."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
