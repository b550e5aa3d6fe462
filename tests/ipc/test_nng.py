"""The sockets themselves: each test is one of the ways in which nng's defaults are unsafe."""

import gc
import os
import resource
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import support.ipc_stranger
import trio
import trio.testing
from support.ipc_daemon import daemon
from support.ipc_peer import REQUEST, SUBSCRIBE, connected, greeting, introduced

from ipc.errors import AlreadyListening, IpcError, NoAnswer, SocketUnusable
from ipc.frame import MAX_MESSAGE_BYTES
from ipc.nng import Bounds, PublishSocket, ReplySocket, RequestSocket, SubscribeSocket
from ipc.server import Limits

MEGABYTE = 1 << 20


@pytest.fixture
def path(place):
    place.directory.mkdir(mode=0o700)
    return place.control


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def virtual_bytes():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def names(directory):
    return sorted(path.name for path in directory.iterdir())


async def answer_all(replies):
    with replies.context() as context:
        while True:
            await context.reply((await context.receive()).data)


async def test_a_message_goes_there_and_back(path):
    with ReplySocket(path, Bounds()) as replies, RequestSocket(path) as requests:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_all, replies)
            for body in (b"", b"x", bytes(MAX_MESSAGE_BYTES)):
                assert await requests.exchange(body) == body
            nursery.cancel_scope.cancel()


# Finding 1: the claimed size of a message is believed.


async def test_a_message_that_claims_gigabytes_is_dropped_before_they_are_allocated(path):
    with ReplySocket(path, Bounds()), fail_after_a_second():
        before = virtual_bytes()
        async with introduced(path) as peer:
            await peer.stream.send_all(b"\x01" + (8 << 30).to_bytes(8, "big"))
            await peer.wait_closed()
        assert virtual_bytes() - before < 1 << 30


@pytest.mark.parametrize("size", [MAX_MESSAGE_BYTES * 2])
async def test_a_message_that_is_too_large_ends_the_call_and_not_the_daemon(path, size):
    with ReplySocket(path, Bounds()) as replies, RequestSocket(path) as requests:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_all, replies)
            with pytest.raises(NoAnswer, match="ended before it answered"):
                await requests.exchange(bytes(size))
            assert await requests.exchange(b"next") == b"next"
            nursery.cancel_scope.cancel()


async def test_an_answer_that_is_too_large_ends_the_call(path):
    async def answer_too_much(replies):
        with replies.context() as context:
            await context.receive()
            await context.reply(bytes(MAX_MESSAGE_BYTES * 2))
            await trio.sleep_forever()

    with ReplySocket(path, Bounds()) as replies, RequestSocket(path) as requests:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_too_much, replies)
            with pytest.raises(NoAnswer, match="ended before it answered"):
                await requests.exchange(b"x")
            nursery.cancel_scope.cancel()


# Finding 3: a send that fails or is cancelled leaks its message.


async def test_requests_that_are_cancelled_leave_no_memory_behind(path):
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        with RequestSocket(path) as requests:
            body = bytes(100_000)

            async def give_up_at_once():
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await requests.exchange(body)

            await give_up_at_once()
            before = resident_bytes()
            for _ in range(2000):
                await give_up_at_once()
            assert resident_bytes() - before < 20 * MEGABYTE


async def test_replies_that_are_given_up_leave_no_memory_behind(path):
    unread = 0
    with ReplySocket(path, Bounds()) as replies, replies.context() as context:
        async with introduced(path) as peer:
            before = resident_bytes()
            for _ in range(1000):
                await peer.send_request(b"x")
                await context.receive()
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await context.reply(bytes(100_000))
                unread += scope.cancelled_caught
            assert unread > 900
            assert resident_bytes() - before < 20 * MEGABYTE


# Findings 4 and 5: what is at the path.


def test_a_file_at_the_path_survives(path):
    path.write_text("precious")
    for kind in (ReplySocket, lambda *args: PublishSocket(*args, print)):
        with pytest.raises(SocketUnusable, match="no socket; it was left alone"):
            kind(path, Bounds())
    assert path.read_text() == "precious"


async def test_a_file_at_either_path_of_a_daemon_survives(place):
    place.directory.mkdir(mode=0o700)
    place.control.write_text("precious")
    with pytest.raises(SocketUnusable, match=str(place.control)):
        async with daemon(place):
            pass
    assert place.control.read_text() == "precious"
    assert names(place.directory) == ["control.ipc"]


async def test_a_socket_left_behind_is_replaced(place):
    place.directory.mkdir(mode=0o700)
    for path in (place.control, place.events):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    async with daemon(place), place.client() as client:
        assert (await client.hello()).run == "first"


