"""Bytes to messages and back, strictly: whatever the bytes are, decoding them ends in a value or in one clear error.

A request that cannot be carried out becomes an ``Invalid``, which holds the error to answer with. It bears the
request's id wherever that can still be read, as JSON-RPC asks. Its message may repeat what the caller sent, to the
caller alone; it is not meant for logs. Replies and events come from the daemon, and what is wrong with those is
raised as ``BadAnswer``.

Before anything is decoded, the size is checked and the bytes must be UTF-8. msgspec bounds the nesting by the
interpreter's recursion limit.

Pure: no I/O, no clock.
"""

import re
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from ipc.errors import BadAnswer, Refused
from ipc.frame import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MAX_MESSAGE_BYTES,
    PARSE_ERROR,
    ErrorBody,
    Event,
    Position,
    Reply,
    Request,
    RequestId,
    Time,
)

S = TypeVar("S", bound=msgspec.Struct)

_PARAMETER = re.compile(r"field `(.*)`|\$\.(\w+)")


@dataclass(frozen=True, slots=True)
class Invalid:
    """A request that cannot be carried out: its id, if it could be read, and the error to answer with."""

    id: RequestId | None
    error: ErrorBody


class _UnreadableError(ValueError):
    """Bytes that are no message of the expected type: the JSON-RPC code, and what is wrong with them."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _AnyId(msgspec.Struct):
    id: RequestId | None = None


class _Published(msgspec.Struct):
    run: str
    seq: int
    event: str | None = None
    at: Time = ""
    data: dict[str, Any] = {}


def decode_request(raw: bytes) -> Request | Invalid:
    """Read a call. Its parameters stay raw: their type follows from the method."""
    try:
        return _decode(raw, Request)
    except _UnreadableError as error:
        prefix = "not a JSON-RPC 2.0 request: " if error.code == INVALID_REQUEST else ""
        return Invalid(_id_of(raw), ErrorBody(code=error.code, message=f"{prefix}{error}"))


def decode_params(request: Request, params_type: type[S]) -> S | Invalid:
    """Read the parameters of a call. An error names the parameter that is wrong, and its ``data`` too."""
    try:
        return _decode(bytes(request.params), params_type)
    except _UnreadableError as error:
        return Invalid(request.id, _params_error(request.method, params_type, str(error)))


def encode_request(request_id: RequestId, method: str, params: msgspec.Struct) -> bytes:
    """Write a call. Raises ``ValueError`` if it is too large to be sent."""
    body = msgspec.Raw(msgspec.json.encode(params))
    raw = msgspec.json.encode(Request(jsonrpc="2.0", id=request_id, method=method, params=body))
    if len(raw) > MAX_MESSAGE_BYTES:
        raise ValueError(_too_large(len(raw)))
    return raw


def encode_result(request_id: RequestId, result: object) -> bytes:
    """Write the answer to a call that succeeded. Raises ``ValueError`` if it is too large to be sent."""
    body = msgspec.Raw(msgspec.json.encode(result))
    raw = msgspec.json.encode(Reply(jsonrpc="2.0", id=request_id, result=body))
    if len(raw) > MAX_MESSAGE_BYTES:
        raise ValueError(_too_large(len(raw)))
    return raw


def encode_error(request_id: RequestId | None, error: ErrorBody) -> bytes:
    """Write the answer to a call that failed. One too large to be sent loses its details."""
    raw = msgspec.json.encode(Reply(jsonrpc="2.0", id=request_id, error=error))
    if len(raw) <= MAX_MESSAGE_BYTES:
        return raw
    return encode_error(request_id, ErrorBody(code=INTERNAL_ERROR, message="the error is too large to be told"))


def decode_reply(raw: bytes, request_id: RequestId, result_type: type[S]) -> S:
    """Read the answer to the call with this id. Raises ``Refused`` if it is an error, ``BadAnswer`` if it is none."""
    reply = _decode_answer(raw, Reply)
    error, result = reply.error, reply.result
    if isinstance(error, ErrorBody):
        raise Refused(error.code, error.message, error.data)
    if not isinstance(result, msgspec.Raw):
        raise BadAnswer("the daemon's answer has neither a result nor an error")
    if reply.id != request_id:
        raise BadAnswer("the daemon's answer belongs to another request")
    return _decode_answer(bytes(result), result_type)


def encode_published(message: Event | Position) -> bytes:
    """Write what goes out on the events socket."""
    return msgspec.json.encode(message)


def decode_published(raw: bytes) -> Event | Position:
    """Read what came in on the events socket. Raises ``BadAnswer``."""
    message = _decode_answer(raw, _Published)
    if message.event is None:
        return Position(run=message.run, seq=message.seq)
    return Event(run=message.run, seq=message.seq, event=message.event, at=message.at, data=message.data)


def _decode(raw: bytes, message_type: type[S]) -> S:
    if len(raw) > MAX_MESSAGE_BYTES:
        raise _UnreadableError(INVALID_REQUEST, _too_large(len(raw)))
    try:
        raw.decode()  # msgspec does not look into strings that it skips
        return msgspec.json.decode(raw, type=message_type)
    except UnicodeDecodeError as error:
        raise _UnreadableError(PARSE_ERROR, f"the message is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise _UnreadableError(PARSE_ERROR, "the message is nested too deeply") from error
    except msgspec.ValidationError as error:
        raise _UnreadableError(INVALID_REQUEST, str(error)) from error
    except msgspec.DecodeError as error:
        raise _UnreadableError(PARSE_ERROR, f"the message is no JSON: {error}") from error


def _decode_answer(raw: bytes, message_type: type[S]) -> S:
    try:
        return _decode(raw, message_type)
    except _UnreadableError as error:
        raise BadAnswer(f"the daemon's message cannot be read: {error}") from error


def _id_of(raw: bytes) -> RequestId | None:
    try:
        return _decode(raw, _AnyId).id
    except _UnreadableError:
        return None


def _params_error(method: str, params_type: type[msgspec.Struct], problem: str) -> ErrorBody:
    known = ", ".join(params_type.__struct_fields__) or "none"
    found = _PARAMETER.search(problem)
    parameter = (found[1] or found[2]) if found else None
    return ErrorBody(
        code=INVALID_PARAMS,
        message=f"wrong parameters: {problem}; the parameters of {method} are: {known}",
        data={"parameter": parameter} if parameter else None,
    )


def _too_large(size: int) -> str:
    return f"the message has {size:,} bytes; at most {MAX_MESSAGE_BYTES:,} are allowed"
