import pytest
from support.ipc_daemon import Place, short_directory


@pytest.fixture
def place():
    """A directory for sockets, whose path is short whatever the test is called."""
    with short_directory() as directory:
        yield Place(directory / "run")
