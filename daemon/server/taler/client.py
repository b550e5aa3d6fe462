"""One GNU Taler sync server as a server: fetch, store and describe, by the protocol as the servers really speak it.

When an upload is believed to be stored:

- The server says 204. After a 304, which servers also give to the loser of two first uploads, after any first upload,
  and after a connection that broke in between, the server is asked for what it holds, and the hash of that decides.
  A blob whose signed predecessor is ours means: stored, and superseded by another wallet since.
- A server that lost its blob (404/6111, 500/56) while it is to be replaced answers the upload with a conflict; the
  fetch that follows finds no blob, and the caller starts over with a first upload.
- What the server says of itself is asked again where it matters: its limit when a blob exceeds it, its price when it
  begins to want to be paid.
- An account that the server does not know (404/6100) holds no blob: the first upload makes it, and may ask for money.
  Once paid, the same upload is simply repeated.

``Expect: 100-continue`` would spare the body of uploads that are refused; httpx cannot wait for it. The servers answer
such uploads early and close, and nearly always their answer's header arrives all the same. Where it does not, this is
a connection that broke, as above.
"""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import assert_never

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
from daemon.server.spool import Spool, hash_file
from daemon.server.taler import answers, values
from daemon.server.taler.memory import Memory
from daemon.server.taler.reading import Held, Reader, read_problem, refusal
from daemon.server.taler.values import Dialect
from daemon.server.taler.web import FileBody, NoAnswerError, Patience, Reply, Transport, Way, Web, open_web
from daemon.server.urls import TalerUrl
from daemon.worker import Worker
from ipc import base32

LARGEST_BLOB = 1 << 30
"""No more is read of any answer, in bytes: no wallet's blob is that large."""


@dataclass(frozen=True, slots=True)
class _Upload:
    """What one call of ``store`` wants: replace the blob with hash ``old`` by the file with hash ``new``."""

    account: Account
    old: bytes
    new: bytes
    body: FileBody
    query: str

    @property
    def is_first(self) -> bool:
        return self.old == values.NO_BLOB


