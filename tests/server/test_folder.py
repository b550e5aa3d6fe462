"""What is particular about a folder as a server; the contract of all servers is tested in test_contract.py."""

import errno
import fcntl
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

import pytest
import trio
from support.folders import files_limited_to, mounted_disk, unprivileged_folder

from daemon.blob.keys import server_keys
from daemon.server.base import (
    Conflict,
    Description,
    Failure,
    FailureKind,
    Fetched,
    NoBlob,
    Stored,
    Unchanged,
    Watchable,
)
from daemon.server.folder import FolderServer, files
from daemon.server.folder.troubles import FolderTrouble, trouble_of
from daemon.worker import inline, threads
from ipc import base32

ACCOUNT = server_keys(bytes(32), "folder:A").account
NAME = base32.encode(ACCOUNT.public_key)
OTHER = server_keys(bytes(32), "folder:B").account


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    return path


@pytest.fixture
def sealed(tmp_path):
    path = tmp_path / "sealed"
    path.write_bytes(b"a sealed blob")
    return path


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


def server_at(folder: Path, identity: str | None = None) -> FolderServer:
    return FolderServer(folder, inline, os.urandom, identity)


def kind_of(outcome: object) -> FailureKind:
    assert isinstance(outcome, Failure)
    return outcome.kind


