import tempfile
from pathlib import Path

import pytest
from support.rolling_daemons import Shelves

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path):
    """A folder in memory where there is one: these tests commit a lot, and a crash here is a crash of the process."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="walletsync-") as made:
        yield Path(made)


@pytest.fixture
def one():
    """One server."""
    return {"file:///one/": Shelves("one")}


@pytest.fixture
def two():
    """Two servers."""
    return {"file:///one/": Shelves("one"), "file:///two/": Shelves("two")}
