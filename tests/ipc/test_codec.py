import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipc import codec
from ipc.errors import BadAnswer, Refused
from ipc.frame import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MAX_MESSAGE_BYTES,
    PARSE_ERROR,
    ErrorBody,
    Event,
    Position,
    Request,
)
from ipc.messages import (
    EnrollParams,
    EventsSinceParams,
    HelloParams,
    HistoryShowParams,
    JoinParams,
    NoParams,
    RestoreParams,
    SyncResult,
)

DEEP = 100_000


def request(**members):
    return msgspec.json.encode({"jsonrpc": "2.0", "id": 7, "method": "status", **members})


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        (b"", PARSE_ERROR, "no JSON"),
        (b"hello", PARSE_ERROR, "no JSON"),
        (request() + b"x", PARSE_ERROR, "trailing characters"),
        (b"\xff{}", PARSE_ERROR, "not UTF-8 (byte 0)"),
        (b'{"jsonrpc":"2.0","id":7,"method":"status","params":{"\xff":1}}', PARSE_ERROR, "not UTF-8 (byte 53)"),
        (b'{"jsonrpc":"2.0","id":7,"method":"\\ud800"}', PARSE_ERROR, "no JSON"),
        (b'{"params":' + b"[" * DEEP + b"]" * DEEP + b"}", PARSE_ERROR, "nested too deeply"),
        (b'{"params":' * DEEP, PARSE_ERROR, "nested too deeply"),
        (b"[]", INVALID_REQUEST, "Expected `object`, got `array`"),
        (b'{"id":7,"method":"status"}', INVALID_REQUEST, "missing required field `jsonrpc`"),
        (request(jsonrpc="1.0"), INVALID_REQUEST, "'1.0' - at `$.jsonrpc`"),
        (b'{"jsonrpc":"2.0","method":"status"}', INVALID_REQUEST, "missing required field `id`"),
        (request(id=1.5), INVALID_REQUEST, "got `float` - at `$.id`"),
        (request(id=None), INVALID_REQUEST, "got `null` - at `$.id`"),
        (request(id="x" * 129), INVALID_REQUEST, "length <= 128 - at `$.id`"),
        (request(id=1 << 53), INVALID_REQUEST, "at `$.id`"),
        (request(method="x" * 65), INVALID_REQUEST, "length <= 64 - at `$.method`"),
        (request(parms={}), INVALID_REQUEST, "unknown field `parms`"),
        (request(api="1"), INVALID_REQUEST, "got `str` - at `$.api`"),
        (request(params="x" * MAX_MESSAGE_BYTES), INVALID_REQUEST, "at most 1,048,576 are allowed"),
    ],
)
def test_what_is_no_request_is_answered_with_one_clear_error(raw, code, words):
    invalid = codec.decode_request(raw)
    assert isinstance(invalid, codec.Invalid)
    assert invalid.error.code == code
    assert words in invalid.error.message


def test_an_error_bears_the_id_of_the_request_where_it_can_be_read():
    assert codec.decode_request(request(parms={})).id == 7
    assert codec.decode_request(request(id="x" * 129)).id is None
    assert codec.decode_request(b"{").id is None


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_a_request_or_an_error(raw):
    assert isinstance(codec.decode_request(raw), Request | codec.Invalid)


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner)))
def test_any_json_value_as_parameters_is_taken_or_refused(params):
    for params_type in (NoParams, HelloParams, EventsSinceParams):
        decoded = codec.decode_params(codec.decode_request(request(params=params)), params_type)
        assert isinstance(decoded, params_type | codec.Invalid)


