"""A request that changes something is carried out once, however often it arrives.

nng's REQ sends a request again when its connection is lost, and after a minute without an answer. So the daemon
remembers, for its run, the ids of the requests that change something, with their answers. A request with a known id
gets the answer of the first, waiting for it if need be.

An id names one request of one caller, whatever connection it comes over: callers draw it at random, and one too
short to have been is refused. The same id with another method or other parameters is refused too, since one of the
two requests would be lost. The oldest answers are forgotten when there are too many, or too many bytes of them.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from ipc.codec import encode_error
from ipc.frame import INVALID_REQUEST, ErrorBody, Request

MIN_ID_LENGTH = 16
_MAX_ANSWERS = 1024
_MAX_BYTES = 4 << 20


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    done: trio.Event = field(default_factory=trio.Event)
    answer: bytes | None = None


class Once:
    """The requests of this run that changed something, and their answers."""

    def __init__(self, max_answers: int = _MAX_ANSWERS, max_bytes: int = _MAX_BYTES) -> None:
        self._max_answers = max_answers
        self._max_bytes = max_bytes
        self._entry_by_id: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0

    async def answer(self, request: Request, work: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return the answer to this request: by ``work``, unless it was or is being answered already.

        Cancelled during ``work``, the request counts as never made, and who waits for its answer starts it anew.
        """
        if not isinstance(request.id, str) or len(request.id) < MIN_ID_LENGTH:
            return _refuse(
                request, f"an id of at least {MIN_ID_LENGTH} random characters is needed to change something"
            )
        fingerprint = _fingerprint(request)
        while (entry := self._entry_by_id.get(request.id)) is not None:
            if entry.fingerprint != fingerprint:
                return _refuse(request, "this id was used for another request; every request needs an id of its own")
            await entry.done.wait()
            if entry.answer is not None:
                return entry.answer
        return await self._carry_out(request.id, _Entry(fingerprint), work)

    async def _carry_out(self, request_id: str, entry: _Entry, work: Callable[[], Awaitable[bytes]]) -> bytes:
        self._entry_by_id[request_id] = entry
        try:
            entry.answer = answer = await work()
            self._bytes += len(answer)
        finally:
            if entry.answer is None:
                del self._entry_by_id[request_id]
            entry.done.set()
        self._forget_oldest()
        return answer

    def _forget_oldest(self) -> None:
        while len(self._entry_by_id) > self._max_answers or self._bytes > self._max_bytes:
            oldest = next(key for key, entry in self._entry_by_id.items() if entry.answer is not None)
            self._bytes -= len(self._entry_by_id.pop(oldest).answer or b"")


def _fingerprint(request: Request) -> bytes:
    return hashlib.blake2b(request.method.encode() + b"\0" + bytes(request.params), digest_size=32).digest()


def _refuse(request: Request, message: str) -> bytes:
    return encode_error(request.id, ErrorBody(code=INVALID_REQUEST, message=message))