def bytes_read() -> int:
    """Return how many bytes this process has read from files so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Identity.


async def test_a_new_folder_gets_an_identity_that_people_can_read_about(folder):
    description = await server_at(folder).describe()
    assert isinstance(description, Description)
    text = (folder / "walletsync.id").read_text()
    *explanation, line = text.splitlines()
    assert all(line.startswith("# ") for line in explanation)
    assert description.identity == f"folder:{line}"
    assert len(base32.decode(line)) == 16
    assert names_in(folder) == {"walletsync.id", "walletsync.id.lock"}


async def test_devices_that_come_at_once_agree_on_the_identity(folder):
    identities = set()

    async def describe() -> None:
        description = await FolderServer(folder, threads(), os.urandom).describe()
        assert isinstance(description, Description)
        identities.add(description.identity)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(describe)
    assert len(identities) == 1


async def test_an_identity_survives_being_written_by_hand(folder):
    (folder / "walletsync.id").write_text("# moved by me\r\n\r\n 000g40r40m30e209185gr38e1w \r\n")
    assert await server_at(folder).describe() == Description("folder:000G40R40M30E209185GR38E1W")


@pytest.mark.parametrize(
    "content", ["", "# only a comment\n", "000G40R40M30E209185GR38E1\n", "two\nlines\n", "\xff" * 9000]
)
async def test_a_damaged_identity_is_refused_and_not_replaced(folder, content):
    path = folder / "walletsync.id"
    path.write_text(content, encoding="latin-1")
    outcome = await server_at(folder).describe()
    assert kind_of(outcome) is FailureKind.REFUSED
    assert str(path) in outcome.message
    assert path.read_text(encoding="latin-1") == content


async def test_a_folder_that_lost_its_identity_is_gone_and_gets_no_new_one(folder, sealed, spool):
    server = server_at(folder, "folder:000G40R40M30E209185GR38E1W")
    for outcome in (
        await server.describe(),
        await server.fetch(ACCOUNT, None, spool),
        await server.store(ACCOUNT, sealed, None),
    ):
        assert kind_of(outcome) is FailureKind.GONE
        assert "mounted" in outcome.message
    assert names_in(folder) == set()


async def test_a_folder_with_another_identity_is_gone(folder, sealed, spool):
    server = server_at(folder, "folder:000G40R40M30E209185GR38E1W")
    await server_at(folder).describe()
    before = names_in(folder)
    for outcome in (
        await server.describe(),
        await server.fetch(ACCOUNT, None, spool),
        await server.store(ACCOUNT, sealed, None),
    ):
        assert kind_of(outcome) is FailureKind.GONE
    assert names_in(folder) == before


async def test_the_folder_of_the_right_identity_is_used(folder, sealed, spool):
    description = await server_at(folder).describe()
    server = server_at(folder, description.identity)
    assert await server.describe() == description
    assert isinstance(await server.store(ACCOUNT, sealed, None), Stored)


# Folders that are not there, or not as they should be.


async def test_a_folder_that_does_not_exist_is_unreachable_and_never_made(tmp_path, sealed, spool):
    server = server_at(tmp_path / "disk" / "folder")
    for outcome in (
        await server.describe(),
        await server.fetch(ACCOUNT, None, spool),
        await server.store(ACCOUNT, sealed, None),
    ):
        assert kind_of(outcome) is FailureKind.UNREACHABLE
        assert "does not exist" in outcome.message
    assert names_in(tmp_path) == {"sealed"}


async def test_a_file_in_place_of_the_folder_is_refused(tmp_path, sealed, spool):
    server = server_at(sealed)
    assert kind_of(await server.describe()) is FailureKind.REFUSED
    assert kind_of(await server.store(ACCOUNT, sealed, None)) is FailureKind.REFUSED


def test_a_relative_path_is_a_fault():
    with pytest.raises(ValueError, match="absolute path"):
        server_at(Path("folder"))


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
async def test_what_is_not_a_file_in_place_of_a_blob_is_refused(folder, sealed, spool, make):
    make(folder / f"{NAME}.blob")
    server = server_at(folder)
    assert kind_of(await server.fetch(ACCOUNT, None, spool)) is FailureKind.REFUSED
    outcome = await server.store(ACCOUNT, sealed, None)
    assert kind_of(outcome) is FailureKind.REFUSED
    assert "in the way" in outcome.message
    assert names_in(folder) == {f"{NAME}.blob", f"{NAME}.lock"}


async def test_a_folder_in_place_of_the_lock_is_refused(folder, sealed):
    (folder / f"{NAME}.lock").mkdir()
    assert kind_of(await server_at(folder).store(ACCOUNT, sealed, None)) is FailureKind.REFUSED


async def test_a_read_only_folder_can_be_read_but_not_written(sealed, spool):
    with unprivileged_folder() as folder:
        mine = folder / "mine"
        mine.write_bytes(b"a sealed blob")
        shared = folder / "shared"
        shared.mkdir()
        server = server_at(shared)
        revision = (await server.store(ACCOUNT, mine, None)).revision
        shared.chmod(0o500)
        before = names_in(shared)
        assert isinstance(await server_at(shared).fetch(ACCOUNT, None, folder / "spool"), Fetched)
        outcome = await server_at(shared).store(ACCOUNT, mine, revision)
        assert kind_of(outcome) is FailureKind.REFUSED
        assert "must be allowed" in outcome.message
        assert kind_of(await server_at(shared).describe()) is FailureKind.REFUSED
        assert names_in(shared) == before


async def test_a_blob_that_may_not_be_read_is_refused():
    with unprivileged_folder() as folder:
        blob = folder / f"{NAME}.blob"
        blob.write_bytes(b"a sealed blob")
        blob.chmod(0)
        spool = folder / "spool"
        assert kind_of(await server_at(folder).fetch(ACCOUNT, None, spool)) is FailureKind.REFUSED
        assert not spool.exists()


async def test_a_blob_too_large_for_the_file_system_leaves_the_old_one(folder, sealed, spool):
    server = server_at(folder)
    revision = (await server.store(ACCOUNT, sealed, None)).revision
    sealed.write_bytes(bytes(3_000_000))
    with files_limited_to(2_000_000):
        outcome = await server.store(ACCOUNT, sealed, revision)
    assert kind_of(outcome) is FailureKind.TOO_LARGE
    assert "needs 3000000 bytes" in outcome.message
    assert names_in(folder) == {f"{NAME}.blob", f"{NAME}.lock"}
    assert await server.fetch(ACCOUNT, None, spool) == Fetched(revision, 13)


async def test_a_full_disk_is_said_with_what_is_needed_and_free(tmp_path, sealed, spool):
    with mounted_disk(tmp_path / "disk", "size=1m") as mounted:
        if not mounted:
            pytest.skip("this user may not mount a disk")
        server = server_at(tmp_path / "disk")
        revision = (await server.store(ACCOUNT, sealed, None)).revision
        sealed.write_bytes(bytes(3_000_000))
        outcome = await server.store(ACCOUNT, sealed, revision)
        assert kind_of(outcome) is FailureKind.TOO_LARGE
        assert "needs 3000000 bytes" in outcome.message
        assert names_in(tmp_path / "disk") == {f"{NAME}.blob", f"{NAME}.lock"}
        assert await server.fetch(ACCOUNT, None, spool) == Fetched(revision, 13)


async def test_a_read_only_disk_can_be_read_and_refuses_to_be_written(tmp_path, sealed, spool):
    disk = tmp_path / "disk"
    with mounted_disk(disk, "size=1m") as mounted:
        if not mounted:
            pytest.skip("this user may not mount a disk")
        server = server_at(disk)
        revision = (await server.store(ACCOUNT, sealed, None)).revision
        await trio.run_process(["mount", "-o", "remount,ro", str(disk)])
        assert await server.fetch(ACCOUNT, None, spool) == Fetched(revision, 13)
        outcome = await server.store(ACCOUNT, sealed, revision)
        assert kind_of(outcome) is FailureKind.REFUSED
        assert "read-only" in outcome.message


async def test_a_disk_that_is_taken_away_is_told_from_an_empty_one(tmp_path, sealed, spool):
    disk = tmp_path / "disk"
    with mounted_disk(disk, "size=1m") as mounted:
        if not mounted:
            pytest.skip("this user may not mount a disk")
        description = await server_at(disk).describe()
    server = server_at(disk, description.identity)
    assert kind_of(await server.store(ACCOUNT, sealed, None)) is FailureKind.GONE
    assert names_in(disk) == set()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EIO, FailureKind.UNREACHABLE),
        (errno.ESTALE, FailureKind.UNREACHABLE),
        (errno.ENOENT, FailureKind.UNREACHABLE),
        (errno.ENXIO, FailureKind.UNREACHABLE),
        (errno.ENOSPC, FailureKind.TOO_LARGE),
        (errno.EDQUOT, FailureKind.TOO_LARGE),
        (errno.EROFS, FailureKind.REFUSED),
        (errno.EPERM, FailureKind.REFUSED),
        (errno.ENOLCK, FailureKind.REFUSED),
        (errno.EISDIR, FailureKind.REFUSED),
    ],
)
def test_every_error_has_its_kind_and_names_the_folder(folder, number, kind):
    failure = trouble_of(OSError(number, os.strerror(number)), folder, 1000).failure
    assert failure.kind is kind
    assert str(folder) in failure.message


def test_a_full_disk_that_is_gone_too_is_still_told(tmp_path):
    failure = trouble_of(OSError(errno.ENOSPC, "full"), tmp_path / "nowhere", 1000).failure
    assert failure.kind is FailureKind.TOO_LARGE


async def test_errors_of_our_own_files_are_faults_and_not_the_servers(folder, sealed, tmp_path):
    server = server_at(folder)
    await server.store(ACCOUNT, sealed, None)
    with pytest.raises(FileNotFoundError):
        await server.fetch(ACCOUNT, None, tmp_path / "nowhere" / "spool")
    with pytest.raises(FileNotFoundError):
        await server.store(ACCOUNT, tmp_path / "nowhere", None)


async def test_a_spool_that_cannot_be_finished_is_not_left_behind(folder, sealed, spool):
    sealed.write_bytes(bytes(3_000_000))
    server = server_at(folder)
    await server.store(ACCOUNT, sealed, None)
    with files_limited_to(2_000_000), pytest.raises(OSError, match="too large"):
        await server.fetch(ACCOUNT, None, spool)
    assert not spool.exists()


# Locks.


@pytest.fixture
def lock(folder):
    with (folder / f"{NAME}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


async def test_a_lock_that_stays_held_is_busy_after_a_bounded_wait(folder, sealed, lock, autojump_clock):
    outcome = await server_at(folder).store(ACCOUNT, sealed, None)
    assert kind_of(outcome) is FailureKind.BUSY
    assert outcome.retry_after
    assert 5 < trio.current_time() < 30
    assert names_in(folder) == {f"{NAME}.lock"}


async def test_a_lock_that_is_freed_in_time_is_taken(folder, sealed, lock, autojump_clock):
    async def free() -> None:
        await trio.sleep(2)
        fcntl.flock(lock, fcntl.LOCK_UN)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(free)
        assert isinstance(await server_at(folder).store(ACCOUNT, sealed, None), Stored)


async def test_a_held_lock_hinders_neither_reading_nor_other_accounts(folder, sealed, spool, lock):
    server = server_at(folder)
    assert await server.fetch(ACCOUNT, None, spool) == NoBlob()
    assert isinstance(await server.store(OTHER, sealed, None), Stored)


async def test_a_cancelled_wait_for_a_lock_leaves_nothing(folder, sealed, lock, autojump_clock):
    with trio.move_on_after(1) as scope:
        await server_at(folder).store(ACCOUNT, sealed, None)
    assert scope.cancelled_caught
    fcntl.flock(lock, fcntl.LOCK_UN)
    assert isinstance(await server_at(folder).store(ACCOUNT, sealed, None), Stored)


# Killed, changed and broken files.


async def test_what_a_killed_program_left_is_removed_with_the_next_store(folder, sealed):
    mine = folder / f"{NAME}-0011223344556677.tmp"
    others = [folder / f"{base32.encode(OTHER.public_key)}-0011223344556677.tmp", folder / "holiday.tmp"]
    for path in (mine, *others):
        path.write_bytes(b"half")
    await server_at(folder).store(ACCOUNT, sealed, None)
    assert not mine.exists()
    assert all(path.exists() for path in others)


async def test_a_store_whose_answer_was_lost_is_known_again(folder, sealed):
    """Also by a program that was started anew, and knows of the blob only what the folder holds."""
    stored = await server_at(folder).store(ACCOUNT, sealed, None)
    assert isinstance(stored, Stored)
    assert await server_at(folder).store(ACCOUNT, sealed, None) == stored
    assert await server_at(folder).store(ACCOUNT, sealed, "0" * 128) == stored


STORE_FOR_EVER = """
import os, sys, trio
from pathlib import Path
from daemon.blob.keys import server_keys
from daemon.server.folder import FolderServer
from daemon.worker import inline

