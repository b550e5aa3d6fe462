"""The four nng sockets as this project uses them; the only module that knows pynng.

nng's defaults are made for convenience among friends. What is done about each of them, and where:

- A message may be of any size, and its claimed size is allocated: ``_open`` sets a limit and checks that it holds
  (pynng ignores the error). A connection that exceeds it is dropped.
- A peer that never reads its replies keeps ``ReplyContext.reply`` waiting, in the end on every context: the server
  gives up after a time and calls ``close_connection``.
- pynng leaks the message of every send that fails or is cancelled: ``_send`` takes it back.
- A socket's mode follows the umask: ``_listen`` sets 0600 before there is a socket.
- Anybody who can open the socket is served: ``_Door`` drops connections of other users before they are used, those
  that come from one process too often, and all beyond a bound. A client checks its daemon in the same way.
- What is at the path is deleted, and a lock is needed: module ``place``. Abstract, TCP and WebSocket addresses
  reach past file permissions, and are never used: ``_url`` makes nothing but ``ipc://``.
- Contexts must be closed before their socket: each is closed where it was opened.
- REQ sends a request again by itself. Here that is switched off: a connection that is lost ends the call.
- PUB drops what a subscriber does not read, oldest first: ``messages.Event.seq`` shows it.
- When a process ends, pynng tears nng down under nng's own threads, which abort the process if they are still busy
  with a connection, as they are after a daemon that did not answer. ``_close_all`` takes the place of that: it only
  closes what is open, so that no thread of nng's calls into an interpreter that ends.

pynng's exceptions become those of ``errors`` here.
"""

import atexit
import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar
from weakref import WeakSet

import pynng
from pynng import _aio, ffi, lib

from ipc import place
from ipc.errors import AlreadyListening, IpcError, NoAnswer, SocketUnusable
from ipc.frame import MAX_MESSAGE_BYTES

_HEADER_BYTES = 64  # nng counts its own headers as part of a message; 16 are usual
_RECEIVE_LIMIT = MAX_MESSAGE_BYTES + _HEADER_BYTES
_NEVER = -1
_RECONNECT_MS = (50, 1000)  # the first wait of a client that lost its daemon, and the longest
_SLICE = 0.2  # seconds after which a blocking wait looks whether its connection was lost

T = TypeVar("T")


class Incoming(NamedTuple):
    """A message, and the number of the connection that it came over."""

    data: bytes
    connection: int


class Bounds(NamedTuple):
    """How many connections one socket takes, in all and from one process."""

    connections: int = 64
    per_process: int = 16


class _Socket:
    """What all four have in common: a pynng socket that is closed at the end of ``with``."""

    def __init__(self, socket: pynng.Socket) -> None:
        self._socket = socket
        _sockets.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket and its connections. What waits on it ends with an ``IpcError``."""
        self._socket.close()


_sockets: WeakSet[_Socket] = WeakSet()


def _close_all() -> None:
    for socket in list(_sockets):
        socket.close()


atexit.unregister(pynng.nng._pynng_atexit)
atexit.register(_close_all)


class ReplySocket(_Socket):
    """The daemon's side of calls: listens at ``path``. Raises ``SocketUnusable`` or ``AlreadyListening``."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        super().__init__(_open(pynng.Rep0))
        _listen(self._socket, path, bounds)

    @contextmanager
    def context(self) -> Iterator["ReplyContext"]:
        """Open one of several places at which a request is taken and answered at a time."""
        context = self._socket.new_context()
        try:
            yield ReplyContext(context)
        finally:
            _close_context(context)

    def close_connection(self, connection: int) -> None:
        """Drop a connection. What is being sent over it is lost. One that is gone already is no error."""
        pipe = ffi.new("nng_pipe *")
        pipe.id = connection
        lib.nng_pipe_close(pipe[0])


class ReplyContext:
    """One place at which a request is taken and answered. Receiving a new request drops an unanswered one."""

    def __init__(self, context: pynng.Context) -> None:
        self._context = context

    async def receive(self) -> Incoming:
        """Wait for a request. Cancelled, no request is lost."""
        with _translated(), _aio.AIOHelper(self._context, "trio") as aio:
            message = await aio.arecv_msg()
            pipe = lib.nng_msg_get_pipe(message._nng_msg)  # pynng's own way there leaks a pipe that is gone already
            return Incoming(message.bytes, lib.nng_pipe_id(pipe))

    async def reply(self, data: bytes) -> None:
        """Answer the last request. Returns when nng has taken the answer; cancelled, nothing is sent."""
        with _translated():
            await _send(self._context, data)


class PublishSocket(_Socket):
    """The daemon's side of events: listens at ``path``. Raises ``SocketUnusable`` or ``AlreadyListening``.

    ``on_subscriber`` is called, in a thread of nng's, whenever somebody has subscribed.
    """

    def __init__(self, path: Path, bounds: Bounds, on_subscriber: Callable[[], None]) -> None:
        super().__init__(_open(pynng.Pub0))
        self._socket.add_post_pipe_connect_cb(lambda _pipe: on_subscriber())
        _listen(self._socket, path, bounds)

    def send(self, data: bytes) -> None:
        """Send to all subscribers. Never waits: what a subscriber does not read is dropped. Once closed, all is."""
        with _translated(), suppress(pynng.Closed):
            self._socket.send(data, block=False)


