"""Makes the vectors in tests/vectors/blob. Run it as `python tests/support/blob_vectors.py`.

The vectors are for readers in any language; docs/blob-format.md says how to use them. What a writer leaves to chance is
fixed here, so that running this again changes nothing, but for what another release of zstandard compresses otherwise.
"""

import base64
import hashlib
import json
from pathlib import Path

import zstandard
from sealing_by_the_book import (
    CHUNK,
    FRAME_START,
    MESSAGE,
    TWO_MIB_WINDOW,
    Owner,
    padded,
    padme,
    raw_block,
    rle_block,
    seal_by_the_book,
    sealed_chunks,
    stored,
)

FOLDER = Path(__file__).parent.parent / "vectors" / "blob"
OWNER = Owner(bytes(range(32)), "state", bytes(range(32, 64)), "https://sync.example.org/")
A, B, C = "00000000000000aa", "00000000000000bb", "00000000000000cc"
WALLET = "0EGGFFZKSR8BW7BGVMCEEJY0K5KY9NHGKEJGTQRXVJ3684JN66W0"

Vector = dict[str, object]


def document(
    sets: str = "{}", *, clocks: str = "{}", seen: str = f'{{"{A}":9,"{B}":7}}', version: str = "1.0"
) -> bytes:
    return f'{{"clocks":{clocks},"format":"walletsync/{version}","seen":{seen},"sets":{sets}}}'.encode()


def one_set(*lines: str) -> str:
    return '{"coins":{' + ",".join(line + "\n" for line in lines) + "}}"


def nonce(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=24).digest()


def vector(name: str, about: str, sealed: bytes | dict[str, object], **expected: object) -> Vector:
    told = base64.b64encode(sealed).decode() if isinstance(sealed, bytes) else sealed
    owner = {"key": OWNER.key.hex(), "kind": OWNER.kind, "account": OWNER.account.hex(), "server": OWNER.server}
    return {"name": name, "about": about, **owner, "sealed": told, **expected}


def element(set_name: str, key: str, stamp: tuple[int, str] | None, value: str, **deletes: int) -> Vector:
    return {
        "set": set_name,
        "key": key,
        "stamp": list(stamp) if stamp else None,
        "value": value,
        "deletes": {f"00000000000000{writer}": time for writer, time in deletes.items()},
    }


