"""What the tests of whole daemons and servers share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import Place
from support.quick_folder import quick_folder
from support.s3_double import ObjectStore, object_store
from support.servers_beside import Bucket, TalerBeside, bucket_in, taler_beside


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: hundreds of databases would wait for a disk."""
    with quick_folder(tmp_path) as made:
        yield made


@pytest.fixture
def place() -> Iterator[Place]:
    """A folder with a short path, in which devices and servers lie."""
    with Place() as made:
        yield made


@pytest.fixture(scope="session")
def object_store_beside() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def bucket(object_store_beside: ObjectStore) -> Bucket:
    """A fresh bucket of an object store."""
    return bucket_in(object_store_beside)


@pytest.fixture
def taler() -> Iterator[TalerBeside]:
    """A GNU Taler sync server."""
    with taler_beside() as beside:
        yield beside