async def main(folder, sealed):
    server, revision, number = FolderServer(folder, inline, os.urandom), None, 0
    while True:
        number += 1
        sealed.write_bytes(bytes([number % 256]) * 500_000)
        revision = (await server.store(server_keys(bytes(32), "folder:A").account, sealed, revision)).revision
        print(number, flush=True)

trio.run(main, Path(sys.argv[1]), Path(sys.argv[2]))
"""


async def test_a_store_that_is_killed_leaves_a_whole_blob_and_no_lock(folder, sealed, spool, tmp_path):
    server = server_at(folder)
    for delay in (0, 0.002, 0.005, 0.01):
        (folder / f"{NAME}.blob").unlink(missing_ok=True)
        command = [sys.executable, "-c", STORE_FOR_EVER, str(folder), str(tmp_path / "theirs")]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        async with process.stdout:
            assert await process.stdout.receive_some()
            await trio.sleep(delay)
            process.kill()
            await process.wait()
        outcome = await server.fetch(ACCOUNT, None, spool)
        assert isinstance(outcome, Fetched)
        body = spool.read_bytes()
        assert len(body) == 500_000
        assert len(set(body)) == 1
        assert isinstance(await server.store(ACCOUNT, sealed, outcome.revision), Stored)
        assert names_in(folder) == {f"{NAME}.blob", f"{NAME}.lock"}


async def test_an_unchanged_blob_is_not_read_again(folder, sealed, spool):
    sealed.write_bytes(os.urandom(2_000_000))
    writer, reader = server_at(folder), server_at(folder)
    revision = (await writer.store(ACCOUNT, sealed, None)).revision
    assert await reader.fetch(ACCOUNT, revision, spool) == Unchanged()
    before = bytes_read()
    assert await reader.fetch(ACCOUNT, revision, spool) == Unchanged()
    assert await writer.fetch(ACCOUNT, revision, spool) == Unchanged()
    assert bytes_read() - before < 20_000
    assert not spool.exists()


async def test_a_blob_is_not_read_before_it_is_replaced_if_it_is_known(folder, sealed):
    sealed.write_bytes(os.urandom(2_000_000))
    server = server_at(folder)
    revision = (await server.store(ACCOUNT, sealed, None)).revision
    before = bytes_read()
    sealed.write_bytes(b"small")
    assert isinstance(await server.store(ACCOUNT, sealed, revision), Stored)
    assert bytes_read() - before < 20_000


async def test_a_blob_that_another_program_changed_in_place_is_noticed(folder, sealed, spool):
    server = server_at(folder)
    revision = (await server.store(ACCOUNT, sealed, None)).revision
    blob = folder / f"{NAME}.blob"
    status = blob.stat()
    blob.write_bytes(b"A SEALED BLOB")
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert await server.store(ACCOUNT, sealed, revision) == Conflict()
    outcome = await server.fetch(ACCOUNT, revision, spool)
    assert isinstance(outcome, Fetched)
    assert spool.read_bytes() == b"A SEALED BLOB"


def test_a_blob_that_is_written_into_while_it_is_read_is_busy(folder):
    blob = folder / "blob"
    blob.write_bytes(bytes(3_000_000))
    with files.open_file(blob) as file:
        pieces = files.pieces_in_folder(file, folder)
        next(pieces)
        with blob.open("ab") as other:
            other.write(b"more")
        with pytest.raises(FolderTrouble) as raised:
            list(pieces)
    assert raised.value.failure.kind is FailureKind.BUSY
    assert raised.value.failure.retry_after


class ReadsDifferentlyTheSecondTime:
    """A file of ours, which makes the disk look as if it had not kept what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rounds = 0

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, offset: int) -> None:
        self._rounds += 1
        self._file.seek(offset)

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        return data if self._rounds == 1 else data.swapcase()


