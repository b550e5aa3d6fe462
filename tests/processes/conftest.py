"""What the tests with real processes share."""

from collections.abc import Iterator

import pytest
from support.mounts import Mounts, why_impossible
from support.processes import Place


@pytest.fixture
def place() -> Iterator[Place]:
    """A folder with a short path, in which devices and servers lie."""
    with Place() as made:
        yield made


@pytest.fixture
def mounts(place: Place) -> Iterator[Mounts]:
    """Mounts of our own, which end after the daemons that see them were told to."""
    if reason := why_impossible():
        pytest.skip(reason)
    with Mounts() as private:
        yield private
