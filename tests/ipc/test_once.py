import pytest
import trio
import trio.testing

from ipc import codec
from ipc.errors import Refused
from ipc.frame import INVALID_REQUEST
from ipc.messages import NoParams, SyncParams, SyncResult
from ipc.once import Once

ID = "0123456789abcdef"


def request(request_id=ID, method="sync", **params):
    return codec.decode_request(codec.encode_request(request_id, method, SyncParams(**params)))


class Work:
    """Counts how often it was done; waits for ``go`` first, if told so."""

    def __init__(self, go=None, size=0):
        self.count = 0
        self.go = go
        self.size = size

    async def __call__(self):
        self.count += 1
        if self.go is not None:
            await self.go.wait()
        return codec.encode_result(ID, SyncResult(sync_id=str(self.count), servers=["x" * self.size]))


def refusal(answer):
    with pytest.raises(Refused) as refused:
        codec.decode_reply(answer, ID, NoParams)
    return refused.value


async def test_a_request_that_arrives_again_gets_the_first_answer():
    once, work = Once(), Work()
    answers = [await once.answer(request(), work) for _ in range(3)]
    assert work.count == 1
    assert answers == [codec.encode_result(ID, SyncResult(sync_id="1", servers=[""]))] * 3


async def test_a_request_that_arrives_again_while_it_runs_waits_for_the_answer():
    once, go, answers = Once(), trio.Event(), []
    work = Work(go)

    async def ask():
        answers.append(await once.answer(request(), work))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        go.set()
    assert work.count == 1
    assert len(set(answers)) == 1
    assert len(answers) == 3


async def test_requests_with_other_ids_are_carried_out():
    once, work = Once(), Work()
    for number in range(3):
        await once.answer(request(f"{number:016}"), work)
    assert work.count == 3


@pytest.mark.parametrize("request_id", [1, "short", "x" * 15])
async def test_an_id_that_cannot_be_random_is_refused(request_id):
    work = Work()
    refused = refusal(await Once().answer(request(request_id), work))
    assert refused.code == INVALID_REQUEST
    assert "16 random characters" in refused.message
    assert work.count == 0


@pytest.mark.parametrize("other", [{"method": "pause"}, {"server": "x"}])
async def test_an_id_used_for_another_request_is_refused(other):
    once, work = Once(), Work()
    await once.answer(request(), work)
    assert "needs an id of its own" in refusal(await once.answer(request(**other), work)).message
    assert work.count == 1


async def test_a_request_cancelled_in_its_work_can_be_made_again():
    once = Once()
    with trio.CancelScope() as scope:
        scope.cancel()
        await once.answer(request(), Work(trio.Event()))
    work = Work()
    await once.answer(request(), work)
    assert work.count == 1


@pytest.mark.parametrize(("bounds", "size"), [({"max_answers": 2}, 0), ({"max_bytes": 2500}, 1000)])
async def test_the_oldest_answers_are_forgotten_first(bounds, size):
    once, work = Once(**bounds), Work(size=size)
    for number in (1, 2, 3):
        await once.answer(request(f"{number:016}"), work)
    await once.answer(request(f"{3:016}"), work)
    await once.answer(request(f"{2:016}"), work)
    assert work.count == 3
    await once.answer(request(f"{1:016}"), work)
    assert work.count == 4


async def test_what_runs_is_not_forgotten():
    once, go = Once(max_answers=1), trio.Event()
    slow = Work(go)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(once.answer, request(), slow)
        await trio.testing.wait_all_tasks_blocked()
        await once.answer(request("x" * 16), Work())
        nursery.start_soon(once.answer, request(), slow)
        await trio.testing.wait_all_tasks_blocked()
        go.set()
    assert slow.count == 1
