import itertools

import msgspec
import pytest
import trio
import trio.testing
from support.ipc_daemon import AT, HANDLERS, Echo, SyncCounter, daemon, echo
from support.ipc_peer import introduced

from ipc import codec
from ipc.dispatch import Method
from ipc.errors import Refused
from ipc.frame import BUSY, CALLS_PER_CONNECTION, PARSE_ERROR, UNSUPPORTED_API
from ipc.messages import HelloParams, HelloResult, NoParams, SyncParams, SyncResult
from ipc.server import Identity, Limits, listening

ID = "0123456789abcdef"
IDENTITY = Identity(run="first", version="1.2.3", pid=42)


def raise_it(_method, fault):
    raise fault


class Slow:
    """The method ``slow``, which ends when it is let go."""

    def __init__(self):
        self.running = 0
        self.go = trio.Event()
        self._started = trio.Event()

    async def __call__(self, params):
        self.running += 1
        self._started.set()
        self._started = trio.Event()
        await self.go.wait()
        return params

    async def wait_running(self, count):
        with trio.fail_after(5):
            while self.running < count:
                await self._started.wait()

    @property
    def handlers(self):
        return {**HANDLERS, "slow": Method(Echo, self, changes=False)}


async def raw_call(peer, body):
    await peer.send_request(body)
    return await peer.receive_reply()


async def test_hello_says_who_answers(place):
    async with daemon(place), place.client() as client:
        assert await client.hello() == HelloResult(api=1, version="1.2.3", pid=42, run="first")
        with pytest.raises(Refused) as refused:
            await client.call("hello", HelloParams(api=[2]), HelloResult)
        assert refused.value.code == UNSUPPORTED_API


async def test_who_calls_before_the_daemon_is_ready_is_answered_once_it_is(place):
    answered = trio.Event()

    async def ask():
        async with place.client() as client:
            assert (await client.call("echo", Echo(text="early"), Echo)).text == "early"
        answered.set()

    with listening(place.control, place.events, identity=IDENTITY) as server, trio.fail_after(5):
        async with trio.open_nursery() as nursery, introduced(place.control) as peer:
            nursery.start_soon(ask)
            await peer.send_request(codec.encode_request(1, "echo", Echo(text="too")))
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert not answered.is_set()
            async with server.answering(HANDLERS, raise_it):
                assert b"too" in await peer.receive_reply()
                await answered.wait()


async def test_events_from_before_the_daemon_was_ready_are_told(place):
    with listening(place.control, place.events, identity=IDENTITY) as server, trio.fail_after(5):
        server.publish("wallet.state", {}, AT)
        async with place.client() as client, client.events() as stream:
            server.publish("sync.started", {}, AT)
            assert (await anext(stream)).event == "sync.started"
            async with server.answering(HANDLERS, raise_it):
                told = (await client.events_since(0)).events
    assert [event.event for event in told] == ["wallet.state", "sync.started"]


async def test_handlers_may_not_take_the_names_of_built_in_methods(place):
    with pytest.raises(ValueError, match="itself answers hello"):
        async with daemon(place, {"hello": Method(Echo, echo, changes=False)}):
            pass
    assert list(place.directory.iterdir()) == []


async def test_garbage_gets_an_error_and_the_connection_lives_on(place):
    async with daemon(place), introduced(place.control) as peer:
        with pytest.raises(Refused) as refused:
            codec.decode_reply(await raw_call(peer, b"\xff\x00garbage"), 1, Echo)
        assert refused.value.code == PARSE_ERROR
        answer = await raw_call(peer, codec.encode_request(ID, "echo", Echo(text="hi")))
        assert codec.decode_reply(answer, ID, Echo) == Echo(text="hi")


async def test_calls_are_answered_beside_slow_ones(place):
    slow = Slow()
    async with daemon(place, slow.handlers), place.client() as client, trio.open_nursery() as nursery:
        for _ in range(CALLS_PER_CONNECTION - 1):
            nursery.start_soon(client.call, "slow", Echo(text="x"), Echo)
        await slow.wait_running(CALLS_PER_CONNECTION - 1)
        with trio.fail_after(1):
            assert await client.call("echo", Echo(text="hi"), Echo) == Echo(text="hi")
        slow.go.set()


async def test_one_connection_cannot_take_all_places(place):
    slow = Slow()
    async with daemon(place, slow.handlers), introduced(place.control) as greedy, place.client() as honest:
        for number in range(CALLS_PER_CONNECTION):
            await greedy.send_request(codec.encode_request(number, "slow", Echo(text="x")))
        await slow.wait_running(CALLS_PER_CONNECTION)
        for _ in range(20):
            with pytest.raises(Refused, match="at most 4 calls at once") as refused:
                codec.decode_reply(await raw_call(greedy, codec.encode_request(99, "slow", Echo(text="x"))), 99, Echo)
            assert refused.value.code == BUSY
        with trio.fail_after(1):
            await honest.hello()
        assert slow.running == CALLS_PER_CONNECTION
        slow.go.set()
        for _ in range(CALLS_PER_CONNECTION):
            await greedy.receive_reply()
        answer = await raw_call(greedy, codec.encode_request(1, "slow", Echo(text="again")))
        assert codec.decode_reply(answer, 1, Echo) == Echo(text="again")


