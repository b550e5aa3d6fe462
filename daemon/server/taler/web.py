"""HTTP to one server: requests with a bounded answer in bounded time, and redirects within its origin.

This is the only module of this kind of server that knows httpx. httpx's exceptions end here, as NoAnswerError.

What httpx does not do by itself is done here: a time limit on the whole exchange, which grows with the bytes that are
to be moved; a limit on an answer's size; redirects that stay with the origin (a redirect elsewhere is shown to a
person, since the account's identity is the address); no cookies; nothing taken from the environment; no compression,
so that no answer unpacks into more than came.

HTTP/1.1 only: httpx's HTTP/2 disturbs other requests when one is cancelled.
"""

import http.cookiejar
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Self

import httpx
import trio

from daemon.server.urls import TalerUrl
from daemon.worker import Worker

Transport = httpx.AsyncBaseTransport
"""What can take the place of sockets."""

PIECE_BYTES = 1 << 16
_MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_REDIRECTS_WITH_BODY = (307, 308)  # the others would turn an upload into a GET


class NoAnswerError(Exception):
    """No whole answer came. ``acted`` tells whether the server may have done what was asked all the same."""

    def __init__(self, message: str, *, acted: bool) -> None:
        super().__init__(message)
        self.acted = acted


@dataclass(frozen=True, slots=True)
class Way:
    """How servers are reached.

    ``proxy`` (``http://`` or ``socks5h://``) is used for all but this machine itself; ``.onion`` addresses go through
    ``tor``. Host names are resolved by a SOCKS proxy, never here. ``authorities`` is a file of certificates to trust
    instead of the system's.
    """

    proxy: str | None = None
    tor: str = "socks5h://127.0.0.1:9050"
    authorities: Path | None = None

    def proxy_for(self, url: TalerUrl) -> str | None:
        """Return the proxy to use, if any."""
        if url.is_onion:
            return self.tor
        return None if url.is_loopback else self.proxy


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an exchange may take, in seconds: to connect, without any progress, and altogether.

    Altogether means until the answer's header, and again until its end; ``slowest`` bytes a second are added to each.
    """

    connect: float = 20.0
    stall: float = 30.0
    answer: float = 60.0
    slowest: float = 16_000.0
    longest: float = 3600.0

    def for_bytes(self, count: int) -> float:
        """Return the time allowed for an exchange that moves this many bytes in one direction."""
        return min(self.answer + count / self.slowest, self.longest)


class FileBody(httpx.AsyncByteStream):
    """An open file as the body of a request: it starts anew each time that it is iterated over."""

    def __init__(self, file: BufferedReader, size: int, worker: Worker) -> None:
        self.size = size
        self._file = file
        self._worker = worker

    def __aiter__(self) -> AsyncIterator[bytes]:
        # Not an async generator: httpx drops the body half read where the answer comes early, and a generator would
        # then be closed by the garbage collector. (That is also why httpx is not given it as content, but as stream.)
        return _Pieces(self._file, self._worker)


class _Pieces:
    def __init__(self, file: BufferedReader, worker: Worker) -> None:
        self._file = file
        self._worker = worker
        self._offset = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._worker(partial(os.pread, self._file.fileno(), PIECE_BYTES, self._offset))
        if not piece:
            raise StopAsyncIteration
        self._offset += len(piece)
        return piece


class Reply:
    """An answer whose header is here and whose body is still to be read, if at all."""

    def __init__(self, response: httpx.Response, deadline: trio.CancelScope, patience: Patience) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._deadline = deadline
        self._patience = patience
        self._pieces: AsyncIterator[bytes] | None = None

    @property
    def length(self) -> int | None:
        """The announced length of the body in bytes."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None

    @property
    def is_packed(self) -> bool:
        """Whether the body came compressed, which we did not ask for and do not unpack."""
        return self.headers.get("content-encoding", "identity").lower() != "identity"

    def expect(self, count: int) -> None:
        """Allow the time that a body of this many bytes may take from now on."""
        self._deadline.deadline = trio.current_time() + self._patience.for_bytes(count)

    async def piece(self) -> bytes:
        """Return the next bytes of the body, and none at its end. Raises NoAnswerError."""
        if self._pieces is None:
            self._pieces = aiter(self._response.aiter_raw())
        with _translated():
            return await anext(self._pieces, b"")

    async def body(self, most: int = PIECE_BYTES) -> bytes:
        """Return the whole body of a small answer, or its beginning. Raises NoAnswerError."""
        read = b""
        while len(read) < most and (piece := await self.piece()):
            read += piece
        return read[:most]

    async def aclose(self) -> None:
        """Give the connection up, or back if the body was read to its end."""
        with trio.CancelScope(shield=True):
            await self._response.aclose()
            # httpx reads through a chain of async generators. After the connection is closed they end with an error
            # each; left alone, they would be closed by the garbage collector, at a moment of its own.
            if self._pieces is not None:
                try:
                    while await anext(self._pieces, b""):
                        pass
                except (httpx.HTTPError, httpx.StreamError):
                    pass


