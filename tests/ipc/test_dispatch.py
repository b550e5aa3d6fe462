import msgspec
import pytest
import trio
import trio.testing
from support.ipc_daemon import HANDLERS, Echo

from ipc import codec
from ipc.dispatch import Dispatcher, Method, choose_api
from ipc.errors import Refusal, Refused
from ipc.frame import (
    BUSY,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    MAX_MESSAGE_BYTES,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_API,
    WALLET_UNFIT,
)
from ipc.messages import HelloParams, NoParams

ID = "0123456789abcdef"


class Faults(list):
    """Collects what a dispatcher says of faults."""

    def __call__(self, method, fault):
        self.append((method, fault))


def dispatcher(faults=None, changing=8, **methods):
    return Dispatcher({**HANDLERS, **methods}, Faults() if faults is None else faults, changing)


def raising(error, changes=False):
    async def handler(_params):
        raise error

    return Method(NoParams, handler, changes)


async def call(asked, method, params=None, result_type=Echo, request_id=ID):
    answer = await asked.answer(codec.encode_request(request_id, method, params or NoParams()))
    return codec.decode_reply(answer, request_id, result_type)


async def refused(asked, method, params=None):
    with pytest.raises(Refused) as caught:
        await call(asked, method, params)
    return caught.value


async def test_a_call_is_answered():
    assert await call(dispatcher(), "echo", Echo(text="hi")) == Echo(text="hi")


async def test_garbage_is_answered():
    with pytest.raises(Refused) as caught:
        codec.decode_reply(await dispatcher().answer(b"\0"), 1, Echo)
    assert caught.value.code == PARSE_ERROR


async def test_an_unknown_method_is_refused_with_those_that_are_known():
    error = await refused(dispatcher(), "eko")
    assert error.code == METHOD_NOT_FOUND
    assert error.message == "there is no method 'eko'; there are: echo, wallets"
    assert error.data == {"methods": ["echo", "wallets"]}


async def test_an_unknown_parameter_is_refused_by_name():
    error = await refused(dispatcher(), "wallets", Echo(text="x"))
    assert (error.code, error.data) == (INVALID_PARAMS, {"parameter": "text"})


async def test_another_version_of_the_protocol_is_refused_with_ours():
    raw = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "echo", "api": 2})
    with pytest.raises(Refused, match="speaks version 2 of this protocol, this daemon 1") as caught:
        codec.decode_reply(await dispatcher().answer(raw), 1, Echo)
    assert (caught.value.code, caught.value.data) == (UNSUPPORTED_API, {"api": [1]})


def test_the_newest_common_version_is_chosen():
    assert choose_api(HelloParams(api=[3, 1, 0])) == 1
    with pytest.raises(Refusal) as caught:
        choose_api(HelloParams(api=[2, 3]))
    assert (caught.value.code, caught.value.data) == (UNSUPPORTED_API, {"api": [1]})


@pytest.mark.parametrize("changes", [False, True])
async def test_a_refusal_is_told_as_it_is_and_is_no_fault(changes):
    faults = Faults()
    refusal = Refusal("the table coins is missing", code=WALLET_UNFIT, data={"table": "coins"})
    error = await refused(dispatcher(faults, check=raising(refusal, changes)), "check")
    assert (error.code, error.message, error.data) == (WALLET_UNFIT, "the table coins is missing", {"table": "coins"})
    assert faults == []


@pytest.mark.parametrize("changes", [False, True])
async def test_a_fault_goes_to_the_log_and_its_values_to_nobody(changes):
    faults, fault = Faults(), KeyError("SECRET")
    error = await refused(dispatcher(faults, check=raising(fault, changes)), "check")
    assert (error.code, error.message) == (INTERNAL_ERROR, "the daemon failed at check; its log says more")
    assert error.data is None
    assert faults == [("check", fault)]


@pytest.mark.parametrize("result", [Echo(text="x" * MAX_MESSAGE_BYTES), Echo(text="\ud800"), object()])
async def test_a_result_that_cannot_be_sent_is_a_fault(result):
    async def handler(_params):
        return result

    faults = Faults()
    error = await refused(dispatcher(faults, check=Method(NoParams, handler, changes=False)), "check")
    assert error.code == INTERNAL_ERROR
    assert [method for method, _ in faults] == ["check"]


async def test_a_refusal_that_cannot_be_sent_is_a_fault():
    faults = Faults()
    error = await refused(dispatcher(faults, check=raising(Refusal("no file \udcff"))), "check")
    assert error.code == INTERNAL_ERROR
    assert [type(fault) for _, fault in faults] == [UnicodeEncodeError]


async def test_a_change_is_carried_out_once():
    count = 0

    async def handler(_params):
        nonlocal count
        count += 1
        return Echo(text=str(count))

    asked = dispatcher(change=Method(NoParams, handler, changes=True))
    assert await call(asked, "change") == await call(asked, "change") == Echo(text="1")
    assert await call(asked, "change", request_id="x" * 16) == Echo(text="2")


async def test_changes_leave_room_for_others():
    go = trio.Event()

    async def handler(params):
        await go.wait()
        return params

    asked = dispatcher(changing=2, change=Method(NoParams, handler, changes=True))
    async with trio.open_nursery() as nursery:
        for number in range(2):
            nursery.start_soon(asked.answer, codec.encode_request(f"{number:016}", "change", NoParams()))
        await trio.testing.wait_all_tasks_blocked()
        assert (await refused(asked, "change")).code == BUSY
        assert await call(asked, "echo", Echo(text="hi")) == Echo(text="hi")
        go.set()
    assert await call(asked, "change", request_id="y" * 16, result_type=NoParams) == NoParams()


def test_who_is_turned_away_learns_why():
    raw = codec.encode_request(5, "echo", Echo(text="x"))
    with pytest.raises(Refused, match="too many") as caught:
        codec.decode_reply(dispatcher().turn_away(raw, "too many"), 5, Echo)
    assert caught.value.code == BUSY
