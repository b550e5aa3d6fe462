"""docs/blob-format.md says what is: its worked example is worked through here."""

import io
import re
from pathlib import Path

from support.sealing_by_the_book import Owner, padded, seal_by_the_book, stored

from daemon.blob.errors import Reason
from daemon.blob.keys import server_keys
from daemon.blob.schema import LINE_BYTES, Head, Limits, decode, encode
from daemon.blob.seal import Context, open_sealed
from daemon.sets.element import Element, Entry, Stamp, tombstone

TEXT = (Path(__file__).parents[2] / "docs" / "blob-format.md").read_text()
BLOCKS = dict(re.findall(r"```text (\S+)\n(.*?)\n```", TEXT, re.DOTALL))
SERVER = "https://sync.example.org/"
KEYS = server_keys(bytes(range(32)), SERVER)
FIRST, SECOND = "1122334455667788", "99aabbccddeeff00"
HEAD = Head({FIRST: 12, SECOND: 9}, {"0EGGFFZKSR8BW7BGVMCEEJY0K5KY9NHGKEJGTQRXVJ3684JN66W0": {FIRST: 12, SECOND: 4}})
ENTRIES = [
    Entry("coins", '["C1"]', Element(Stamp(11, FIRST), b'{"value":"KUDOS:1"}')),
    Entry("coins", '["C2"]', Element(Stamp(12, FIRST), b'{"value":"KUDOS:2"}', {SECOND: 9})),
    Entry("tips", '["T1"]', tombstone({SECOND: 8})),
]


def block(name: str) -> bytes:
    return bytes.fromhex(BLOCKS[name])


def test_the_keys_of_the_example_are_the_derived_ones():
    assert block("account-public-key") == KEYS.account.public_key
    assert block("blob-key") == KEYS.blob_key


def test_the_document_of_the_example_is_what_is_written_and_read():
    document = BLOCKS["document"].encode()
    assert b"".join(encode(HEAD, ENTRIES)) == document
    head, entries = decode([document], Limits())
    assert (head, list(entries)) == (HEAD, ENTRIES)
    assert len(document) == 309


def test_the_file_of_the_example_follows_from_the_steps_and_opens():
    document = BLOCKS["document"].encode()
    owner = Owner(block("blob-key"), "state", block("account-public-key"), SERVER)
    assert stored(document) == block("frame-start") + document
    assert len(padded(stored(document))) == 320
    assert owner.associated_data() == block("associated-data")
    assert seal_by_the_book(padded(stored(document)), owner, bytes(range(0x40, 0x58))) == block("file")
    context = Context("state", KEYS.account.public_key, SERVER)
    assert context.associated_data == block("associated-data")
    assert b"".join(open_sealed(io.BytesIO(block("file")), KEYS.blob_key, context, Limits())) == document
    assert len(block("file")) == 389


def test_the_specification_names_all_reasons_and_the_limits():
    for reason in Reason:
        assert f"| `{reason}` |" in TEXT
    assert f"{LINE_BYTES:,} bytes" in TEXT
    limits = Limits()
    assert f"{limits.sealed_bytes // 2**30} GiB for the file" in TEXT
    assert f"{limits.plain_bytes // 2**30} GiB\nfor the document" in TEXT
    assert f"{limits.elements:,} elements, {limits.key_bytes:,} bytes" in TEXT
    assert f"{limits.nesting} levels of brackets" in TEXT
