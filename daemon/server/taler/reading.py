"""Reads what a sync server holds, and believes no more of it than it can check.

A blob is named by the hash of its bytes, never by a header, and must bear the account's signature over its
predecessor's hash and its own. The ``ETag`` is taken for one thing only: that nothing changed since the revision that
the caller knows. Then the body is not read at all.
"""

from dataclasses import dataclass

from daemon.server.base import Account, Failure, FailureKind, NoBlob, Payment, Revision, Unchanged
from daemon.server.spool import Spool
from daemon.server.taler import answers, values
from daemon.server.taler.memory import Memory
from daemon.server.taler.values import Problem
from daemon.server.taler.web import NoAnswerError, Reply, Web


@dataclass(frozen=True, slots=True)
class Held:
    """What the server holds, from the bytes themselves: their hash, and their signed predecessor's."""

    digest: bytes
    previous: bytes
    sealed_bytes: int


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads from one server. ``largest_blob`` is the most that is read of an answer, in bytes."""

    web: Web
    memory: Memory
    largest_blob: int

    async def read(
        self, account: Account, known: Revision | None, sink: Spool, *, conditional: bool = True
    ) -> Held | Unchanged | NoBlob | Failure:
        """Read the account's blob into the sink, unless the server still holds ``known``. Raises NoAnswerError."""
        headers = {}
        if known is not None and conditional and self.memory.dialect is not None:
            # Servers of the quoted dialect ignore this by mistake, until one of them no longer does.
            headers["If-None-Match"] = self.memory.dialect.tag(known)
        async with self.web.exchange("GET", values.account_path(account.public_key), headers) as reply:
            match reply.status:
                case 200:
                    return await self._receive(reply, account, known, sink)
                case 204:
                    return NoBlob()
                case 304 if headers:
                    return Unchanged()
            problem = await read_problem(reply)
            if answers.is_account_unknown(reply.status, problem):
                return NoBlob()
            if not (headers and answers.is_wrong_dialect(reply.status, problem)):
                return refusal(reply, problem, self.memory.payment)
        return await self.read(account, known, sink, conditional=False)

    async def _receive(
        self, reply: Reply, account: Account, known: Revision | None, sink: Spool
    ) -> Held | Unchanged | Failure:
        tag = values.read_tag(reply.headers.get("etag"))
        if tag is not None:
            tagged, self.memory.dialect = tag
            if tagged == known:
                return Unchanged()
        signature = values.decode_header(reply.headers.get("sync-signature"), values.SIGNATURE_BYTES)
        previous = values.decode_header(reply.headers.get("sync-previous"), values.HASH_BYTES)
        if signature is None or previous is None or reply.is_packed:
            return Failure(FailureKind.REFUSED, "what answers there does not answer as a sync server does")
        if not await self._take(reply, sink):
            most = f"{self.largest_blob:,}"
            return Failure(FailureKind.UNREADABLE, f"the server's blob has more than {most} bytes, as no wallet's has")
        digest = await sink.finish()
        if not values.is_signed(account.public_key, previous, digest, signature):
            return Failure(FailureKind.UNREADABLE, "the server's blob is forged or damaged: its signature is wrong")
        self.memory.note_previous(values.revision_of(previous))
        return Held(digest, previous, sink.size)

    async def _take(self, reply: Reply, sink: Spool) -> bool:
        """Read the body, unless it is larger than any blob is."""
        length = self.largest_blob if reply.length is None else reply.length
        if length > self.largest_blob:
            return False
        reply.expect(length)
        while piece := await reply.piece():
            if sink.size + len(piece) > self.largest_blob:
                return False
            await sink.write(piece)
        return True


async def read_problem(reply: Reply) -> Problem | None:
    """Read the body of a refusal. ``None`` if it is not JSON of a sync server, or did not arrive."""
    if reply.is_packed:
        return None
    try:
        return values.read_problem(await reply.body())
    except NoAnswerError:
        # The status is here, and says more than that the connection broke after it.
        return None


def refusal(reply: Reply, problem: Problem | None, pending: Payment | None) -> Failure:
    """Say what a refusal means that is no part of the protocol's ordinary course."""
    target = reply.headers.get("location")
    if target is not None and 300 <= reply.status < 400:
        return answers.moved(target)
    if reply.status == 408 and pending is not None:
        return answers.payment_required(pending)
    return answers.failure(reply.status, problem, values.retry_after(reply.headers))