async def pipeline_without_reading(place, task_status):
    """Send requests for ever, read no answer, and come back whenever the connection is dropped."""
    request = codec.encode_request(1, "echo", Echo(text="x" * 1000))
    for visit in itertools.count():
        async with introduced(place.control) as peer:
            if visit:
                task_status.started()
                task_status = trio.TASK_STATUS_IGNORED
            try:
                while True:
                    await peer.send_request(request)
            except trio.BrokenResourceError:
                continue


@pytest.mark.parametrize("count", [1, 8])
async def test_callers_that_never_read_are_dropped_and_keep_nobody_waiting(place, count):
    async with daemon(place), place.client(timeout=1) as honest, trio.open_nursery() as nursery:
        with trio.fail_after(10):
            for _ in range(count):
                await nursery.start(pipeline_without_reading, place)
        for _ in range(10):
            await honest.hello()
        nursery.cancel_scope.cancel()


async def test_who_leaves_several_answers_unread_is_dropped_sooner(place):
    async with daemon(place, limits=Limits(patience=5)), place.client() as honest, trio.open_nursery() as nursery:
        with trio.fail_after(4):
            await nursery.start(pipeline_without_reading, place)
            await honest.hello()
        nursery.cancel_scope.cancel()


async def test_a_caller_that_goes_away_before_its_answer_is_no_fault(place):
    slow = Slow()
    async with daemon(place, slow.handlers), place.client() as honest:
        async with introduced(place.control) as hasty:
            await hasty.send_request(codec.encode_request(1, "slow", Echo(text="x")))
            await slow.wait_running(1)
        slow.go.set()
        for _ in range(32):
            await honest.hello()


async def test_a_change_that_arrives_again_over_another_connection_is_carried_out_once(place):
    sync = SyncCounter()
    request = codec.encode_request(ID, "sync", SyncParams())
    async with daemon(place, {"sync": Method(SyncParams, sync, changes=True)}):
        async with introduced(place.control) as peer:
            first = await raw_call(peer, request)
            assert await raw_call(peer, request) == first
        async with introduced(place.control) as peer:
            assert await raw_call(peer, request) == first
        assert sync.count == 1
        assert codec.decode_reply(first, ID, SyncResult) == SyncResult(sync_id="sync 1", servers=[])


async def test_the_clients_ids_are_new_each_time(place):
    sync = SyncCounter()
    async with daemon(place, {"sync": Method(SyncParams, sync, changes=True)}), place.client() as client:
        assert [(await client.sync()).sync_id for _ in range(3)] == ["sync 1", "sync 2", "sync 3"]


async def test_events_that_are_kept_can_be_asked_for(place):
    async with daemon(place, limits=Limits(kept_events=2)) as server, place.client() as client:
        for number in range(4):
            server.publish("wallet.state", {"number": number}, AT)
        answer = await client.events_since(0)
        assert (answer.run, answer.oldest) == ("first", 3)
        assert [(event.seq, event.data["number"], event.at) for event in answer.events] == [(3, 2, AT), (4, 3, AT)]
        assert (await client.events_since(4)).events == []


async def test_faults_are_reported_and_the_server_goes_on(place):
    async def fail(_params):
        raise LookupError("SECRET")

    faults = []
    handlers = {**HANDLERS, "fail": Method(NoParams, fail, changes=False)}
    async with daemon(place, handlers, faults=faults), place.client() as client:
        with pytest.raises(Refused, match="its log says more"):
            await client.call("fail", NoParams(), NoParams)
        await client.hello()
    assert [(method, type(fault)) for method, fault in faults] == [("fail", LookupError)]


async def test_a_server_that_ends_cancels_what_runs(place):
    slow = Slow()
    async with daemon(place, slow.handlers), introduced(place.control) as peer:
        await peer.send_request(codec.encode_request(1, "slow", Echo(text="x")))
        await slow.wait_running(1)
    assert not slow.go.is_set()
    assert list(place.directory.iterdir()) == []


async def test_publishing_after_the_end_does_nothing(place):
    async with daemon(place) as server:
        pass
    server.publish("wallet.state", {}, AT)


async def test_an_answer_may_be_as_large_as_a_message(place):
    text = "x" * (codec.MAX_MESSAGE_BYTES - 100 - len(ID))
    async with daemon(place), place.client() as client:
        assert msgspec.structs.asdict(await client.call("echo", Echo(text=text), Echo)) == {"text": text}