def test_what_the_disk_does_not_keep_never_takes_the_place_of_a_blob(folder, sealed):
    with sealed.open("rb") as file, pytest.raises(FolderTrouble) as raised:
        files.write_beside(folder / "temporary", ReadsDifferentlyTheSecondTime(file))
    assert raised.value.failure.kind is FailureKind.UNREACHABLE
    assert "does not keep" in raised.value.failure.message


# Watching.


@pytest.fixture
def quick_look(monkeypatch):
    monkeypatch.setattr("daemon.server.folder.watching.LOOK_EVERY", 0.05)


def watched(folder: Path) -> FolderServer:
    return FolderServer(folder, threads(), os.urandom)


async def watching(server: FolderServer, changes: trio.MemorySendChannel[None]) -> None:
    async with aclosing(server.watch()) as events:
        async for _ in events:
            changes.send_nowait(None)


async def until_told(changes: trio.MemoryReceiveChannel[None], change) -> None:
    """Make a change again and again until it is told, since a watch takes a moment to begin."""
    with trio.fail_after(20):
        while True:
            await change()
            with trio.move_on_after(1.5):
                await changes.receive()
                return


async def test_a_folder_tells_when_its_blob_changes_and_stops_at_once_when_cancelled(folder, sealed):
    assert isinstance(watched(folder), Watchable)
    send, receive = trio.open_memory_channel[None](1000)

    async def store() -> None:
        (folder / f"{NAME}.blob").unlink(missing_ok=True)
        assert isinstance(await watched(folder).store(ACCOUNT, sealed, None), Stored)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watching, watched(folder), send)
        await until_told(receive, store)
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began < 2