class TalerServer:
    """A sync server at one base address. ``memory`` is read, and changed as things are learnt."""

    def __init__(
        self,
        url: TalerUrl,
        web: Web,
        worker: Worker,
        memory: MutableMapping[str, str],
        largest_blob: int = LARGEST_BLOB,
    ) -> None:
        self.memory = memory
        self._url = url
        self._web = web
        self._worker = worker
        self._known = Memory(memory)
        self._reader = Reader(web, self._known, largest_blob)

    @property
    def limit_bytes(self) -> int | None:
        """The largest blob that the server takes, in bytes, as it said last."""
        return self._known.limit

    async def describe(self) -> DescribeOutcome:
        """Read ``/config``. Nothing on the server changes."""
        try:
            async with self._web.exchange("GET", "config") as reply:
                if reply.status != 200:
                    return refusal(reply, await read_problem(reply), self._known.payment)
                config = values.read_config(await reply.body())
        except NoAnswerError as error:
            return _unreachable(error)
        except values.ConfigError as error:
            return Failure(FailureKind.REFUSED, str(error))
        self._known.note_config(config)
        return Description(self._url.url, config.limit_bytes)

    async def fetch(self, account: Account, known: Revision | None, spool: Path) -> FetchOutcome:
        """Fetch the blob if it is not ``known``. Unless it was fetched, no file ``spool`` is left behind."""
        sink = Spool(spool, self._worker)
        try:
            held = await self._reader.read(account, known, sink)
            if not isinstance(held, Held):
                return held
            revision = values.revision_of(held.digest)
            if revision == known:
                return Unchanged()
            sink.keep()
            return Fetched(revision, held.sealed_bytes)
        except NoAnswerError as error:
            return _unreachable(error)
        finally:
            sink.close()

    async def store(
        self, account: Account, sealed: Path, expected: Revision | None, *, fresh: bool = False
    ) -> StoreOutcome:
        """Replace the blob. ``fresh`` asks for a new order where a payment is due, if the old one cannot be paid.

        Cancelled, it may have stored the blob or not.
        """
        file = await self._worker(lambda: sealed.open("rb"))
        with file:
            size, new = await self._worker(partial(hash_file, file))
            if self._exceeds_limit(size):
                await self.describe()  # it may take more by now
            if (limit := self._known.limit) is not None and self._exceeds_limit(size):
                return answers.too_large(size, limit, None)
            old = values.NO_BLOB if expected is None else base32.decode(expected, values.HASH_BYTES)
            body = FileBody(file, size, self._worker)
            return await self._store(_Upload(account, old, new, body, "?fresh=yes" if fresh else ""))

    async def store_with_new_order(self, account: Account, sealed: Path, expected: Revision | None) -> StoreOutcome:
        """Replace the blob; where a payment is due, have a new order made. Cancelled, it may have stored or not."""
        return await self.store(account, sealed, expected, fresh=True)

    def _exceeds_limit(self, size: int) -> bool:
        return self._known.limit is not None and size > self._known.limit

    async def _store(self, upload: _Upload) -> StoreOutcome:
        try:
            outcome = await self._send_in_either_dialect(upload)
        except NoAnswerError as error:
            outcome = await self._ask(upload, _unreachable(error)) if error.acted else _unreachable(error)
        if isinstance(outcome, Stored):
            self._known.note_previous(values.revision_of(upload.old))
            self._known.payment = None
        return outcome

    async def _send_in_either_dialect(self, upload: _Upload) -> StoreOutcome:
        dialect = self._known.dialect or Dialect.QUOTED
        outcome = await self._send(upload, dialect)
        if outcome is not None:
            return outcome
        outcome = await self._send(upload, dialect.other)
        if outcome is None:
            return Failure(FailureKind.REFUSED, "the server reads our tags neither with quotes nor without")
        self._known.dialect = dialect.other
        return outcome

    async def _send(self, upload: _Upload, dialect: Dialect) -> StoreOutcome | None:
        """Send the blob once; ``None`` if the server does not speak this dialect. Raises NoAnswerError."""
        headers = values.upload_headers(upload.account, upload.old, upload.new, dialect)
        headers["Content-Type"] = "application/octet-stream"
        path = values.account_path(upload.account.public_key) + upload.query
        async with self._web.exchange("POST", path, headers, upload.body) as reply:
            if reply.status == 204 and not upload.is_first:
                return Stored(values.revision_of(upload.new))
            if reply.status not in (204, 304):
                return await self._refused(upload, reply)
        claim = "the server says that it stored the blob, but does not hold it"
        return await self._ask(upload, Failure(FailureKind.REFUSED, claim))

    async def _refused(self, upload: _Upload, reply: Reply) -> StoreOutcome | None:
        if reply.status == 409:
            return Conflict()
        if reply.status == 402:
            return await self._payment(reply)
        problem = await read_problem(reply)
        if reply.status == 413:
            return answers.too_large(upload.body.size, self._known.limit, problem)
        if answers.is_wrong_dialect(reply.status, problem):
            return None
        if not upload.is_first and answers.is_backup_lost(reply.status, problem):
            return Conflict()
        return refusal(reply, problem, self._known.payment)

    async def _payment(self, reply: Reply) -> Failure:
        if self._known.payment is None:
            await self.describe()  # the price may be another one than it was
        payment = values.read_payment(reply.headers.get("taler"), self._known.fee)
        if payment is None:
            return Failure(FailureKind.REFUSED, "the server wants to be paid, but does not say how")
        self._known.payment = payment
        return answers.payment_required(payment)

    async def _ask(self, upload: _Upload, otherwise: Failure) -> StoreOutcome:
        """Find out what became of an upload: ``otherwise``, if the server still holds what it held before."""
        sink = Spool(None, self._worker)
        try:
            held = await self._reader.read(upload.account, None, sink)
        except NoAnswerError as error:
            return Failure(FailureKind.UNREACHABLE, f"whether the blob was stored is not known: {error}")
        match held:
            case Held():
                if upload.new in (held.digest, held.previous):
                    return Stored(values.revision_of(upload.new))
                return otherwise if held.digest == upload.old else Conflict()
            case NoBlob() | Unchanged():
                return otherwise if upload.is_first else Conflict()
            case Failure():
                return held
            case _:
                assert_never(held)


def _unreachable(error: NoAnswerError) -> Failure:
    return Failure(FailureKind.UNREACHABLE, str(error))


@asynccontextmanager
async def open_taler_server(
    url: TalerUrl,
    worker: Worker,
    memory: MutableMapping[str, str],
    *,
    way: Way | None = None,
    patience: Patience | None = None,
    transport: Transport | None = None,
    largest_blob: int = LARGEST_BLOB,
) -> AsyncIterator[TalerServer]:
    """Open one sync server. ``transport`` takes the place of sockets, for a simulation."""
    async with open_web(url, way or Way(), patience or Patience(), transport) as web:
        yield TalerServer(url, web, worker, memory, largest_blob)