async def test_a_second_daemon_harms_nothing(place):
    async with daemon(place), place.client() as client:
        inodes = place.control.stat().st_ino, place.events.stat().st_ino
        with pytest.raises(AlreadyListening, match=str(place.directory)):
            async with daemon(place):
                pass
        assert (place.control.stat().st_ino, place.events.stat().st_ino) == inodes
        assert (await client.hello()).run == "first"
    async with daemon(place, run="next"), place.client() as client:
        assert (await client.hello()).run == "next"


def test_a_second_listener_is_an_error_even_without_the_lock(path):
    with ReplySocket(path, Bounds()):
        with pytest.raises(AlreadyListening, match=f"another daemon listens at {path}"):
            ReplySocket(path, Bounds())
        with RequestSocket(path):
            pass


async def test_a_daemon_that_ends_leaves_no_socket(place):
    async with daemon(place):
        assert names(place.directory) == ["control.ipc", "events.ipc"]
    assert names(place.directory) == []


# Findings 6 and 7: who may connect.


async def test_sockets_are_private_whatever_the_umask(place):
    before = os.umask(0)
    try:
        async with daemon(place):
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (place.directory, place.control, place.events)]
    finally:
        os.umask(before)
    assert modes == [0o700, 0o600, 0o600]


async def test_a_path_that_is_too_long_is_refused_before_anything_is_made(place):
    directory = place.directory / ("x" * 90)
    with pytest.raises(SocketUnusable, match="at most 107"):
        async with daemon(type(place)(directory)):
            pass
    assert not place.directory.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_gets_nothing_even_where_the_file_modes_let_him_in(place):
    async with daemon(place):
        for path, mode in ((place.directory.parent, 0o755), (place.directory, 0o755), (place.control, 0o666)):
            path.chmod(mode)
        said = await trio.run_process(
            [sys.executable, support.ipc_stranger.__file__, place.control], capture_stdout=True
        )
        assert said.stdout == b"closed\n"
        assert '"run":"first"' in await trio.to_thread.run_sync(support.ipc_stranger.call, str(place.control))


