"""What the tests with real processes share."""

from collections.abc import Iterator

import pytest
from support.processes import Place


@pytest.fixture
def place() -> Iterator[Place]:
    """A folder with a short path, in which devices and servers lie."""
    with Place() as made:
        yield made
