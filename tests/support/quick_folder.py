"""A folder in memory, where there is one.

Tests that commit a lot would wait for a disk, and need none: a crash there is one of the process, not of the machine.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """Make a folder in memory and remove it afterwards, or use this one where there is no memory to be had."""
    if not MEMORY.is_dir():
        yield otherwise
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="ws-") as folder:
        yield Path(folder)