def good() -> list[Vector]:
    def made(name: str, about: str, text: bytes, blob: Vector, frame: bytes | None = None) -> Vector:
        sealed = seal_by_the_book(padded(frame or stored(text)), OWNER, nonce(name))
        return vector(name, about, sealed, document=text.decode(), blob=blob)

    seen = {A: 9, B: 7}
    nothing: Vector = {"format": "walletsync/1.0", "seen": seen, "clocks": {}, "extra": {}, "elements": []}
    coin = '"[\\"C1\\"]":[8,0,{"value":"KUDOS:1"}]'
    small = document(one_set(coin), clocks=f'{{"{WALLET}":{{}}}}')
    small_blob = nothing | {
        "clocks": {WALLET: seen},
        "elements": [element("coins", '["C1"]', (8, A), '{"value":"KUDOS:1"}')],
    }
    deletes = one_set(
        '"[\\"C1\\"]":[9,0,{},[0,3,1,7]]', '"[\\"C2\\"]":[0,0,null,[1,5]]', '"[\\"C3\\"]":[1,1,{"a":[1,{"b":null}]}]'
    )
    lag = f'{{"{WALLET}":{{"{A}":4,"{B}":0}},"W2":{{}}}}'
    unicode_sets = (
        '{"":{"[0]":[1,0,0]\n},"Z":{"[\\"\\\\n\\"]":[1,0,1]\n,"[\\"é\\"]":[1,0,"é"]\n,"[\\"\uffff\\"]":[1,0,2]\n'
        ',"[\\"\U0001f600\\"]":[1,0,3]\n},"é":{"[1]":[1,0,4]\n}}'
    )
    newer = document(one_set(coin), version="1.7").decode()
    lookalike = '{"sets":{"coins":{}},"text":"\\"sets\\":{ ]["}'
    newer = newer.replace('{"clocks"', f'{{"a\\"sets":{lookalike},"clocks"').removesuffix("}") + ',"zeta":[[1.5e3]]}'
    long = document(one_set('"[1]":[1,0,{"a":"' + "x" * 70_000 + '"}]'))
    chunks = sealed_chunks(padded(stored(long)), OWNER, nonce("two chunks"))
    return [
        made("empty", "A replica that has seen something and holds nothing.", document(), nothing),
        made("blank", "A replica that has seen nothing.", document(seen="{}"), nothing | {"seen": {}}),
        made("small", "One coin, stored without compression.", small, small_blob),
        made("compressed", "The same, compressed.", small, small_blob, zstandard.ZstdCompressor(3).compress(small)),
        made("several blocks", "The same, in a zstandard frame of several blocks, one of them empty and one repeated.",
             b'{"clocks":{},"format":"walletsync/1.0","seen":{},"sets":{},"zzzz":0}',
             nothing | {"seen": {}, "extra": {"zzzz": "0"}},
             FRAME_START + TWO_MIB_WINDOW
             + raw_block(b'{"clocks":{},"format":"walletsync/1.0","seen":{},"sets":{},"', last=False)
             + rle_block(ord("z"), 4, last=False) + raw_block(b"", last=False) + raw_block(b'":0}', last=True)),
        made("deletes", "A live element with deletes, a tombstone, and one written by the second writer.",
             document(deletes),
             nothing | {"elements": [
                 element("coins", '["C1"]', (9, A), "{}", aa=3, bb=7),
                 element("coins", '["C2"]', None, "", bb=5),
                 element("coins", '["C3"]', (1, B), '{"a":[1,{"b":null}]}'),
             ]}),
        made("clocks", "One wallet lags behind one writer and knows nothing of the other; one lags behind none.",
             document(clocks=lag), nothing | {"clocks": {WALLET: {A: 4}, "W2": seen}}),
        made("order", "Sets and keys in the order of their UTF-8 bytes, which is not that of UTF-16.",
             document(unicode_sets),
             nothing | {"elements": [
                 element("", "[0]", (1, A), "0"),
                 element("Z", '["\\n"]', (1, A), "1"),
                 element("Z", '["é"]', (1, A), '"é"'),
                 element("Z", '["\uffff"]', (1, A), "2"),
                 element("Z", '["\U0001f600"]', (1, A), "3"),
                 element("é", "[1]", (1, A), "4"),
             ]}),
        made("newer minor", "Members that version 1.0 does not know, with lookalikes of the known ones in them.",
             newer.encode(),
             small_blob | {
                 "format": "walletsync/1.7",
                 "clocks": {},
                 "extra": {'a"sets': lookalike, "zeta": "[[1.5e3]]"},
             }),
        vector("two chunks", "More content than one chunk takes.", b"".join(chunks),
               document_sha256=hashlib.sha256(long).hexdigest()),
        moved(),
    ]  # fmt: skip


def moved() -> Vector:
    """Make a blob of the other kind, whose document is not a replica."""
    owner = OWNER._replace(kind="moved")
    sealed = seal_by_the_book(padded(stored(b'{"note":1}')), owner, nonce("moved"))
    return vector("moved", "A blob of the other kind.", sealed, document='{"note":1}') | {"kind": "moved"}


