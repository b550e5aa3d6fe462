"""One bucket as a server: an object per account, replaced by conditional writes.

Objects, below the URL's prefix: ``ACCOUNT.blob`` (the public key in base32), and ``walletsync.probe``, which says
nothing and serves to find out whether the store keeps its conditions.

A **revision** is the blob's SHA-512 (hexadecimal), a colon, and the store's ETag. The ETag is the condition of a
write; it is not believed alone, since gateways to file systems give one ETag to two contents. So the writer notes the
hash on the object, and an object counts as unchanged only if both agree; before and after a write the hash is looked
at. An object without that note is read and hashed.

A store that ignores the conditions of a write would let wallets overwrite each other unseen: ``describe`` tries that
out, and such a store is refused.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from daemon.server.base import (
    Account,
    Conflict,
    DescribeOutcome,
    Description,
    Failure,
    FailureKind,
    Fetched,
    FetchOutcome,
    NoBlob,
    Revision,
    Stored,
    StoreOutcome,
    Unchanged,
)
from daemon.server.s3.bucket import Bucket, Credentials, Seen, Trouble
from daemon.server.spool import Spool, hash_file
from daemon.server.urls import BucketUrl
from daemon.worker import Worker
from ipc import base32

LARGEST_BLOB = 1 << 30
"""No more is read of any object, in bytes: no wallet's blob is that large."""

PROBE = "walletsync.probe"
_PROBE_BODY = b"walletsync tried out here whether conditional writes are kept\n"

T = TypeVar("T")


class S3Server:
    """A bucket. ``timeout`` is for one request in all, in seconds; a worker's thread may be busy for as long.

    ``proxy`` is an ``http://`` proxy; through SOCKS no object store can be reached, and none is.
    """

    def __init__(
        self,
        url: BucketUrl,
        worker: Worker,
        credentials: Credentials | None,
        *,
        proxy: str | None = None,
        timeout: float = 300.0,
        largest_blob: int = LARGEST_BLOB,
    ) -> None:
        self._url = url
        self._worker = worker
        self._largest_blob = largest_blob
        self._unfit = _unfit(credentials, proxy)
        self._bucket = None if credentials is None or self._unfit else Bucket(url, credentials, proxy, timeout)

    async def describe(self) -> DescribeOutcome:
        """Find out whether the bucket is there and keeps its conditions. Leaves the small object of the probe."""
        try:
            is_kept = await self._on_bucket(self._probe)
        except Trouble as trouble:
            return trouble.failure
        if not is_kept:
            message = "the object store ignores the conditions of a write, so that wallets would overwrite each other"
            return Failure(FailureKind.REFUSED, message)
        return Description(str(self._url.identity))

    async def fetch(self, account: Account, known: Revision | None, spool: Path) -> FetchOutcome:
        """Fetch the blob if it is not ``known``. Unless it was fetched, no file ``spool`` is left behind.

        A cancellation waits for the piece that is just being read.
        """
        sink = Spool(spool, self._worker)
        try:
            outcome = await self._fetch(self._key(account), known, sink)
            if isinstance(outcome, Fetched):
                sink.keep()
        except Trouble as trouble:
            outcome = trouble.failure
        finally:
            sink.close()
        return outcome

    async def _fetch(self, key: str, known: Revision | None, sink: Spool) -> FetchOutcome:
        if known is not None:
            seen = await self._look(key)
            if seen is None:
                return NoBlob()
            if seen.content is not None and _revision(seen.content, seen.e_tag) == known:
                return Unchanged()
        begun = await self._on_bucket(lambda bucket: bucket.read(key))
        if begun is None:
            return NoBlob()
        seen, pieces = begun
        if seen.size > self._largest_blob or not await self._take(pieces, sink):
            most = f"{self._largest_blob:,}"
            return Failure(FailureKind.UNREADABLE, f"the object has more than {most} bytes, as no wallet's blob has")
        revision = _revision((await sink.finish()).hex(), seen.e_tag)
        return Unchanged() if revision == known else Fetched(revision, sink.size)

    async def _take(self, pieces: Iterator[bytes], sink: Spool) -> bool:
        while piece := await self._worker(partial(next, pieces, b"")):
            if sink.size + len(piece) > self._largest_blob:
                return False
            await sink.write(piece)
        return True

    async def store(self, account: Account, sealed: Path, expected: Revision | None) -> StoreOutcome:
        """Replace the blob. A cancellation waits for the request under way, and may have stored the blob or not."""
        key = self._key(account)
        with await self._worker(lambda: sealed.open("rb")) as file:
            _, digest = await self._worker(partial(hash_file, file))
            content = digest.hex()
            try:
                held = await self._look(key)
                if held is not None and held.content == content:
                    # An upload whose answer was lost is repeated: it stored what it meant to.
                    return Stored(_revision(content, held.e_tag))
                if not _is_expected(held, expected):
                    return Conflict()
                await self._worker(partial(file.seek, 0))
                replaced = None if held is None else held.e_tag
                return await self._write(key, content, lambda bucket: bucket.write(key, file, content, replaced))
            except Trouble as trouble:
                return trouble.failure

    async def _write(self, key: str, content: str, write: Callable[[Bucket], str | None]) -> StoreOutcome:
        """Write, and look at what is there then, whatever came of it: an answer may be lost, or be wrong."""
        failure: Failure | None = None
        tag: str | None = None
        try:
            tag = await self._on_bucket(write)
        except Trouble as trouble:
            failure = trouble.failure
        held = await self._look(key)
        if held is not None and (held.content == content or (held.content is None and held.e_tag == tag)):
            return Stored(_revision(content, held.e_tag))
        if failure is not None:
            return failure
        if tag is None:
            return Conflict()
        if held is None:
            return Failure(FailureKind.REFUSED, "the object store does not keep what is written to it")
        # Written, and replaced since by a wallet that had read it.
        return Stored(_revision(content, tag))

    async def _look(self, key: str) -> Seen | None:
        return await self._on_bucket(lambda bucket: bucket.look(key))

    async def _on_bucket(self, work: Callable[[Bucket], T]) -> T:
        bucket = self._bucket
        if bucket is None:
            raise Trouble(Failure(FailureKind.REFUSED, str(self._unfit)))
        return await self._worker(lambda: work(bucket))

    def _probe(self, bucket: Bucket) -> bool:
        """Write where something is, and in place of what is not there: a store that does either is unfit."""
        key = self._url.prefix + PROBE
        content = hashlib.sha512(_PROBE_BODY).hexdigest()
        bucket.write(key, _PROBE_BODY, content, None)
        written = [bucket.write(key, _PROBE_BODY, content, replaced) for replaced in (None, f'"{"0" * 32}"')]
        return written == [None, None]

    def _key(self, account: Account) -> str:
        return f"{self._url.prefix}{base32.encode(account.public_key)}.blob"


def _unfit(credentials: Credentials | None, proxy: str | None) -> str | None:
    if credentials is None:
        return (
            "no credentials for the object store: walletsyncd has to be started with AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY in its environment"
        )
    if proxy is not None and not proxy.startswith(("http://", "https://")):
        return "an object store cannot be reached through a SOCKS proxy: use an http:// proxy, or none"
    return None


def _revision(content: str, e_tag: str) -> Revision:
    return f"{content}:{e_tag}"


def _is_expected(held: Seen | None, expected: Revision | None) -> bool:
    if held is None or expected is None:
        return held is None and expected is None
    content, _, e_tag = expected.partition(":")
    # An object without a note was read when it was fetched; what its ETag says is all there is now.
    return held.e_tag == e_tag and held.content in (content, None)
