"""docs/ipc.md is run: its requests are sent over a real socket, and answered as it says."""

import itertools
import re
from pathlib import Path

import msgspec
import pytest
from support.ipc_daemon import Place, short_directory
from support.ipc_peer import introduced

from ipc import codec, frame
from ipc.dispatch import Method
from ipc.errors import Refusal
from ipc.frame import Event, Position
from ipc.messages import SIGNATURE_BY_METHOD
from ipc.server import Identity, listening

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "ipc.md").read_text()
METHODS = DOCUMENT[DOCUMENT.index("\n## Methods\n") : DOCUMENT.index("\n## Events\n")]
BUILT_IN = {"hello", "events_since"}


def blocks(kind, text=DOCUMENT):
    return re.findall(rf"^```json {kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def exchanges(text=DOCUMENT):
    """Return the examples: pairs of the request as it is written, and the reply as an object."""
    pairs = re.findall(r"^```json request\n(.*?)^```\n\n```json reply\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(request.encode(), msgspec.json.decode(reply)) for request, reply in pairs]


def sections():
    """Return what is written about each method, by its name."""
    names_and_texts = re.split(r"^### `(\w+)`$", METHODS, flags=re.MULTILINE)[1:]
    return dict(zip(names_and_texts[::2], names_and_texts[1::2], strict=True))


def name_of(request):
    return msgspec.json.decode(request)["method"]


def params_of(request):
    method = name_of(request)
    raw = msgspec.json.encode(msgspec.json.decode(request).get("params", {}))
    return msgspec.json.decode(raw, type=SIGNATURE_BY_METHOD[method].params)


class AsWritten:
    """Answers a method's calls as the document's examples do."""

    def __init__(self, method):
        self.signature = SIGNATURE_BY_METHOD[method]
        examples = exchanges(sections()[method])
        self.reply_by_params = {repr(msgspec.structs.asdict(params_of(asked))): reply for asked, reply in examples}

    async def __call__(self, params):
        reply = self.reply_by_params[repr(msgspec.structs.asdict(params))]
        if "error" in reply:
            error = reply["error"]
            raise Refusal(error["message"], code=error["code"], data=error.get("data"))
        return msgspec.json.decode(msgspec.json.encode(reply["result"]), type=self.signature.result)

    @property
    def method(self):
        return Method(self.signature.params, self, self.signature.changes)


@pytest.fixture
async def peer():
    """A connection to a daemon that is as the document says, after the events that the document tells of."""
    handlers = {name: AsWritten(name).method for name in SIGNATURE_BY_METHOD if name not in BUILT_IN}
    identity = Identity(run="5c0ffee05c0ffee0", version="0.1.0", pid=4711)
    with short_directory() as directory:
        place = Place(directory)
        with listening(place.control, place.events, identity=identity) as server:
            for event in map(msgspec.json.decode, blocks("event")):
                server.publish(event["event"], event["data"], event["at"])
            async with server.answering(handlers, lambda _method, _fault: None), introduced(place.control) as peer:
                yield peer


def test_every_method_and_no_other_is_documented_with_an_example():
    assert set(sections()) == set(SIGNATURE_BY_METHOD)
    for name, text in sections().items():
        succeeded = [reply for asked, reply in exchanges(text) if name_of(asked) == name and "result" in reply]
        assert succeeded or name == "reject", name


def test_every_block_of_json_is_one_that_is_tested():
    assert len(blocks("request")) == len(blocks("reply")) == len(exchanges())
    assert len(re.findall("^```json", DOCUMENT, re.MULTILINE)) == sum(
        len(blocks(kind)) for kind in ("request", "reply", "event", "position")
    )


async def test_every_example_is_answered_as_it_is_written(peer):
    for request, written in exchanges():
        await peer.send_request(request)
        answer = msgspec.json.decode(await peer.receive_reply())
        if written.get("error", {}).get("code", 1) < 0:  # the messages of those are long, or msgspec's
            assert answer["error"].pop("message")
            assert written["error"].pop("message")
        assert answer == written, request.decode()


def test_every_parameter_and_every_member_of_a_result_is_named():
    for name, text in sections().items():
        signature = SIGNATURE_BY_METHOD[name]
        for field in (*signature.params.__struct_fields__, *signature.result.__struct_fields__):
            assert re.search(rf"[`\"]{field}[`\"]", text) or "as of `" in text, f"{name}: {field}"


@pytest.mark.parametrize("name", sorted(SIGNATURE_BY_METHOD))
def test_methods_that_change_something_are_marked(name):
    assert ("*Changes.*" in sections()[name]) == SIGNATURE_BY_METHOD[name].changes


def test_error_codes_are_those_of_the_code():
    documented = {name: int(code) for code, name in re.findall(r"^\| (-?\d+) \| ([A-Z_]+) \|", DOCUMENT, re.MULTILINE)}
    assert documented == {name: getattr(frame, name) for name in documented}
    codes = {name for name, value in vars(frame).items() if name.isupper() and isinstance(value, int)}
    assert codes - set(documented) == {"API_VERSION", "MAX_MESSAGE_BYTES", "CALLS_PER_CONNECTION", "_SAFE_INTEGER"}


def test_events_and_positions_can_be_read():
    for raw, kind in itertools.chain(
        ((raw, Event) for raw in blocks("event")), ((raw, Position) for raw in blocks("position"))
    ):
        message = codec.decode_published(raw.encode())
        assert isinstance(message, kind)
        assert msgspec.to_builtins(message) == msgspec.json.decode(raw)


def test_every_event_that_the_daemon_tells_is_documented():
    source = "".join(path.read_text() for path in (ROOT / "daemon").rglob("*.py"))
    told = set(re.findall(r"\b(?:tell|publish)\(\s*\"([a-z_.]+)\"", source))
    assert told
    assert told <= set(re.findall(r"^\| `([a-z_.]+)` \|", DOCUMENT, re.MULTILINE))


def test_bounds_are_those_of_the_code():
    assert f"at most {frame.MAX_MESSAGE_BYTES:,} bytes" in DOCUMENT
    assert frame.CALLS_PER_CONNECTION == 4
    assert "Four calls at once on one connection" in DOCUMENT
