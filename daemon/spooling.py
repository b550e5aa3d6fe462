"""Files for sealed blobs on their way to or from a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.paths import Paths
from daemon.surroundings import Surroundings

NAME_BYTES = 8


@contextmanager
def spool_folder(paths: Paths) -> Iterator[Path]:
    """Name the folder for sealed blobs on their way; what a killed run left there is removed."""
    folder = paths.state_folder / "spool"
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    yield folder


@contextmanager
def spooled(folder: Path, surroundings: Surroundings, suffix: str) -> Iterator[Path]:
    """Name a file that no other has, and remove it afterwards if it was made."""
    path = folder / f"{surroundings.ids(NAME_BYTES).hex()}.{suffix}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
