import pytest
from support.quick_folder import quick_folder
from support.rolling_daemons import Shelves


@pytest.fixture
def folder(tmp_path):
    """A folder in memory where there is one: these tests commit a lot, and a crash here is a crash of the process."""
    with quick_folder(tmp_path) as made:
        yield made


@pytest.fixture
def one():
    """One server."""
    return {"file:///one/": Shelves("one")}


@pytest.fixture
def two():
    """Two servers."""
    return {"file:///one/": Shelves("one"), "file:///two/": Shelves("two")}
