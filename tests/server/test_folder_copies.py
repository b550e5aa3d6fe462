"""What another program that syncs the folder leaves beside a blob, and what it does not."""

import os

import pytest

from daemon.blob.keys import server_keys
from daemon.server.base import Fetched, HasCopies, Stored
from daemon.server.folder import FolderServer
from daemon.worker import inline
from ipc import base32

ACCOUNT = server_keys(bytes(32), "folder:A").account
OTHER = server_keys(bytes(32), "folder:B").account
NAME = base32.encode(ACCOUNT.public_key)

CONFLICT_COPIES = [
    f"{NAME}.sync-conflict-20260131-081500-ABCDEFG.blob",
    f"{NAME} (conflicted copy 2026-01-31 081500).blob",
    f"{NAME} (conflicted copy anna 2026-01-31 081500).blob",
    f"{NAME}_conflict-20260131-081500.blob",
    f"{NAME} (Anna's conflicted copy 2026-01-31).blob",
    f"{NAME} (In Konflikt stehende Kopie von Anna 2026-01-31).blob",
    f"{NAME} (Copie en conflit de Anna 2026-01-31).blob",
    f"{NAME} (SFConflict anna@example.org 2026-01-31-08-15-00).blob",
]
NONE_OF_OURS = [
    f"{NAME}.blob",
    f"{NAME}.lock",
    f"{NAME} (1).blob",
    f"{NAME}.old.blob",
    f"Copy of {NAME}.blob",
    f"{NAME}.sync-conflict-20260131-081500-ABCDEFG.blob.tmp",
    f"~syncthing~{NAME}.sync-conflict-20260131-081500-ABCDEFG.blob.tmp",
    f"{base32.encode(OTHER.public_key)}.sync-conflict-20260131-081500-ABCDEFG.blob",
    "walletsync.sync-conflict-20260131-081500-ABCDEFG.id",
    "conflict.blob",
]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    return path


@pytest.fixture
def server(folder):
    return FolderServer(folder, inline, os.urandom, largest_blob=1000)


def test_a_folder_has_copies(server):
    assert isinstance(server, HasCopies)


@pytest.mark.parametrize("name", CONFLICT_COPIES)
async def test_a_conflict_copy_is_found_fetched_and_removed(server, folder, tmp_path, name):
    (folder / name).write_bytes(b"a sealed blob")
    (copy,) = await server.copies(ACCOUNT)
    fetched = await server.fetch_copy(copy, tmp_path / "spool")
    assert isinstance(fetched, Fetched)
    assert (tmp_path / "spool").read_bytes() == b"a sealed blob"
    await server.remove_copy(copy)
    assert list(folder.iterdir()) == []


async def test_what_else_lies_in_the_folder_is_no_conflict_copy(server, folder):
    for name in NONE_OF_OURS:
        (folder / name).write_bytes(b"something")
    (folder / f"{NAME}.sync-conflict-1.blob").mkdir()
    (folder / f"{NAME}.sync-conflict-2.blob").symlink_to(folder / f"{NAME}.blob")
    assert await server.copies(ACCOUNT) == []


async def test_a_conflict_copy_is_never_taken_for_the_blob(server, folder, tmp_path):
    sealed = tmp_path / "sealed"
    sealed.write_bytes(b"a sealed blob")
    stored = await server.store(ACCOUNT, sealed, None)
    assert isinstance(stored, Stored)
    (folder / CONFLICT_COPIES[0]).write_bytes(b"another sealed blob")
    assert await FolderServer(folder, inline, os.urandom).fetch(ACCOUNT, None, tmp_path / "spool") == Fetched(
        stored.revision, 13
    )
    sealed.write_bytes(b"a third")
    assert isinstance(await server.store(ACCOUNT, sealed, stored.revision), Stored)
    assert (folder / CONFLICT_COPIES[0]).read_bytes() == b"another sealed blob"


async def test_a_copy_that_was_replaced_meanwhile_is_neither_fetched_nor_removed(server, folder, tmp_path):
    path = folder / CONFLICT_COPIES[0]
    path.write_bytes(b"a sealed blob")
    (before,) = await server.copies(ACCOUNT)
    (folder / "new").write_bytes(b"SEALED BLOB A")
    (folder / "new").rename(path)
    assert await server.fetch_copy(before, tmp_path / "spool") is None
    await server.remove_copy(before)
    assert path.read_bytes() == b"SEALED BLOB A"
    assert await server.copies(ACCOUNT) != [before]


async def test_a_copy_that_is_gone_or_too_large_is_left_out(server, folder, tmp_path):
    path = folder / CONFLICT_COPIES[0]
    path.write_bytes(bytes(1001))
    (copy,) = await server.copies(ACCOUNT)
    assert await server.fetch_copy(copy, tmp_path / "spool") is None
    path.unlink()
    assert await server.fetch_copy(copy, tmp_path / "spool") is None
    await server.remove_copy(copy)
    assert not (tmp_path / "spool").exists()


async def test_a_folder_that_is_not_there_has_no_copies(tmp_path):
    assert await FolderServer(tmp_path / "nowhere", inline, os.urandom).copies(ACCOUNT) == []
