import inspect
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio
import trio.testing
from support.ipc_daemon import AT, HANDLERS, Echo, daemon, no_wallets

from ipc import BlockingClient, Client, Gap, IpcError, NoAnswer, NotRunning, Refused
from ipc.dispatch import Method
from ipc.errors import BadAnswer, Refusal
from ipc.frame import CALLS_PER_CONNECTION, METHOD_NOT_FOUND, WALLET_UNFIT
from ipc.messages import (
    SIGNATURE_BY_METHOD,
    EnrollParams,
    EnrollResult,
    InviteParams,
    InviteResult,
    JoinParams,
    JoinResult,
    NoParams,
    SyncParams,
    SyncResult,
    WalletsResult,
)
from ipc.nng import Bounds, ReplySocket
from ipc.server import Limits
from ipc.state import Status, WalletStatus

STATUS = Status(
    api=1,
    version="1.2.3",
    pid=42,
    wallet=WalletStatus(
        id="B32",
        former_ids=[],
        nickname="phone",
        shown_as="phone#1",
        path="/wallet.db",
        profile="taler",
        state="ok",
        reason=None,
        capture="triggers",
    ),
    servers=[],
    wallets=[],
    sets={},
    held=[],
)


async def status(_params):
    return STATUS


async def sync(params):
    return SyncResult(sync_id="s1", servers=[f"{params.server} for {params.reason}"])


async def enroll(params):
    return EnrollResult(url=params.url, identity=params.identity or params.url, circle_created=True)


async def invite(params):
    return InviteResult(api=1, uri="walletsync://join/1#X", sealed=params.passphrase == "secret", servers=[])


async def join(params):
    if params.passphrase != "secret":
        raise Refusal("the invitation is sealed: its passphrase is needed", data={"passphrase": None})
    return JoinResult(servers=[params.uri])


METHODS = {
    "status": Method(NoParams, status, changes=False),
    "sync": Method(SyncParams, sync, changes=True),
    "enroll": Method(EnrollParams, enroll, changes=True),
    "invite": Method(InviteParams, invite, changes=False),
    "join": Method(JoinParams, join, changes=True),
    "wallets": Method(NoParams, no_wallets, changes=False),
}


class Asking:
    """Either client, asked in the same way: the blocking one in a thread."""

    def __init__(self, client):
        self.client = client

    async def __call__(self, method, *args, **options):
        function = getattr(self.client, method)
        if isinstance(self.client, BlockingClient):
            return await trio.to_thread.run_sync(lambda: function(*args, **options))
        return await function(*args, **options)


@pytest.fixture(params=["trio", "blocking"])
def connect(request, place):
    """Return a function that opens a client of either kind and returns what asks it."""

    def connect(**options):
        if request.param == "blocking":
            return _Entered(BlockingClient(place.control, **options))
        return _Entered(place.client(**options))

    return connect


class _Entered:
    def __init__(self, client):
        self._client = client

    async def __aenter__(self):
        if isinstance(self._client, BlockingClient):
            return Asking(self._client.__enter__())
        return Asking(await self._client.__aenter__())

    async def __aexit__(self, *error):
        if isinstance(self._client, BlockingClient):
            self._client.__exit__(*error)
        else:
            await self._client.__aexit__(*error)


async def test_every_method_takes_its_parameters_and_gives_its_result(place, connect):
    async with daemon(place, METHODS) as server, connect() as ask:
        server.publish("wallet.state", {}, AT)
        assert (await ask("hello")).run == "first"
        assert [event.seq for event in (await ask("events_since", 0)).events] == [1]
        assert await ask("status") == STATUS
        assert (await ask("sync")).servers == ["None for user"]
        assert (await ask("sync", "x", "resume")).servers == ["x for resume"]
        assert (await ask("enroll", "file:///x/", "id")).identity == "id"
        assert not (await ask("invite")).sealed
        assert (await ask("invite", "secret")).sealed
        assert (await ask("join", "walletsync://join/1#X", "secret")).servers == ["walletsync://join/1#X"]
        assert await ask("wallets") == WalletsResult(wallets=[])


def parameters(function):
    return [(each.name, each.default, each.kind) for each in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("method", sorted(SIGNATURE_BY_METHOD))
def test_both_clients_have_every_method_with_the_same_parameters(method):
    assert parameters(getattr(Client, method)) == parameters(getattr(BlockingClient, method))
    assert len(parameters(getattr(Client, method))) - 1 <= len(SIGNATURE_BY_METHOD[method].params.__struct_fields__)


async def test_a_refusal_arrives_whole(place, connect):
    async with daemon(place, METHODS), connect() as ask:
        with pytest.raises(Refused, match="passphrase is needed") as refused:
            await ask("join", "x")
        assert (refused.value.code, refused.value.data) == (1, {"passphrase": None})
        with pytest.raises(Refused) as refused:
            await ask("call", "nonsense", NoParams(), NoParams)
        assert refused.value.code == METHOD_NOT_FOUND


async def test_without_a_daemon_one_is_told_at_once(place, connect):
    began = time.monotonic()
    with pytest.raises(NotRunning, match=f"no daemon runs: there is no socket at {place.control}"):
        async with connect():
            pass
    place.directory.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place.control))
    with pytest.raises(NotRunning, match="no daemon listens"):
        async with connect():
            pass
    assert time.monotonic() - began < 1