@pytest.mark.parametrize(
    ("params_type", "params", "parameter", "words"),
    [
        (EnrollParams, {"url": "x", "identiti": "y"}, "identiti", "the parameters of status are: url, identity"),
        (EnrollParams, {}, "url", "missing required field `url`"),
        (EnrollParams, {"url": 1}, "url", "Expected `str`, got `int`"),
        (HelloParams, {"api": [1, "2"]}, "api", "Expected `int`, got `str`"),
        (HelloParams, {"api": []}, "api", "length >= 1"),
        (EventsSinceParams, {"seq": -1}, "seq", ">= 0"),
        (EventsSinceParams, {"seq": 2**63}, "seq", "<= 9223372036854775807"),
        (HistoryShowParams, {"id": 10**25}, "id", "<= 9223372036854775807"),
        (HistoryShowParams, {"id": -(10**25)}, "id", ">= -9223372036854775807"),
        (RestoreParams, {"ids": [1, 2**63]}, "ids", "<= 9223372036854775807"),
        (NoParams, {"verbose": True}, "verbose", "the parameters of status are: none"),
        (NoParams, [1], None, "Expected `object`, got `array`"),
        (NoParams, None, None, "Expected `object`, got `null`"),
    ],
)
def test_a_wrong_parameter_is_named(params_type, params, parameter, words):
    invalid = codec.decode_params(codec.decode_request(request(params=params)), params_type)
    assert isinstance(invalid, codec.Invalid)
    assert invalid.id == 7
    assert invalid.error.code == INVALID_PARAMS
    assert words in invalid.error.message
    assert (invalid.error.data or {}).get("parameter") == parameter


def test_a_request_survives_the_way_there():
    raw = codec.encode_request("an id", "enroll", EnrollParams(url="file:///x/"))
    decoded = codec.decode_request(raw)
    assert decoded == Request(jsonrpc="2.0", id="an id", method="enroll", params=decoded.params)
    assert codec.decode_params(decoded, EnrollParams) == EnrollParams(url="file:///x/")


def test_a_result_and_an_error_survive_the_way_back():
    result = SyncResult(sync_id="s", servers=["a"])
    assert codec.decode_reply(codec.encode_result(1, result), 1, SyncResult) == result
    error = ErrorBody(code=1, message="no", data={"why": ["x"]})
    with pytest.raises(Refused, match="no") as refused:
        codec.decode_reply(codec.encode_error(None, error), 1, SyncResult)
    assert (refused.value.code, refused.value.message, refused.value.data) == (1, "no", {"why": ["x"]})


def test_unknown_members_of_a_result_are_ignored():
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"sync_id":"s","servers":[],"new":1},"newer":2}'
    assert codec.decode_reply(raw, 1, SyncResult) == SyncResult(sync_id="s", servers=[])


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"garbage", "no JSON"),
        (b'{"jsonrpc":"2.0","id":1}', "neither a result nor an error"),
        (b'{"jsonrpc":"2.0","id":2,"result":{"sync_id":"s","servers":[]}}', "another request"),
        (b'{"jsonrpc":"2.0","id":1,"result":{"sync_id":"s"}}', "missing required field `servers`"),
        (b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * DEEP + b"]" * DEEP + b"}", "nested too deeply"),
    ],
)
def test_an_answer_that_is_none_is_told(raw, words):
    with pytest.raises(BadAnswer, match=words):
        codec.decode_reply(raw, 1, SyncResult)


def test_what_is_too_large_is_not_sent():
    with pytest.raises(ValueError, match="at most 1,048,576 are allowed"):
        codec.encode_request(1, "enroll", EnrollParams(url="x" * MAX_MESSAGE_BYTES))
    with pytest.raises(ValueError, match="at most 1,048,576 are allowed"):
        codec.encode_result(1, SyncResult(sync_id="x" * MAX_MESSAGE_BYTES, servers=[]))
    raw = codec.encode_error(1, ErrorBody(code=1, message="x" * MAX_MESSAGE_BYTES))
    with pytest.raises(Refused, match="too large to be told") as refused:
        codec.decode_reply(raw, 1, SyncResult)
    assert refused.value.code == INTERNAL_ERROR


def test_events_and_positions_are_told_apart():
    event = Event(run="r", seq=3, event="sync.started", at="2026-01-31T08:15:00.000Z", data={"server": "x"})
    assert codec.decode_published(codec.encode_published(event)) == event
    position = Position(run="r", seq=3)
    assert codec.decode_published(codec.encode_published(position)) == position
    with pytest.raises(BadAnswer, match="`seq`"):
        codec.decode_published(b'{"run":"r"}')


def test_secrets_are_not_shown():
    secret = JoinParams(uri="walletsync://join/1#SECRET", passphrase="SECRET")
    shown = repr(secret) + repr(codec.decode_request(codec.encode_request(1, "join", secret)))
    assert "SECRET" not in shown
