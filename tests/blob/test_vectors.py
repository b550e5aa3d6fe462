"""The vectors in tests/vectors/blob, which readers in other languages use too."""

import base64
import hashlib
import io
import json
from pathlib import Path

import pytest

from daemon.blob.errors import BlobUnreadable
from daemon.blob.schema import Head, Limits, decode, encode
from daemon.blob.seal import Context, kind_of, open_sealed, seal
from daemon.sets.element import Element, Entry, Stamp

FOLDER = Path(__file__).parent.parent / "vectors" / "blob"
VECTORS = {
    f"{path.stem}: {vector['name']}": vector
    for path in sorted(FOLDER.glob("*.json"))
    for vector in json.loads(path.read_text())["vectors"]
}
GOOD = [name for name, vector in VECTORS.items() if "refused" not in vector]
REPLICAS = [name for name, vector in VECTORS.items() if "blob" in vector]
REFUSED = [name for name, vector in VECTORS.items() if "refused" in vector]
BAD_DOCUMENTS = [name for name in REFUSED if name.startswith("broken_documents") and "document" in VECTORS[name]]


def sealed_of(vector: dict) -> bytes:
    told = vector["sealed"]
    if isinstance(told, str):
        return base64.b64decode(told, validate=True)
    (whole,) = [sealed_of(other) for other in VECTORS.values() if other["name"] == told["from"]]
    return b"".join(whole[start:end] for start, end in told["slices"])


def context_of(vector: dict) -> Context:
    return Context(vector["kind"], bytes.fromhex(vector["account"]), vector["server"])


def limits_of(vector: dict) -> Limits:
    return Limits(**vector.get("limits", {}))


def opened(vector: dict) -> bytes:
    key = bytes.fromhex(vector["key"])
    return b"".join(open_sealed(io.BytesIO(sealed_of(vector)), key, context_of(vector), limits_of(vector)))


def entries_of(vector: dict) -> list[Entry]:
    return [
        Entry(
            told["set"],
            told["key"],
            Element(Stamp(*told["stamp"]) if told["stamp"] else None, told["value"].encode(), told["deletes"]),
        )
        for told in vector["blob"]["elements"]
    ]


def head_of(vector: dict) -> Head:
    told = vector["blob"]
    extra = {name: raw.encode() for name, raw in told["extra"].items()}
    return Head(told["seen"], told["clocks"], extra, told["format"])


@pytest.mark.parametrize("name", GOOD)
def test_a_good_blob_opens(name):
    vector = VECTORS[name]
    document = opened(vector)
    if "document" in vector:
        assert document == vector["document"].encode()
    else:
        assert hashlib.sha256(document).hexdigest() == vector["document_sha256"]


@pytest.mark.parametrize("name", GOOD)
def test_the_header_of_a_good_blob_tells_its_kind(name):
    vector = VECTORS[name]
    sealed, key, account = (
        io.BytesIO(sealed_of(vector)),
        bytes.fromhex(vector["key"]),
        bytes.fromhex(vector["account"]),
    )
    assert kind_of(sealed, key, account, vector["server"]) == vector["kind"]


@pytest.mark.parametrize("name", REPLICAS)
def test_a_good_document_is_read(name):
    vector = VECTORS[name]
    head, entries = decode([vector["document"].encode()], limits_of(vector))
    assert list(entries) == entries_of(vector)
    assert head == head_of(vector)


@pytest.mark.parametrize("name", REPLICAS)
def test_a_good_document_is_written_byte_by_byte(name):
    vector = VECTORS[name]
    assert b"".join(encode(head_of(vector), entries_of(vector))) == vector["document"].encode()


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_blob_is_refused_for_the_right_reason(name):
    vector = VECTORS[name]
    key = bytes.fromhex(vector["key"])
    chunks = open_sealed(io.BytesIO(sealed_of(vector)), key, context_of(vector), limits_of(vector))
    with pytest.raises(BlobUnreadable) as refused:
        list(decode(chunks, limits_of(vector))[1])
    assert refused.value.reason == vector["refused"]
    assert str(refused.value) == refused.value.message


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
@pytest.mark.parametrize("chunk_bytes", [1, 7])
def test_a_bad_document_is_refused_wherever_its_chunks_end(name, chunk_bytes):
    vector = VECTORS[name]
    document = vector["document"].encode()
    chunks = [document[start : start + chunk_bytes] for start in range(0, len(document), chunk_bytes)]
    with pytest.raises(BlobUnreadable) as refused:
        list(decode(chunks, limits_of(vector))[1])
    assert refused.value.reason == vector["refused"]


def test_a_bad_document_is_all_that_is_bad_with_its_blob():
    """Else a vector could be refused for another reason than the one that it is there for."""
    for name in BAD_DOCUMENTS:
        assert opened(VECTORS[name]) == VECTORS[name]["document"].encode()


def test_the_vectors_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000


def test_what_is_sealed_anew_opens_and_is_never_the_same():
    vector = VECTORS["good: small"]
    key, context, document = bytes.fromhex(vector["key"]), context_of(vector), vector["document"].encode()
    first, second = io.BytesIO(), io.BytesIO()
    seal([document], key, context, first)
    seal([document], key, context, second)
    assert len(first.getvalue()) == len(second.getvalue())
    assert first.getvalue() != second.getvalue()
    assert b"".join(open_sealed(io.BytesIO(first.getvalue()), key, context, Limits())) == document
