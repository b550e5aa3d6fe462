"""The note that an account has moved: written, read, and refused."""

import io
import json
from pathlib import Path

import pytest

from daemon.blob.errors import BlobUnreadable, Reason
from daemon.blob.keys import server_keys, wallet_keys
from daemon.blob.seal import kind_of
from daemon.rotation.note import Note, circle_of, open_box, open_note, read_note, seal_note, write_note
from daemon.secret import Secret

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "rotation" / "notes.json").read_text())
ROOT, NEW_ROOT = Secret(bytes(range(32))), Secret(bytes(range(32, 64)))
SEEDS = {name: Secret(bytes([number]) * 32) for number, name in enumerate(("phone", "desktop", "laptop"), start=1)}
ID = {name: wallet_keys(seed.reveal()).id for name, seed in SEEDS.items()}


def note_of(signer: str = "phone", time: int = 7) -> Note:
    kept = {ID["phone"]: "phone", ID["desktop"]: "desktop"}
    left_out = {ID["laptop"]: "laptop"}
    return write_note(root=ROOT, new_root=NEW_ROOT, wallet_seed=SEEDS[signer], kept=kept, left_out=left_out, time=time)


def test_what_was_written_is_read():
    note = note_of()
    assert read_note(note.text) == note
    assert (note.signed, note.rank, note.circle) == (True, (7, ID["phone"]), circle_of(ROOT))
    assert (note.nickname(ID["laptop"]), note.nickname(ID["desktop"]), note.nickname("X")) == (
        "laptop",
        "desktop",
        None,
    )


def test_the_kept_find_the_new_root_secret_and_nobody_else_does():
    note = note_of()
    assert open_box(note, SEEDS["phone"]) == open_box(note, SEEDS["desktop"]) == NEW_ROOT
    assert open_box(note, SEEDS["laptop"]) is None
    box = note.statement.kept[ID["desktop"]].box
    for text in (
        note.text.replace(b"phone", b"PHONE"),
        note.text.replace(ID["desktop"].encode(), ID["laptop"].encode()),
    ):
        assert box in text.decode()
        assert open_box(read_note(text), SEEDS["laptop"]) is None


def test_neither_the_new_root_secret_nor_the_old_one_can_be_seen_in_it():
    note = note_of()
    for root in (ROOT, NEW_ROOT):
        assert root.reveal() not in note.text
        assert root.reveal().hex().encode() not in note.text


def test_what_was_changed_is_not_signed():
    note = note_of()
    first, second, _ = note.text.split(b"\n")
    for changed in (
        first.replace(b'"time":7', b'"time":6'),
        first.replace(b'"nickname":"laptop"', b'"nickname":"phone"'),
        first[:-1] + b',"zebra":1}',
    ):
        read = read_note(changed + b"\n" + second + b"\n")
        assert not read.signed
        assert read.id != note.id


def test_members_of_a_newer_version_are_read_over_and_are_signed_too():
    (vector,) = (vector for vector in VECTORS["notes"] if vector["name"] == "of a newer minor version")
    assert read_note(vector["text"].encode()).signed


@pytest.mark.parametrize("vector", VECTORS["notes"], ids=lambda vector: vector["name"])
def test_a_vector_reads_as_it_says(vector):
    text = vector["text"].encode()
    if "refused" in vector:
        with pytest.raises(BlobUnreadable) as caught:
            read_note(text)
        assert caught.value.reason == vector["refused"]
        return
    note = read_note(text)
    assert note.signed == vector["signed"]
    assert (note.id, note.code, note.circle, list(note.rank)) == tuple(
        vector[x] for x in ("id", "code", "circle", "rank")
    )
    for name, seed in VECTORS["wallet_seeds"].items():
        root = open_box(note, Secret(bytes.fromhex(seed)))
        assert (root.reveal().hex() if root else None) == vector["root_by_wallet"][name]


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"{}\n{}\n", b"[]\n[]\n", b"{\n}\n", b"\xff\n\xff\n", b"[" * 5000 + b"\n\n"]
)
def test_what_is_no_note_is_refused(text):
    with pytest.raises(BlobUnreadable) as caught:
        read_note(text)
    assert caught.value.reason is Reason.MALFORMED


def test_a_wallet_that_has_no_key_cannot_be_kept():
    for wallet in ("PHONE", "0" * 52):
        with pytest.raises(ValueError, match="is no key"):
            write_note(
                root=ROOT,
                new_root=NEW_ROOT,
                wallet_seed=SEEDS["phone"],
                kept={ID["phone"]: "phone", wallet: "x"},
                left_out={},
                time=1,
            )


def test_an_account_holds_it_as_a_blob_of_its_own_kind():
    note, keys = note_of(), server_keys(ROOT.reveal(), "shelf")
    sink = io.BytesIO()
    assert seal_note(note, keys, "shelf", sink) == len(sink.getvalue())
    sink.seek(0)
    assert kind_of(sink, keys.blob_key, keys.account.public_key, "shelf") == "moved"
    sink.seek(0)
    assert open_note(sink, keys, "shelf") == note
    sink.seek(0)
    with pytest.raises(BlobUnreadable):
        open_note(sink, server_keys(NEW_ROOT.reveal(), "shelf"), "shelf")


def test_the_smaller_rank_holds():
    notes = [note_of("phone", 8), note_of("desktop", 7), note_of("phone", 7)]
    signers = sorted((ID["phone"], ID["desktop"]))
    assert [note.rank.signer for note in sorted(notes, key=lambda note: note.rank)][:2] == signers
