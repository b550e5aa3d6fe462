"""Sealed blobs between the network and files: hashed as they pass, in pieces, through a worker."""

import hashlib
import os
from functools import partial
from io import BufferedReader, BufferedWriter
from pathlib import Path

from daemon.worker import Worker

_WRITE_BYTES = 1 << 18


class Spool:
    """Takes a blob in pieces, hashes it, and writes it into a file of mode 0600, or nowhere.

    The file stays only if ``keep`` was called; closing without that removes it.
    """

    def __init__(self, path: Path | None, worker: Worker) -> None:
        self.size = 0
        self._path = path
        self._worker = worker
        self._hash = hashlib.sha512()
        self._waiting = bytearray()
        self._file: BufferedWriter | None = None
        self._kept = False

    async def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.size += len(piece)
        self._waiting += piece
        if len(self._waiting) >= _WRITE_BYTES:
            await self._flush()

    async def finish(self) -> bytes:
        """Write what is left and return the blob's SHA-512."""
        await self._flush()
        return self._hash.digest()

    def keep(self) -> None:
        """Let the file stay."""
        self._kept = True

    async def _flush(self) -> None:
        await self._worker(partial(self._take, bytes(self._waiting)))
        self._waiting.clear()

    def _take(self, data: bytes) -> None:
        self._hash.update(data)
        if self._path is not None:
            if self._file is None:
                self._file = _create(self._path)
            self._file.write(data)

    def close(self) -> None:
        """Close the file, and remove it unless it is to be kept."""
        if self._file is not None:
            self._file.close()
        if self._path is not None and not self._kept:
            self._path.unlink(missing_ok=True)


def _create(path: Path) -> BufferedWriter:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "wb")


def hash_file(file: BufferedReader) -> tuple[int, bytes]:
    """Return the size and the SHA-512 of an open file, from its start. It blocks: give it to a worker."""
    digest = hashlib.file_digest(file, "sha512").digest()
    return file.tell(), digest
