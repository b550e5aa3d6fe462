"""Fifty frontends at once, half of them hostile: nobody honest is kept waiting, and memory stays what it was."""

import itertools
import resource
import struct
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from support.ipc_daemon import Echo, Place, daemon, short_directory
from support.ipc_peer import SUBSCRIBE, RawPeer, connected, introduced

from ipc import codec
from ipc.nng import Bounds
from ipc.server import Limits

HONEST = 26
HOSTILE_OF_EACH_KIND = 4  # six kinds
CALLS = 20  # of each honest client, in each round
ROUNDS = 3
PATIENCE = 2.0  # seconds for one honest call, on a machine that others use too
MOST_GROWTH = 24 << 20  # bytes of resident memory, from the first round to the last
REQUEST = codec.encode_request(1, "echo", Echo(text="x" * 2000))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def shouts_nonsense(place: Place) -> None:
    async with introduced(place.control) as peer:
        for size in range(100):
            await peer.send_request(b"\xff{[" * size)


async def never_reads(place: Place) -> None:
    async with introduced(place.control) as peer:
        while True:
            await peer.send_request(REQUEST)


async def claims_gigabytes(place: Place) -> None:
    async with introduced(place.control) as peer:
        await peer.stream.send_all(struct.pack(">BQ", 1, 8 << 30) + b"x" * 1000)
        await peer.wait_closed()


async def leaves_half_way(place: Place) -> None:
    async with introduced(place.control) as peer:
        await peer.send_request(REQUEST)
        await peer.stream.send_all(peer.frame(REQUEST)[:500])


async def dawdles(place: Place) -> None:
    async with connected(place.control) as peer:
        for byte in b"\0SP\0\0\x30\0\0" + RawPeer.frame(peer, REQUEST):
            await peer.stream.send_all(bytes([byte]))
            await trio.sleep(0.005)


async def hears_nothing(place: Place) -> None:
    async with introduced(place.events, SUBSCRIBE):
        await trio.sleep(1)


HOSTILE = [shouts_nonsense, never_reads, claims_gigabytes, leaves_half_way, dawdles, hears_nothing]


async def again_and_again(hostile, place: Place) -> None:
    while True:
        with suppress(trio.BrokenResourceError, trio.EndOfChannel, OSError):
            await hostile(place)
        await trio.sleep(0.001)


async def calls_honestly(place: Place, number: int, slowest: list[float]) -> None:
    async with place.client(timeout=PATIENCE) as client:
        for call in range(CALLS):
            text = f"{number}.{call}"
            began = trio.current_time()
            assert (await client.call("echo", Echo(text=text), Echo)).text == text
            slowest[0] = max(slowest[0], trio.current_time() - began)


@pytest.mark.timeout(60)
async def test_fifty_clients_with_hostile_ones_among_them_starve_nobody_and_cost_no_memory():
    limits = Limits(bounds=Bounds(connections=100, per_process=100))  # all of them are of this process
    slowest, memory = [0.0], []
    with short_directory() as directory, trio.fail_after(30):
        place = Place(directory)
        async with daemon(place, limits=limits) as server, trio.open_nursery() as crowd:
            for hostile, _ in itertools.product(HOSTILE, range(HOSTILE_OF_EACH_KIND)):
                crowd.start_soon(again_and_again, hostile, place)
            for _ in range(ROUNDS):
                async with trio.open_nursery() as honest:
                    for number in range(HONEST):
                        honest.start_soon(calls_honestly, place, number, slowest)
                    for number in range(200):
                        server.publish("x", {"number": number, "text": "y" * 5000}, "2026-01-31T08:15:00.000Z")
                memory.append(resident_bytes())
            crowd.cancel_scope.cancel()
        async with daemon(place), place.client() as client:  # the place is clean, and can be taken again
            await client.hello()
    assert slowest[0] < PATIENCE
    assert memory[-1] - memory[0] < MOST_GROWTH
