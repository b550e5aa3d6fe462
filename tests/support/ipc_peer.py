"""A peer that speaks nng's wire protocol by hand, and so can break every rule of it.

Each side first sends eight bytes, ``00 "SP" 00`` and its protocol's number. A message is the byte 1, its length in
eight bytes, and its body; the body of a request begins with four bytes, a number whose highest bit is set.
"""

import itertools
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

REQUEST = 0x30
SUBSCRIBE = 0x21
PATIENCE = 5  # seconds to wait for an answer, so that a test fails rather than hangs


def greeting(protocol: int) -> bytes:
    """Return what a peer of this protocol says first."""
    return b"\0SP\0" + struct.pack(">HH", protocol, 0)


class RawPeer:
    """One connection to a socket of nng's."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._numbers = itertools.count(0x8000_0000)

    async def shake_hands(self, protocol: int = REQUEST) -> None:
        """Do the handshake as it should be."""
        await self.stream.send_all(greeting(protocol))
        await self._receive_exactly(8)

    async def send_request(self, body: bytes) -> None:
        """Send a request, whole."""
        await self.stream.send_all(self.frame(body))

    def frame(self, body: bytes) -> bytes:
        """Return the bytes of a request."""
        return struct.pack(">BQI", 1, len(body) + 4, next(self._numbers)) + body

    async def receive_reply(self) -> bytes:
        """Wait for a reply. Raises ``trio.EndOfChannel`` if the connection was closed instead."""
        _, size, _ = struct.unpack(">BQI", await self._receive_exactly(13))
        return await self._receive_exactly(size - 4)

    async def wait_closed(self) -> None:
        """Read on until the other side has closed the connection."""
        try:
            while await self.stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass

    async def _receive_exactly(self, size: int) -> bytes:
        received = b""
        with trio.fail_after(PATIENCE):
            while len(received) < size:
                piece = await self.stream.receive_some(size - len(received))
                if not piece:
                    raise trio.EndOfChannel
                received += piece
        return received


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[RawPeer]:
    """Connect to a socket, and say nothing yet."""
    async with await trio.open_unix_socket(path) as stream:
        yield RawPeer(stream)


@asynccontextmanager
async def introduced(path: Path, protocol: int = REQUEST) -> AsyncIterator[RawPeer]:
    """Connect to a socket, and shake hands."""
    async with connected(path) as peer:
        await peer.shake_hands(protocol)
        yield peer
