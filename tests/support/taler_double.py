"""A double of the GNU Taler sync server, on a loopback port or without sockets.

``serve`` puts a TalerDouble on a loopback port, with real early answers and closed connections; ``InMemoryTransport``
puts it behind an httpx client without sockets, for simulations under a jumping clock.
"""

import contextlib
import math
from collections.abc import AsyncIterator

import h11
import httpx
import trio
from support.taler_messages import Accepted, Delivery, Request, Response
from support.taler_rules import TalerDouble

__all__ = ["Delivery", "InMemoryTransport", "TalerDouble", "answer_connection", "serve"]

# Without sockets.


class InMemoryTransport(httpx.AsyncBaseTransport):
    """An httpx transport that ends in a double. ``latency`` seconds pass before an answer and before each 64 kB."""

    def __init__(self, double: TalerDouble, latency: float = 0.0) -> None:
        self.double = double
        self._latency = latency

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.sleep(self._latency)
        if self.double.is_down:
            raise httpx.ConnectError("the double is down", request=request)
        header = {name.lower(): value for name, value in reversed(request.headers.multi_items())}
        target = request.url.raw_path.decode("ascii")
        response = self.double.begin(Request(request.method, target, header))
        if isinstance(response, Accepted):
            assert isinstance(request.stream, httpx.AsyncByteStream)
            body = b"".join([piece async for piece in request.stream])
            await trio.sleep(self._latency)
            response = self.double.finish(response, body)
        if response.delivery in (Delivery.DROPPED, Delivery.LOST):
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if response.delivery is Delivery.STALLED:
            await trio.sleep_forever()
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response, self._latency), request=request
        )


class _Body(httpx.AsyncByteStream):
    """An answer's body, in pieces. An iterator of its own, so that dropping it half read leaves nothing behind."""

    def __init__(self, response: Response, latency: float) -> None:
        self._response = response
        self._latency = latency
        self._rest = response.body
        self._is_closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(self._latency)
        if self._is_closed:
            raise httpx.StreamClosed
        if self._response.delivery is Delivery.STALLED_BODY:
            await trio.sleep_forever()
        if self._response.delivery is Delivery.ENDLESS:
            return bytes(65536)
        size = len(self._response.body)
        if self._response.delivery is Delivery.CUT and len(self._rest) <= size // 2:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
        if not self._rest:
            raise StopAsyncIteration
        step = max(1, min(65536, size // 2))
        piece, self._rest = self._rest[:step], self._rest[step:]
        return piece

    async def aclose(self) -> None:
        self._is_closed = True


# With sockets.


@contextlib.asynccontextmanager
async def serve(double: TalerDouble) -> AsyncIterator[str]:
    """Serve the double on a loopback port and yield its base URL. Leaving ends all connections."""

    async def connection(stream: trio.SocketStream) -> None:
        await answer_connection(double, stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, connection, listeners)
        port = listeners[0].socket.getsockname()[1]
        yield f"http://127.0.0.1:{port}/"
        nursery.cancel_scope.cancel()


async def answer_connection(double: TalerDouble, stream: trio.abc.Stream) -> None:
    """Answer one connection, until one of its ends has enough."""
    async with stream:
        with contextlib.suppress(trio.BrokenResourceError, h11.RemoteProtocolError):
            await _converse(double, stream)


async def _converse(double: TalerDouble, stream: trio.abc.Stream) -> None:
    """Answer one connection's requests. Every answer given before a body is read ends the connection."""
    http = h11.Connection(h11.SERVER)
    while True:
        event = await _event(http, stream)
        if not isinstance(event, h11.Request):
            return
        header = {name.decode("ascii"): value.decode("latin-1") for name, value in reversed(list(event.headers))}
        begun = double.begin(Request(event.method.decode("ascii"), event.target.decode("ascii"), header))
        if not isinstance(begun, Accepted):
            # A client that only sends does not read a long answer. The real server gives up after 10 seconds.
            early = header.get("content-length", "0") != "0" and begun.delivery is Delivery.WHOLE
            with trio.move_on_after(0.05 if early else math.inf):
                await _answer(http, stream, begun, "close")
            return
        pieces = []
        while isinstance(event := await _event(http, stream), h11.Data):
            pieces.append(event.data)
        if not await _answer(http, stream, double.finish(begun, b"".join(pieces)), "keep-alive"):
            return
        http.start_next_cycle()


async def _event(http: h11.Connection, stream: trio.abc.Stream) -> h11.Event | type[h11.NEED_DATA]:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(bytes(await stream.receive_some()))
    return event  # type: ignore[return-value]


async def _answer(http: h11.Connection, stream: trio.abc.Stream, response: Response, connection: str) -> bool:
    """Send an answer as far as its delivery lets it come, and tell whether the connection goes on."""
    if response.delivery in (Delivery.DROPPED, Delivery.LOST):
        return False
    if response.delivery is Delivery.STALLED:
        await trio.sleep_forever()
    # Written by hand: h11 would not let us break the promises of the header.
    lines = [f"HTTP/1.1 {response.status} -", f"Connection: {connection}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    await stream.send_all("\r\n".join([*lines, "", ""]).encode("latin-1"))
    match response.delivery:
        case Delivery.STALLED_BODY:
            await trio.sleep_forever()
        case Delivery.ENDLESS:
            while True:
                await stream.send_all(bytes(65536))
        case Delivery.CUT:
            await stream.send_all(response.body[: len(response.body) // 2])
            return False
        case _:
            await stream.send_all(response.body)
    if connection == "close":
        return False
    http.send(h11.Response(status_code=response.status, headers=[("Content-Length", str(len(response.body)))]))
    if response.status != 204:
        http.send(h11.Data(data=response.body))
    http.send(h11.EndOfMessage())
    return True
