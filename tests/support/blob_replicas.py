"""Strategies for replicas as blobs hold them, and for the documents and files that they become."""

import io
import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from daemon.blob.head import KNOWN, MAX_TIME
from daemon.blob.schema import Head, encode
from daemon.blob.seal import Context, seal
from daemon.sets.element import Element, Entry, Stamp, tombstone

# On a loaded machine examples take their time, which says nothing of the code.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

KEY = bytes(range(32))
CONTEXT = Context("state", bytes(range(32, 64)), "https://sync.example.org/")

writers = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")
times = st.one_of(st.integers(1, 5), st.integers(1, MAX_TIME))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), texts, st.sampled_from(['"sets":{', "\n}}", "]["])
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@st.composite
def heads(draw: st.DrawFn) -> Head:
    seen = draw(st.dictionaries(writers, times, max_size=4))
    rows = st.fixed_dictionaries({}, optional={writer: st.integers(1, time) for writer, time in seen.items()})
    clocks = draw(st.dictionaries(texts.filter(bool), rows, max_size=3))
    extra = draw(st.dictionaries(texts.filter(lambda name: name not in KNOWN), values.map(canonical), max_size=2))
    return Head(seen, clocks, extra, draw(st.sampled_from(["walletsync/1.0", "walletsync/1.12"])))


@st.composite
def elements(draw: st.DrawFn, seen: dict[str, int]) -> Element:
    """Draw any element that a replica which has seen this can hold."""
    some_deletes = {writer: st.integers(1, time) for writer, time in seen.items()}
    deletes = draw(st.one_of(st.just({}), st.fixed_dictionaries({}, optional=some_deletes)))
    if deletes and draw(st.booleans()):
        return tombstone(deletes)
    writer = draw(st.sampled_from(sorted(seen)))
    return Element(Stamp(draw(st.integers(1, seen[writer])), writer), canonical(draw(values)), deletes)


@st.composite
def replicas(draw: st.DrawFn) -> tuple[Head, list[Entry]]:
    """Draw a head, and entries sorted by place."""
    head = draw(heads())
    if not head.seen:
        return head, []
    key = st.lists(scalars, min_size=1, max_size=2).map(lambda columns: canonical(columns).decode())
    places = draw(st.sets(st.tuples(texts, key), max_size=6))
    return head, [Entry(name, key, draw(elements(dict(head.seen)))) for name, key in sorted(places)]


def document_of(replica: tuple[Head, list[Entry]]) -> bytes:
    return b"".join(encode(*replica))


def sealed_of(document: bytes) -> bytes:
    sink = io.BytesIO()
    seal([document], KEY, CONTEXT, sink)
    return sink.getvalue()