async def test_what_was_stored_here_is_no_news_and_what_others_store_is(tmp_path, folder, sealed, monkeypatch):
    tell, told = trio.open_memory_channel[None](0)
    send, receive = trio.open_memory_channel[None](10)

    async def every_event(*_):
        async for _ in told:
            yield

    monkeypatch.setattr("daemon.server.folder.server.changes_in", every_event)
    server = watched(folder)
    stored = await server.store(ACCOUNT, sealed, None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watching, server, send)
        await tell.send(None)
        await tell.send(None)  # taken once the first was looked at
        assert receive.statistics().current_buffer_used == 0
        other = tmp_path / "other"
        other.write_bytes(b"another blob")
        assert isinstance(await watched(folder).store(ACCOUNT, other, stored.revision), Stored)
        await tell.send(None)
        with trio.fail_after(10):
            await receive.receive()
        nursery.cancel_scope.cancel()


async def test_a_watch_goes_on_when_the_folder_went_away_and_came_back(tmp_path, quick_look):
    folder = tmp_path / "folder"
    send, receive = trio.open_memory_channel[None](1000)

    async def touch() -> None:
        folder.mkdir(exist_ok=True)
        (folder / f"{NAME}.blob").write_bytes(b"blob")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watching, watched(folder), send)
        await until_told(receive, touch)
        folder.rename(tmp_path / "elsewhere")
        await until_told(receive, touch)
        await until_told(receive, touch)
        nursery.cancel_scope.cancel()
