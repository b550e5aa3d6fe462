"""The three standard streams, as a program finds them: open, whatever whoever started it had closed.

Where one is closed, Python has ``None`` for it, and the next file that is opened takes its number: a database could lie
where a library writes its complaints. So /dev/null takes the place of each that is missing.
"""

import os
import sys
from pathlib import Path

_STANDARD_ERROR = 2


def open_missing() -> None:
    """Open /dev/null as each standard stream that is closed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - for as long as the program runs