class Web:
    """One server's address and the client that talks to it. Closed by leaving ``open_web``."""

    def __init__(self, client: httpx.AsyncClient, base: str, patience: Patience) -> None:
        self._client = client
        self._base = base
        self._patience = patience

    @asynccontextmanager
    async def exchange(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: FileBody | None = None
    ) -> AsyncIterator[Reply]:
        """Send a request and yield the answer; what is not read of it is given up.

        Raises NoAnswerError, also from within the block. A cancelled upload may have reached the server or not.
        """
        sent = {**(headers or {}), **({"Content-Length": str(body.size)} if body is not None else {})}
        allowed = self._patience.for_bytes(body.size if body is not None else 0)
        with _translated(), trio.fail_after(allowed) as deadline:
            response = await self._send(method, self._base + path, sent, body)
            reply = Reply(response, deadline, self._patience)
            try:
                yield reply
            finally:
                await reply.aclose()

    async def _send(self, method: str, url: str, headers: dict[str, str], body: FileBody | None) -> httpx.Response:
        response = await self._send_once(method, url, headers, body)
        for _ in range(_MOST_REDIRECTS):
            target = _redirect(response, method)
            if target is None:
                break
            await response.aclose()
            response = await self._send_once(method, target, headers, body)
        return response

    async def _send_once(self, method: str, url: str, headers: dict[str, str], body: FileBody | None) -> httpx.Response:
        request = self._client.build_request(method, url, headers=headers)
        if body is not None:
            request.stream = body
        return await self._client.send(request, stream=True, follow_redirects=False)


def _redirect(response: httpx.Response, method: str) -> str | None:
    """Return where a redirect leads, if it is one that may be followed."""
    location = response.headers.get("location")
    if location is None or response.status_code not in (_REDIRECTS if method == "GET" else _REDIRECTS_WITH_BODY):
        return None
    here = response.request.url
    try:
        there = here.join(location)
    except httpx.InvalidURL:
        return None
    same_origin = (there.scheme, there.host, there.port) == (here.scheme, here.host, here.port)
    return str(there) if same_origin else None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise NoAnswerError(_why_no_connection(error), acted=False) from error
    except (httpx.TimeoutException, trio.TooSlowError) as error:
        raise NoAnswerError("the server stopped answering", acted=True) from error
    except httpx.TransportError as error:
        raise NoAnswerError("the connection broke before the whole answer was here", acted=True) from error


def _why_no_connection(error: httpx.TransportError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the server's certificate is not trusted: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ProxyError):
        return "the proxy does not connect to the server"
    return "the server cannot be reached"


@asynccontextmanager
async def open_web(
    url: TalerUrl, way: Way, patience: Patience, transport: Transport | None = None
) -> AsyncIterator[Web]:
    """Open an HTTP client for one server. ``transport`` takes the place of sockets, for a simulation."""
    async with httpx.AsyncClient(
        transport=transport or _transport(url, way),
        timeout=httpx.Timeout(patience.stall, connect=patience.connect),
        headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "walletsync"},
        cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
    ) as client:
        yield Web(client, url.url, patience)


def _transport(url: TalerUrl, way: Way) -> httpx.AsyncHTTPTransport:
    authorities = None if way.authorities is None else str(way.authorities)
    return httpx.AsyncHTTPTransport(
        verify=ssl.create_default_context(cafile=authorities),
        http1=True,
        http2=False,
        trust_env=False,
        proxy=way.proxy_for(url),
        limits=httpx.Limits(max_connections=2, max_keepalive_connections=1, keepalive_expiry=5.0),
    )