async def test_a_daemon_that_ended_is_told_at_once_and_a_new_one_is_found(place, connect):
    async with daemon(place):
        opened = connect()
        ask = await opened.__aenter__()
        await ask("hello")
    with pytest.raises(NotRunning):
        await ask("hello")
    async with daemon(place, run="second"):
        assert (await ask("hello")).run == "second"
        await opened.__aexit__(None, None, None)


async def test_a_daemon_that_ends_in_the_middle_gives_no_answer(place, connect):
    began = time.monotonic()
    running = trio.Event()

    async def never(_params):
        running.set()
        await trio.sleep_forever()

    async def expect_no_answer(ask):
        with pytest.raises(NoAnswer, match="ended before it answered"):
            await ask("wallets")

    handlers = {"wallets": Method(NoParams, never, changes=False)}
    async with trio.open_nursery() as nursery, daemon(place, handlers):
        opened = connect()
        nursery.start_soon(expect_no_answer, await opened.__aenter__())
        await running.wait()
    await opened.__aexit__(None, None, None)
    assert time.monotonic() - began < 2


async def test_a_daemon_that_does_not_answer_in_time_is_told(place, connect):
    async def never(_params):
        await trio.sleep_forever()

    async with daemon(place, {"wallets": Method(NoParams, never, changes=False)}), connect(timeout=0.1) as ask:
        with pytest.raises(NoAnswer, match="did not answer"):
            await ask("wallets")
        assert (await ask("hello")).run == "first"


async def test_an_answer_that_is_none_is_told(place, connect):
    async def babble(replies):
        with replies.context() as context:
            while True:
                await context.receive()
                await context.reply(b"babble")

    place.directory.mkdir()
    with ReplySocket(place.control, Bounds()) as replies:
        async with trio.open_nursery() as nursery, connect() as ask:
            nursery.start_soon(babble, replies)
            with pytest.raises(BadAnswer, match="no JSON"):
                await ask("hello")
            nursery.cancel_scope.cancel()