class RequestSocket(_Socket):
    """A frontend's side of calls. Connects to ``path``, and again whenever the connection is lost.

    Raises ``NotRunning`` if nobody listens there. Not for several threads at once.
    """

    def __init__(self, path: Path) -> None:
        place.check_listening(path)
        super().__init__(_open(pynng.Req0, resend_time=_NEVER))
        self._path = path
        _dial(self._socket, path)

    async def exchange(self, data: bytes) -> bytes:
        """Send a request and wait for its answer, beside others. Raises ``NotRunning`` or ``NoAnswer``.

        Cancelled, the answer is dropped; whether the request arrived is not known.
        """
        place.check_listening(self._path)  # or nng waits for a daemon
        with _translated():
            context = self._socket.new_context()
            try:
                await _send(context, data)
                with _aio.AIOHelper(context, "trio") as aio:
                    return bytes(await aio.arecv())
            finally:
                _close_context(context)

    def exchange_blocking(self, data: bytes, timeout: float) -> bytes:
        """Send a request and wait for its answer, at most ``timeout`` seconds. Raises ``NotRunning`` or ``NoAnswer``.

        Python's signal handlers run while it waits.
        """
        place.check_listening(self._path)  # or nng waits for a daemon
        deadline = time.monotonic() + timeout
        with _translated():
            _attempt(lambda: self._socket.send(data, block=False), self._socket.send_fd, deadline)
            return bytes(_attempt(lambda: self._socket.recv(block=False), self._socket.recv_fd, deadline))


class SubscribeSocket(_Socket):
    """A frontend's side of events. Connects to ``path``, and again whenever the connection is lost.

    Raises ``NotRunning`` if nobody listens there.
    """

    def __init__(self, path: Path) -> None:
        place.check_listening(path)
        super().__init__(_open(pynng.Sub0, topics=b""))
        _dial(self._socket, path)

    async def receive(self) -> bytes:
        """Wait for what is published next. Cancelled, nothing is lost."""
        with _translated(), _aio.AIOHelper(self._socket, "trio") as aio:
            return bytes(await aio.arecv())


class _Door:
    """Decides which connections a socket has. nng calls it in threads of its own, one at a time."""

    def __init__(self, socket: pynng.Socket, bounds: Bounds | None) -> None:
        self._bounds = bounds
        self._process_by_connection: dict[int, int] = {}
        socket.add_pre_pipe_connect_cb(self._enter)
        socket.add_post_pipe_remove_cb(self._leave)

    def _enter(self, pipe: pynng.Pipe) -> None:
        with suppress(pynng.NNGException):  # the peer is gone already
            process = _peer(pipe, b"ipc:peer-pid")
            if _peer(pipe, b"ipc:peer-uid") == os.geteuid() and self._has_room(process):
                self._process_by_connection[pipe.id] = process
                return
        with suppress(pynng.NNGException):
            pipe.close()

    def _leave(self, pipe: pynng.Pipe) -> None:
        self._process_by_connection.pop(pipe.id, None)

    def _has_room(self, process: int) -> bool:
        if self._bounds is None:
            return True
        processes = list(self._process_by_connection.values())
        return len(processes) < self._bounds.connections and processes.count(process) < self._bounds.per_process


def _peer(pipe: pynng.Pipe, option: bytes) -> int:
    value = ffi.new("uint64_t *")
    pynng.check_err(lib.nng_pipe_get_uint64(pipe.pipe, option, value))
    return int(value[0])


def _open(kind: type[pynng.Socket], **options: object) -> pynng.Socket:
    socket = kind(recv_max_size=_RECEIVE_LIMIT, async_backend="trio", **options)
    if socket.recv_max_size != _RECEIVE_LIMIT:
        socket.close()
        raise SocketUnusable("nng does not bound the size of messages")
    return socket


def _listen(socket: pynng.Socket, path: Path, bounds: Bounds) -> None:
    _Door(socket, bounds)
    try:
        place.check_length(path)
        place.check_free(path)
        pynng.options._setopt_int(socket, b"ipc:permissions", 0o600)
        socket.listen(_url(path))
    except pynng.AddressInUse as error:
        socket.close()
        raise AlreadyListening(f"another daemon listens at {path}") from error
    except pynng.NNGException as error:
        socket.close()
        raise SocketUnusable(f"nng cannot listen at {path}: {error}") from error
    except SocketUnusable:
        socket.close()
        raise


def _dial(socket: pynng.Socket, path: Path) -> None:
    _Door(socket, bounds=None)
    socket.reconnect_time_min, socket.reconnect_time_max = _RECONNECT_MS
    socket.dial(_url(path), block=False)


def _url(path: Path) -> bytes:
    return b"ipc://" + os.fsencode(path)


async def _send(context: pynng.Context, data: bytes) -> None:
    with _aio.AIOHelper(context, "trio") as aio:
        try:
            await aio.asend(data)
        except BaseException:
            unsent = lib.nng_aio_get_msg(aio.aio)
            if unsent != ffi.NULL:
                lib.nng_msg_free(unsent)
            raise


def _attempt(operation: Callable[[], T], descriptor: int, deadline: float) -> T:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        remaining = deadline - time.monotonic()
        poll.poll(max(0.0, min(remaining, _SLICE)) * 1000)
        try:
            return operation()
        except pynng.TryAgain:
            if remaining <= 0:
                raise NoAnswer("the daemon did not answer in time") from None


def _close_context(context: pynng.Context) -> None:
    with suppress(pynng.Closed):  # the socket was closed under it
        context.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except pynng.ConnectionReset as error:
        raise NoAnswer("the connection to the daemon ended before it answered") from error
    except pynng.Closed as error:
        raise IpcError("the socket was closed") from error
    except pynng.NNGException as error:
        raise IpcError(f"nng failed: {error}") from error