IMPOSED_ON = """
import os, sys
from pathlib import Path
from ipc import BlockingClient, NoAnswer
from ipc.messages import JoinParams, JoinResult
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
try:
    with BlockingClient(Path(sys.argv[1]), timeout=0.3) as client:
        client.call("join", JoinParams(uri="walletsync://join/1#SECRET"), JoinResult)
except NoAnswer:
    print("said nothing")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_client_says_nothing_to_a_daemon_of_another_user(path):
    heard = []

    async def listen(stream):
        with suppress(trio.BrokenResourceError):
            await stream.send_all(greeting(0x31))
            while piece := await stream.receive_some():
                heard.append(piece)

    with trio.socket.socket(trio.socket.AF_UNIX) as listener:
        await listener.bind(str(path))
        listener.listen()
        path.parent.parent.chmod(0o755)
        for place in (path.parent, path):
            os.chown(place, support.ipc_stranger.NOBODY, support.ipc_stranger.NOBODY)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, listen, [trio.SocketListener(listener)])
            said = await trio.run_process([sys.executable, "-c", IMPOSED_ON, path], capture_stdout=True)
            nursery.cancel_scope.cancel()
    assert said.stdout == b"said nothing\n"
    assert heard
    assert set(heard) == {greeting(REQUEST)}


# Findings 8 and 9: addresses that file permissions do not guard.


async def test_nothing_but_the_two_sockets_is_listened_on(place):
    def listening():
        mine = {str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}
        inet = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
        unix = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
        found = {fields[1] for fields in inet if f"socket:[{fields[9]}]" in mine and fields[3] == "0A"}
        return found | {fields[-1] for fields in unix if f"socket:[{fields[6]}]" in mine and fields[3] == "00010000"}

    before = listening()
    async with daemon(place):
        assert listening() - before == {str(place.control), str(place.events)}


@pytest.mark.parametrize("name", ["a b", "a%20b", "a?b#c", "ws:", "tcp:", "@abstract"])
def test_whatever_a_path_looks_like_it_is_a_path(path, name):
    path = path.with_name(name)
    with ReplySocket(path, Bounds()), RequestSocket(path):
        assert [entry.name for entry in path.parent.iterdir()] == [name]


# Finding 10: connections.


async def test_those_who_never_shake_hands_keep_nobody_waiting(place):
    async with daemon(place), place.client(timeout=1) as honest:
        peers = []
        for number in range(100):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(str(place.control))
            peer.send(greeting(SUBSCRIBE)[: number % 8])
            peers.append(peer)
            await trio.lowlevel.checkpoint()
        await honest.hello()
        async with place.client(timeout=1) as newcomer:
            await newcomer.hello()
        for peer in peers:
            peer.close()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", greeting(SUBSCRIBE), b"\0" * 64])
async def test_who_speaks_something_else_is_shown_out(place, said):
    async with daemon(place), connected(place.control) as peer:
        with fail_after_a_second():
            await peer.stream.send_all(said)
            await peer.wait_closed()
        async with place.client(timeout=1) as honest:
            await honest.hello()


@pytest.mark.parametrize("bounds", [Bounds(connections=3), Bounds(per_process=3)])
@pytest.mark.parametrize(("name", "protocol"), [("control.ipc", REQUEST), ("events.ipc", SUBSCRIBE)])
async def test_the_number_of_connections_is_bounded(place, bounds, name, protocol):
    path = place.directory / name
    inside = set()
    shown_out = trio.Event()

    async def visit(task_status):
        async with introduced(path, protocol) as peer:
            inside.add(peer)
            task_status.started()
            await peer.wait_closed()
            inside.remove(peer)
            shown_out.set()

    async with daemon(place, limits=Limits(bounds=bounds)), trio.open_nursery() as nursery:
        for _ in range(4):
            await nursery.start(visit)
        with fail_after_a_second():
            await shown_out.wait()
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert len(inside) == 3
            await next(iter(inside)).stream.send_eof()
            await until_admitted(path, protocol)
        nursery.cancel_scope.cancel()


async def until_admitted(path, protocol):
    """Connect until a connection stays: nng takes its time to notice who has left."""
    admitted = False
    while not admitted:
        async with introduced(path, protocol) as peer:
            with trio.move_on_after(0.1) as staying:
                await peer.wait_closed()
            admitted = staying.cancelled_caught


# Finding 11: subscribers that do not read.


async def test_publishing_never_waits_and_keeps_the_latest(path):
    subscribed = trio.Event()
    token = trio.lowlevel.current_trio_token()
    with PublishSocket(path, Bounds(), lambda: token.run_sync_soon(subscribed.set)) as publisher:
        with SubscribeSocket(path) as subscriber, fail_after_a_second():
            await subscribed.wait()
            for number in range(3000):
                publisher.send(b"%d" % number)
            received = [int(await subscriber.receive())]
            while received[-1] != 2999:
                received.append(int(await subscriber.receive()))
        assert received == sorted(received)
        assert len(received) < 3000


def test_publishing_on_a_closed_socket_does_nothing(path):
    publisher = PublishSocket(path, Bounds(), print)
    publisher.close()
    publisher.send(b"x")


# Finding 12: contexts that outlive their socket.


async def test_sockets_that_close_while_everyone_waits_make_no_noise(path):
    replies, requests = ReplySocket(path, Bounds()), RequestSocket(path)

    async def wait_for_a_request():
        with replies.context() as context:
            await context.receive()
            with pytest.raises(IpcError, match="closed"):
                await context.receive()

    async def wait_for_an_answer():
        with pytest.raises(IpcError):
            await requests.exchange(b"x")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_for_a_request)
        nursery.start_soon(wait_for_an_answer)
        await trio.testing.wait_all_tasks_blocked(0.05)
        requests.close()
        replies.close()
    gc.collect()  # what goes wrong in a finalizer fails the test, as a warning


def test_a_process_that_just_ends_makes_no_noise(path):
    script = (
        "import sys, trio; from pathlib import Path; from ipc.nng import *\n"
        "async def main():\n"
        "    global replies, context\n"
        "    replies = ReplySocket(Path(sys.argv[1]), Bounds()); context = replies.context(); context.__enter__()\n"
        "trio.run(main)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=True, timeout=10)
    assert ended.stderr == b""


ASK_THE_DEAF = """
import sys
from pathlib import Path
from ipc import BlockingClient, NoAnswer
try:
    with BlockingClient(Path(sys.argv[1]), timeout=0.05) as client:
        client.hello()
except NoAnswer:
    print("no answer")
"""


async def test_a_process_that_ends_after_a_daemon_did_not_answer_is_not_aborted_by_nng(path):
    async def ask():
        said = await trio.run_process(
            [sys.executable, "-c", ASK_THE_DEAF, path], capture_stdout=True, capture_stderr=True
        )
        assert (said.stdout, said.stderr) == (b"no answer\n", b"")

    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        async with trio.open_nursery() as nursery:
            for _ in range(10):  # without care about one in five is aborted
                nursery.start_soon(ask)


def fail_after_a_second():
    return trio.fail_after(1)