STOPPED_DAEMON = """
import sys, trio
from pathlib import Path
from support.ipc_daemon import Place, daemon

async def main():
    async with daemon(Place(Path(sys.argv[1]))):
        print("up", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


def test_a_daemon_that_is_stopped_gives_no_answer_and_one_that_was_killed_does_not_run(place):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", STOPPED_DAEMON, place.directory]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"up\n"
        with BlockingClient(place.control, timeout=0.2) as client:
            assert client.hello().run == "first"
            process.send_signal(signal.SIGSTOP)
            with pytest.raises(NoAnswer, match="in time"), BlockingClient(place.control, timeout=0.2) as newcomer:
                newcomer.hello()
            with pytest.raises(NoAnswer, match="in time"):
                client.hello()
            process.send_signal(signal.SIGCONT)
            assert client.hello().run == "first"
        process.kill()
    with pytest.raises(NotRunning, match="no daemon listens"), BlockingClient(place.control):
        pass


async def test_more_calls_than_the_daemon_takes_at_once_wait_their_turn(place):
    async def call(client, number, answers):
        answers.append((number, (await client.call("echo", Echo(text=str(number)), Echo)).text))

    answers = []
    async with daemon(place), place.client() as client, trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(call, client, number, answers)
    assert sorted(answers) == [(number, str(number)) for number in range(200)]


async def test_a_client_keeps_to_the_number_of_calls_that_the_daemon_takes(place):
    running, go = 0, trio.Event()

    async def wait(_params):
        nonlocal running
        running += 1
        await go.wait()
        return WalletsResult(wallets=[])

    handlers = {"wallets": Method(NoParams, wait, changes=False)}
    async with daemon(place, handlers), place.client() as client, trio.open_nursery() as nursery:
        for _ in range(3 * CALLS_PER_CONNECTION):
            nursery.start_soon(client.wallets)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert running == CALLS_PER_CONNECTION
        go.set()
    assert running == 3 * CALLS_PER_CONNECTION


async def test_a_cancelled_call_leaves_the_client_usable(place):
    async def never(_params):
        await trio.sleep_forever()

    handlers = {**HANDLERS, "never": Method(NoParams, never, changes=False)}
    async with daemon(place, handlers), place.client() as client:
        with trio.move_on_after(0.05):
            await client.call("never", NoParams(), NoParams)
        assert (await client.hello()).run == "first"


async def test_a_refusal_code_of_ours_reaches_the_caller(place, connect):
    async def refuse(_params):
        raise Refusal("unfit", code=WALLET_UNFIT)

    async with daemon(place, {"wallets": Method(NoParams, refuse, changes=False)}), connect() as ask:
        with pytest.raises(Refused) as refused:
            await ask("wallets")
        assert refused.value.code == WALLET_UNFIT


# Events.


def brief(item):
    return item if isinstance(item, Gap) else (item.run, item.seq)


async def take(stream, count):
    with trio.fail_after(3):
        return [brief(await anext(stream)) for _ in range(count)]


async def test_events_arrive_from_the_moment_the_stream_is_open(place):
    async with daemon(place) as server, place.client() as client:
        server.publish("before", {}, AT)
        async with client.events() as stream:
            server.publish("wallet.state", {"state": "ok"}, AT)
            event = await anext(stream)
    assert (event.run, event.seq, event.event, event.at, event.data) == (
        "first",
        2,
        "wallet.state",
        AT,
        {"state": "ok"},
    )


async def test_every_stream_of_a_crowd_hears_everything(place):
    async with daemon(place) as server, place.client() as client:
        streams = [client.events() for _ in range(5)]
        for stream in streams:
            await stream.__aenter__()
        for _ in range(10):
            server.publish("x", {}, AT)
        for stream in streams:
            assert await take(stream, 10) == [("first", seq) for seq in range(1, 11)]


async def test_events_that_nng_dropped_are_asked_for(place):
    async with daemon(place) as server, place.client() as client, client.events() as stream:
        for _ in range(1000):
            server.publish("x", {}, AT)
        assert await take(stream, 1000) == [("first", seq) for seq in range(1, 1001)]


async def test_events_that_are_gone_for_good_are_a_gap(place):
    async with (
        daemon(place, limits=Limits(kept_events=10)) as server,
        place.client() as client,
        client.events() as stream,
    ):
        for _ in range(1000):
            server.publish("x", {}, AT)
        received = await take(stream, 1)
        while received[-1] != ("first", 1000):
            received += await take(stream, 1)
    gap = next(item for item in received if isinstance(item, Gap))
    before, after = received[: gap.seq], received[gap.seq + 1 :]
    assert before == [("first", seq) for seq in range(1, gap.seq + 1)]
    assert after == [("first", seq) for seq in range(991, 1001)]


async def test_a_new_daemon_is_taken_up_with_a_gap_and_all_its_events(place):
    async with daemon(place) as server:
        client = await place.client().__aenter__()
        stream = await client.events().__aenter__()
        server.publish("x", {}, AT)
        assert await take(stream, 1) == [("first", 1)]
    async with daemon(place, run="second") as server:
        server.publish("x", {}, AT)
        server.publish("x", {}, AT)
        assert await take(stream, 3) == [Gap("first", 1), ("second", 1), ("second", 2)]
        await client.__aexit__(None, None, None)


async def test_waiting_for_an_event_can_be_given_up_without_losing_one(place):
    async with daemon(place) as server, place.client() as client, client.events() as stream:
        received = []
        for _ in range(200):
            server.publish("x", {}, AT)
            with trio.move_on_after(0.0005):
                received.append(brief(await anext(stream)))
        received += await take(stream, 200 - len(received))
    assert received == [("first", seq) for seq in range(1, 201)]


async def test_a_stream_ends_with_its_client(place):
    async def listen(stream):
        with pytest.raises(IpcError, match="closed"):
            await anext(stream)

    async with daemon(place), trio.open_nursery() as nursery, place.client() as client:
        stream = await client.events().__aenter__()
        nursery.start_soon(listen, stream)
        await trio.testing.wait_all_tasks_blocked(0.01)


async def test_a_stream_without_a_daemon_is_told_at_once(place):
    async with daemon(place), place.client(timeout=0.1) as client:
        place.events.unlink()
        with pytest.raises(NotRunning):
            await anext(client.events())
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(str(place.events))
            deaf.listen()
            with pytest.raises(NoAnswer, match="did not take the subscription"):
                await anext(client.events())
            stream = client.events()
            with pytest.raises(NoAnswer, match="did not take the subscription"):
                await stream.__aenter__()
            with pytest.raises(IpcError, match="closed"):
                await anext(stream)


# Imports.


@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        ("from ipc import Client, EventStream, Gap", {"daemon"}),
        ("from ipc import BlockingClient, Refused, NotRunning", {"daemon", "trio"}),
        ("import ipc, ipc.messages, ipc.codec", {"daemon", "trio", "pynng"}),
        ("import ipc.server", {"daemon"}),
    ],
)
def test_frontends_do_not_load_what_only_the_daemon_needs(imported, absent):
    absent = absent | {"nacl", "zstandard", "watchfiles", "sqlite3", "httpx", "structlog"}
    script = f"{imported}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    root = Path(__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=root, text=True)
    assert set(said.stdout.split()) & absent == set()


def test_names_that_are_not_there_are_no_attributes():
    import ipc

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ipc.nonsense
    assert all(getattr(ipc, name).__name__ == name for name in ipc.__all__)
