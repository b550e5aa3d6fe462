import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ipc_daemon import AT

from ipc.codec import encode_result
from ipc.eventlog import MAX_EVENT_BYTES, EventLog
from ipc.frame import MAX_MESSAGE_BYTES, Position
from ipc.messages import HelloParams


def seqs(answer):
    return [event.seq for event in answer.events]


def test_events_are_numbered_from_one():
    log = EventLog("r")
    assert log.position == Position(run="r", seq=0)
    assert [log.append("x", {}, AT).seq for _ in range(3)] == [1, 2, 3]
    assert log.position == Position(run="r", seq=3)


@settings(deadline=None)
@given(written=st.integers(0, 12), kept=st.integers(1, 6), seq=st.integers(0, 15))
def test_the_events_after_a_number_are_those_which_are_kept(written, kept, seq):
    log = EventLog("r", kept)
    for _ in range(written):
        log.append("x", {}, AT)
    answer = log.since(seq)
    assert answer.oldest == max(1, written - kept + 1)
    assert seqs(answer) == list(range(max(seq + 1, answer.oldest), written + 1))


def test_all_that_is_kept_fits_into_one_answer():
    log = EventLog("r")
    for _ in range(200):
        log.append("x", {"text": "ä" * (MAX_EVENT_BYTES // 2 - 10)}, AT)
    answer = log.since(0)
    assert 1 < len(answer.events) < 200
    assert seqs(answer)[-1] == 200
    assert len(encode_result("id", answer)) < MAX_MESSAGE_BYTES


def test_an_event_that_is_too_large_goes_out_without_its_data():
    event = EventLog("r").append("x", {"text": "y" * MAX_EVENT_BYTES}, AT)
    assert event.event == "x"
    assert event.data == {"omitted_bytes": MAX_EVENT_BYTES + len('{"text":""}')}


def test_a_struct_becomes_an_object_and_later_changes_of_a_dict_are_not_seen():
    log = EventLog("r")
    data = {"sets": ["coins"]}
    log.append("x", HelloParams(api=[1]), AT)
    log.append("x", data, AT)
    data["sets"].append("tips")
    assert [event.data for event in log.since(0).events] == [{"api": [1]}, {"sets": ["coins"]}]
    assert msgspec.json.encode(log.since(0))