def broken_files() -> list[Vector]:
    content = padded(stored(document()))
    whole = seal_by_the_book(content, OWNER, nonce("broken"))
    two_chunks_end = 52 + CHUNK + 17

    def refused(name: str, reason: str, about: str, sealed: bytes | dict[str, object], **changed: object) -> Vector:
        return vector(name, about, sealed, refused=reason) | changed

    def of_two_chunks(*slices: tuple[int, int | None]) -> dict[str, object]:
        return {"from": "two chunks", "slices": [list(one) for one in slices]}

    def flipped(offset: int) -> bytes:
        return whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :]

    def with_content(name: str, reason: str, about: str, content: bytes, **changed: object) -> Vector:
        return refused(name, reason, about, seal_by_the_book(content, OWNER, nonce(name)), **changed)

    bomb = FRAME_START + TWO_MIB_WINDOW + rle_block(32, 2**17, last=False) * 511 + rle_block(32, 2**17, last=True)
    frame = stored(document())
    not_last = seal_by_the_book(content, OWNER, nonce("no last"), last_tag=MESSAGE)
    foreign = "What differs from the blob is only this."
    return [
        refused("wrong key", "foreign", foreign, whole, key=bytes(32).hex()),
        refused("wrong account", "foreign", foreign, whole, account=bytes(32).hex()),
        refused("wrong server", "foreign", foreign, whole, server="https://sync.example.org/other/"),
        refused("wrong kind", "foreign", foreign, whole, kind="moved"),
        refused("another file", "not_a_blob", "A file of another program.", b"SQLite format 3\0" + bytes(100)),
        refused("version 0", "not_a_blob", "There is no version 0.", flipped(11)),
        refused("version 2", "newer", "A later major version.",
                seal_by_the_book(content, OWNER, nonce("version 2"), version=2)),
        refused("no bytes", "truncated", "An empty file.", b""),
        refused("half a header", "truncated", "Cut in the header.", whole[:30]),
        refused("header only", "truncated", "Cut after the header.", whole[:52]),
        refused("half a chunk", "truncated", "Cut in its only chunk, to a size that no blob has.", whole[:-3]),
        refused("a chunk short", "truncated", "Cut between two chunks.", of_two_chunks((0, two_chunks_end))),
        refused("half a second chunk", "truncated", "Cut in the last.", of_two_chunks((0, two_chunks_end + 500))),
        refused("key check", "foreign", "The key check was changed: as if the key were another.", flipped(12)),
        refused("stream header", "foreign", "The secretstream's header was changed: as if the key were another.",
                flipped(30)),
        refused("first byte of a chunk", "tampered", "One bit of the chunk was changed.", flipped(52)),
        refused("last byte of a chunk", "tampered", "One bit of the chunk's tag was changed.", flipped(len(whole) - 1)),
        refused("chunks exchanged", "tampered", "The second chunk comes first.",
                of_two_chunks((0, 52), (two_chunks_end, None), (52, two_chunks_end))),
        refused("a chunk twice", "tampered", "The first chunk comes twice.",
                of_two_chunks((0, two_chunks_end), (52, two_chunks_end), (two_chunks_end, None))),
        refused("a chunk left out", "tampered", "The first of two chunks is missing.",
                of_two_chunks((0, 52), (two_chunks_end, None))),
        refused("a byte more", "truncated", "A byte follows: a size that no blob has, as of an end cut off.",
                whole + b"\0"),
        refused("no last chunk", "malformed", "The last chunk does not have the final tag.", not_last),
        with_content("padding not zero", "malformed", "The padding holds something.", content[:-1] + b"\1"),
        with_content("padding missing", "malformed", "The content is not padded.", frame),
        with_content("padding too long", "malformed", "The content is padded to the next size but one.",
                     frame.ljust(padme(padme(len(frame)) + 1), b"\0")),
        with_content("two frames", "malformed", "A second zstandard frame follows.", padded(frame + frame)),
        with_content("no frame", "malformed", "The content is the document itself.", padded(document())),
        with_content("skippable frame", "malformed", "The content is a skippable frame.",
                     padded(bytes.fromhex("502a4d1804000000") + b"skip")),
        with_content("half a frame", "malformed", "The frame ends before its last block.", padded(frame[:50])),
        with_content("reserved block", "malformed", "A block of the reserved kind.",
                     padded(FRAME_START + TWO_MIB_WINDOW + b"\x07\0\0")),
        with_content("checksum", "malformed", "The frame has a checksum, which format 1 does not use.",
                     padded(zstandard.ZstdCompressor(3, write_checksum=True).compress(document()))),
        with_content("sealed bytes", "too_large", "The file is larger than the limit.", content,
                     limits={"sealed_bytes": len(whole) - 1}),
        with_content("plain bytes", "too_large", "The document is larger than the limit.", content,
                     limits={"plain_bytes": len(document()) - 1}),
        with_content("dictionary", "malformed", "The frame asks for a dictionary.",
                     padded(FRAME_START + bytes.fromhex("015807") + raw_block(document(), last=True))),
        with_content("declared only", "too_large", "The frame declares 2 GiB, and holds less.",
                     padded(FRAME_START + bytes.fromhex("805800000080") + raw_block(document(), last=True)),
                     limits={"plain_bytes": 2**20}),
        with_content("declared bytes", "too_large", "The frame declares more than the limit.",
                     padded(zstandard.ZstdCompressor(3).compress(document())),
                     limits={"plain_bytes": len(document()) - 1}),
        with_content("window", "too_large", "The frame asks for a window of 16 MiB.",
                     padded(FRAME_START + bytes.fromhex("0070") + raw_block(document(), last=True))),
        with_content("bomb", "too_large", "64 MiB of spaces in 2 kB.", padded(bomb), limits={"plain_bytes": 2**20}),
    ]  # fmt: skip


