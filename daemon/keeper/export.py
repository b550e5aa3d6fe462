"""What is said to a server: whether there is something to say, and the sealed blob that says it.

There is something to say where the replica has an insert or a delete that the blob lacks, or no longer an element that
the blob holds live; and where the clocks there do not know this wallet, so that nobody would wait for it. An upload
that would only acknowledge may wait.

The rows of wallets that were forgotten are left out, whoever it was that forgot them: their elements are gone from the
set of the circle's wallets. A newcomer's row came in one blob with its element.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from daemon.blob.keys import ServerKeys
from daemon.blob.lines import LineWriter
from daemon.blob.schema import Head, encode_lines
from daemon.blob.seal import Context, seal
from daemon.keeper.merge import collect
from daemon.keeper.stamping import is_member
from daemon.keeper.store import Store
from daemon.sets.collect import Clocks, all_acknowledged, without_deletes
from daemon.sets.element import Element, Stamp, covers
from daemon.state.lines import Lines
from daemon.state.replica import Replica
from daemon.state.servers import ServerRecord, Servers


class Sealed(NamedTuple):
    """A sealed blob ready to be stored: its size, what it says, and the wallets that it takes out of the clocks."""

    sealed_bytes: int
    head: Head
    forgotten: set[str]


def has_to_say(store: Store, url: str, *, acknowledge: bool) -> bool:
    """Tell whether an upload to this server is due. ``acknowledge``: also if it would only acknowledge."""
    record = _record(store.servers, url)
    if record.revision is None or record.owes or store.replica.has_unseen_by(record.seen):
        return True
    if store.servers.forgotten(url):
        return True
    if store.servers.row(url, store.identity.wallet_id) is None:
        return True
    return acknowledge and owes_acknowledgement(store, record)


def owes_acknowledgement(store: Store, record: ServerRecord) -> bool:
    """Tell whether this wallet's row in the server's clocks lags behind what the blob there has seen.

    Rows of wallets that were forgotten are to be taken out as well.
    """
    mine = store.servers.row(record.url, store.identity.wallet_id)
    if mine is None or not covers(mine, record.seen):
        return True
    return not all(is_member(store.replica, wallet) for wallet in store.servers.moved_at(record.url))


def seal_blob(store: Store, url: str, keys: ServerKeys, sink: BinaryIO) -> Sealed:
    """Seal the present state for a server, as one read transaction sees it. Needs no lock."""
    with store.state.snapshot() as reader:
        replica, servers = Replica(reader), Servers(reader)
        record = _record(servers, url)
        seen = replica.seen()
        forgotten = servers.forgotten(url)
        rows = {
            wallet: row
            for wallet, row in (servers.clocks(url) or {}).items()
            if wallet not in forgotten and is_member(replica, wallet)
        }
        clocks = {**rows, store.identity.wallet_id: seen}
        head = Head(seen=seen, clocks=clocks, extra=record.extra)
        context = Context(kind="state", account=keys.account.public_key, server=record.identity)
        size = seal(encode_lines(head, _lines_by_set(Lines(reader, seen), head)), keys.blob_key, context, sink)
    if store.writer is not None and store.writer in seen:
        store.sealed.add(Stamp(seen[store.writer], store.writer))
    return Sealed(size, head, forgotten)


def note_stored(store: Store, url: str, sealed: Sealed, revision: str) -> int:
    """Note that the server holds this blob now. Return how many keys' deletes could be forgotten by it."""
    with store.state.transaction():
        now = store.surroundings.wall()
        store.servers.note_blob(url, revision, sealed.head.seen, sealed.head.extra)
        store.servers.note_clocks(url, sealed.head.clocks, now)
        store.servers.note_owes(url, False)
        store.servers.note_forgotten(url, sealed.forgotten)
        store.servers.note_size(url, sealed.sealed_bytes)
        return collect(store)


def _lines_by_set(held: Lines, head: Head) -> Iterator[tuple[str, Iterator[tuple[str, bytes]]]]:
    """Walk the replica as lines of a blob with this head."""
    write = LineWriter(head.seen).write

    def lines(set_name: str) -> Iterator[tuple[str, bytes]]:
        for key, line in held.lines(set_name):
            if line is not None:
                yield key, line
            elif (element := _worth_saying(held.element(set_name, key), head.clocks)) is not None:
                yield key, write(key, element)

    return ((set_name, lines(set_name)) for set_name in held.set_names())


def _worth_saying(element: Element, clocks: Clocks) -> Element | None:
    """Leave out the deletes that all wallets in these clocks have seen."""
    if element.deletes and all_acknowledged(element.deletes, [clocks]):
        return without_deletes(element)
    return element


def _record(servers: Servers, url: str) -> ServerRecord:
    record = servers.get(url)
    assert record is not None
    return record
