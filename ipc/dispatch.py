"""From the bytes of a request to the bytes of its answer: which method, with which parameters, and how it ended.

Every request gets an answer, whatever it is. A handler's ``Refusal`` is told to the caller as it is. Any other
exception is a fault of ours: it goes to the log, and the caller is told no more than that, since exceptions can hold
values.

At most ``changing`` methods that change something run at once, so that there is always somebody left to answer a
``status``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from ipc.codec import Invalid, decode_params, decode_request, encode_error, encode_result
from ipc.errors import Refusal
from ipc.frame import API_VERSION, BUSY, INTERNAL_ERROR, METHOD_NOT_FOUND, UNSUPPORTED_API, ErrorBody, Request
from ipc.messages import HelloParams
from ipc.once import Once

P = TypeVar("P", bound=msgspec.Struct)

OnFault = Callable[[str, BaseException], None]
SUPPORTED_APIS = (API_VERSION,)


@dataclass(frozen=True, slots=True)
class Method(Generic[P]):
    """A method: the type of its parameters, what carries it out, and whether that changes something.

    A call of a method that ``changes`` is carried out once, however often it arrives. The handler returns the
    result, or raises ``Refusal``. It is cancelled only when the server closes.
    """

    params: type[P]
    handler: Callable[[P], Awaitable[msgspec.Struct]]
    changes: bool


class Dispatcher:
    """The methods by name, what was answered lately, and what runs at the moment.

    ``on_fault`` is told the method and the exception of each fault.
    """

    def __init__(self, method_by_name: Mapping[str, Method[Any]], on_fault: OnFault, changing: int) -> None:
        self._method_by_name = method_by_name
        self._on_fault = on_fault
        self._changing_left = changing
        self._once = Once()

    async def answer(self, raw: bytes) -> bytes:
        """Carry a request out, and return its answer. Cancellation reaches the handler."""
        request = decode_request(raw)
        if isinstance(request, Invalid):
            return encode_error(request.id, request.error)
        if (error := self._objection(request)) is not None:
            return encode_error(request.id, error)
        method = self._method_by_name[request.method]
        params = decode_params(request, method.params)
        if isinstance(params, Invalid):
            return encode_error(params.id, params.error)
        if not method.changes:
            return await self._run(request, method.handler(params))
        return await self._once.answer(request, lambda: self._change(request, method, params))

    def turn_away(self, raw: bytes, message: str) -> bytes:
        """Return the answer to a request that is not even looked at, because there are too many."""
        request = decode_request(raw)
        return encode_error(request.id, ErrorBody(code=BUSY, message=message))

    def _objection(self, request: Request) -> ErrorBody | None:
        if request.api not in SUPPORTED_APIS and request.method != "hello":
            return unsupported([request.api])
        if request.method not in self._method_by_name:
            methods = sorted(self._method_by_name)
            message = f"there is no method {request.method!r}; there are: {', '.join(methods)}"
            return ErrorBody(code=METHOD_NOT_FOUND, message=message, data={"methods": methods})
        return None

    async def _change(self, request: Request, method: Method[P], params: P) -> bytes:
        if not self._changing_left:
            return encode_error(request.id, ErrorBody(code=BUSY, message="too many changes at once; try again"))
        self._changing_left -= 1
        try:
            return await self._run(request, method.handler(params))
        finally:
            self._changing_left += 1

    async def _run(self, request: Request, work: Awaitable[msgspec.Struct]) -> bytes:
        try:
            try:
                return encode_result(request.id, await work)
            except Refusal as refusal:
                body = ErrorBody(code=refusal.code, message=refusal.message, data=refusal.data)
                return encode_error(request.id, body)
        except Exception as fault:  # noqa: BLE001 - the top of a request: a fault in one must not end the others
            self._on_fault(request.method, fault)
            message = f"the daemon failed at {request.method}; its log says more"
            return encode_error(request.id, ErrorBody(code=INTERNAL_ERROR, message=message))


def choose_api(params: HelloParams) -> int:
    """Return the newest version that both sides speak. Raises ``Refusal`` if there is none."""
    common = set(params.api) & set(SUPPORTED_APIS)
    if not common:
        error = unsupported(params.api)
        raise Refusal(error.message, code=error.code, data=error.data)
    return max(common)


def unsupported(apis: list[int]) -> ErrorBody:
    """Return the error for a caller that speaks only these versions."""
    spoken, ours = (", ".join(map(str, versions)) for versions in (apis, SUPPORTED_APIS))
    message = f"the caller speaks version {spoken} of this protocol, this daemon {ours}: update the older of the two"
    return ErrorBody(code=UNSUPPORTED_API, message=message, data={"api": list(SUPPORTED_APIS)})