def broken_documents() -> list[Vector]:
    def refused(name: str, about: str, text: bytes, reason: str = "malformed", **changed: object) -> Vector:
        sealed = seal_by_the_book(padded(stored(text)), OWNER, nonce(name))
        shown = {"document": text.decode()} if name != "not utf-8" else {}
        return vector(name, about, sealed, refused=reason) | shown | changed

    def coins(*lines: str) -> bytes:
        return document(one_set(*lines))

    deep = "[" * 65 + "]" * 65
    good = '"[1]":[1,0,{}]'
    return [
        refused("major 2", "A later major version in the document.", document(version="2.0"), "newer"),
        refused("major 0", "Another major version, which this one does not follow.", document(version="0.9"), "newer"),
        refused("no version", "A format that is none.", document(version="one")),
        refused("no seen", "The member seen is missing.", b'{"clocks":{},"format":"walletsync/1.0","sets":{}}'),
        refused("no sets", "The member sets is missing.", b'{"clocks":{},"format":"walletsync/1.0","seen":{}}'),
        refused("no object", "The document is an array.", b"[]"),
        refused("no text", "The document is empty.", b""),
        refused("head unsorted", "The members are not sorted.",
                b'{"format":"walletsync/1.0","clocks":{},"seen":{},"sets":{}}'),
        refused("head twice", "A member comes twice.",
                b'{"clocks":{},"clocks":{},"format":"walletsync/1.0","seen":{},"sets":{}}'),
        refused("head with a space", "A space in the head.", document().replace(b'"seen":', b'"seen": ')),
        refused("head with a break", "A line break in the head.", document().replace(b'"seen":', b'\n"seen":')),
        refused("break in an early member", "A line break in an unknown member.",
                b'{"alpha":[1,\n2],' + document()[1:]),
        refused("break in an early member, and elements", "A line break in an unknown member.",
                b'{"alpha":[1,\n2],' + coins(good)[1:]),
        refused("break in a late member", "A line break in an unknown member.", document()[:-1] + b',"zeta":[1,\n2]}'),
        refused("seen unsorted", "Writers are sorted.", document(seen=f'{{"{B}":1,"{A}":1}}')),
        refused("seen twice", "Each writer comes once.", document(seen=f'{{"{A}":1,"{A}":2}}')),
        refused("clocks with a space", "A space in the head.", document(clocks='{"W": {}}')),
        refused("member out of place", "An unknown member that sorts after sets comes before it.",
                document().replace(b'"sets"', b'"zeta":1,"sets"')),
        refused("early member late", "An unknown member that sorts before sets comes after it.",
                document()[:-1] + b',"alpha":1}'),
        refused("late member twice", "sets comes twice.", document()[:-1] + b',"sets":{}}'),
        refused("deep member", "An unknown member is nested 65 levels deep.",
                document()[:-1] + f',"zeta":{deep}}}'.encode(), "too_large"),
        refused("writer's name", "A writer is 16 lower-case hexadecimal digits.", document(seen='{"AA":1}')),
        refused("writer without time", "seen has no times of 0.", document(seen=f'{{"{A}":0}}')),
        refused("time too large", "A time is at most 2^62.", document(seen=f'{{"{A}":4611686018427387905}}')),
        refused("clocks ahead", "A row is ahead of seen.", document(clocks=f'{{"W":{{"{A}":10}}}}')),
        refused("clocks level", "A row lists a writer that it does not lag behind.",
                document(clocks=f'{{"W":{{"{A}":9}}}}')),
        refused("clocks unknown", "A row lists a writer that seen does not have.",
                document(clocks=f'{{"W":{{"{C}":0}}}}')),
        refused("unknown writer", "There are two writers, and this is the third.", coins('"[1]":[1,2,{}]')),
        refused("unseen stamp", "Later than what seen has of the writer.", coins('"[1]":[10,0,{}]')),
        refused("unseen delete", "Later than what seen has of the writer.", coins('"[1]":[1,0,{},[1,8]]')),
        refused("unknown deleter", "There are two writers, and this is the third.", coins('"[1]":[1,0,{},[2,1]]')),
        refused("deletes unsorted", "Deletes are sorted by writer.", coins('"[1]":[1,0,{},[1,1,0,1]]')),
        refused("deletes twice", "Each writer comes once.", coins('"[1]":[1,0,{},[0,1,0,2]]')),
        refused("deletes odd", "Deletes are pairs.", coins('"[1]":[1,0,{},[0]]')),
        refused("deletes empty", "Empty deletes are left out.", coins('"[1]":[1,0,{},[]]')),
        refused("deletes null", "Empty deletes are left out.", coins('"[1]":[1,0,{},null]')),
        refused("delete at 0", "Times begin with 1.", coins('"[1]":[1,0,{},[0,0]]')),
        refused("nothing at all", "Neither insert nor deletes.", coins('"[1]":[0,0,null]')),
        refused("tombstone with value", "A tombstone has no value.", coins('"[1]":[0,0,{},[0,1]]')),
        refused("tombstone with writer", "A tombstone has no writer.", coins('"[1]":[0,1,null,[0,1]]')),
        refused("negative time", "Times are positive.", coins('"[1]":[-1,0,{}]')),
        refused("fraction", "Times are integers.", coins('"[1]":[1.0,0,{}]')),
        refused("too short", "An element has a value.", coins('"[1]":[1,0]')),
        refused("too long", "An element has four parts at most.", coins('"[1]":[1,0,{},[0,1],0]')),
        refused("not json", "A value is JSON.", coins('"[1]":[1,0,{a}]')),
        refused("not utf-8", "A value is UTF-8.", coins('"[1]":[1,0,"?"]').replace(b"?", b"\xff")),
        refused("break in a value", "A line break within a value.", coins('"[1]":[1,0,{"a":\n1}]')),
        refused("break in a value, and none before the next", "As many line breaks as elements, but not after each.",
                coins('"[1]":[1,0,{"a":\n1}],"[2]":[1,0,{}]')),
        refused("break in a value, and its length made up for", "The document is as long as a good one.",
                coins('"[1]":[1, 0,{"a":\n1}],"[2]":[1,0,{}]')),
        refused("break in a string", "A line break within a string.", coins('"[1]":[1,0,"a\nb"]')),
        refused("space", "A space between two parts.", coins('"[1]":[1, 0,{}]')),
        refused("no break", "Two elements on a line.", coins(f'{good},"[2]":[1,0,{{}}]')),
        refused("two breaks", "An empty line.", coins(f"{good}\n", '"[2]":[1,0,{}]')),
        refused("keys unsorted", "Keys are sorted.", coins('"[2]":[1,0,{}]', good)),
        refused("key twice", "Each key comes once.", coins(good, '"[1]":[2,0,{}]')),
        refused("key twice on a line", "Each key comes once.", coins(f'{good},"[1]":[2,0,{{}}]')),
        refused("key written otherwise", "A character has one way to be written.", coins('"[\\u0031]":[1,0,{}]')),
        refused("empty key", "A key is an array.", coins('"":[1,0,{}]')),
        refused("empty set", "Sets without elements are left out.", document('{"coins":{}}')),
        refused("sets unsorted", "Sets are sorted.", document(f'{{"b":{{{good}\n}},"a":{{{good}\n}}}}')),
        refused("set written otherwise", "A character has one way to be written.",
                document(f'{{"\\u0061":{{{good}\n}}}}')),
        refused("set twice", "Each set comes once.", document(f'{{"a":{{{good}\n}},"a":{{"[2]":[1,0,{{}}]\n}}}}')),
        refused("half a document", "The end is missing.", coins(good)[:-1]),
        refused("more than a document", "Something follows the end.", coins(good) + b"{}"),
        refused("comma at the end", "A comma follows the last element.", document(f'{{"coins":{{{good}\n,}}}}')),
        refused("deep value", "A value is nested 65 levels deep.", coins(f'"[1]":[1,0,{deep}]'), "too_large"),
        refused("very deep value", "Deep enough to exhaust a stack.",
                coins('"[1]":[1,0,' + "[" * 3000 + "]" * 3000 + "]"), "too_large"),
        refused("elements", "More elements than the limit.", coins(good, '"[2]":[1,0,{}]'), "too_large",
                limits={"elements": 1}),
        refused("long key", "A key longer than the limit.", coins('"[\\"éé\\"]":[1,0,{}]'), "too_large",
                limits={"key_bytes": 7}),
        refused("long line", "A line longer than the limit.", coins(good), "too_large", limits={"line_bytes": 80}),
    ]  # fmt: skip


def write(name: str, about: str, vectors: list[Vector]) -> None:
    text = json.dumps({"about": about, "vectors": vectors}, indent=1, ensure_ascii=True)
    (FOLDER / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    write("good", "Blobs that every reader takes.", good())
    write("broken_files", "Files that every reader refuses when it opens them, for this reason.", broken_files())
    write("broken_documents", "Blobs that open, and whose document every reader refuses.", broken_documents())
