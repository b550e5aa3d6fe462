"""Mutants: what the rules are not. Each puts one plausible mistake in the place of a rule, and has to be caught.

A mutant is a context manager; within it runs go wrong. Nothing of this is in the daemon.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

from simulation import rounds
from simulation.device import Device
from simulation.world import World

from daemon.blob.keys import ServerKeys
from daemon.blob.limits import Limits
from daemon.blob.schema import Head, decode, encode
from daemon.blob.seal import Context, open_sealed, seal
from daemon.keeper import capture, export, judge, merge, undo
from daemon.keeper.answer import Spooled
from daemon.keeper.intake import TakenIn
from daemon.keeper.keeper import Keeper
from daemon.keeper.stamping import Stamper
from daemon.keeper.store import Store
from daemon.leaving import Departure
from daemon.sets import join as joining
from daemon.sets.collect import Clocks
from daemon.sets.element import NO_DELETES, Deletes, Element, Entry, Stamp
from daemon.state.replica import Replica, decode_times, encode_times
from daemon.state.servers import LeftAccount, Servers
from daemon.wallet.reading import Row
from daemon.wallet.rows import digest
from daemon.wallet.tables import SetTable


@contextlib.contextmanager
def flat_clock_rule() -> Iterator[None]:
    """Collect what is older than the smallest Lamport clock, as DD05 has it."""

    def all_past(deletes: Deletes, clocks_by_server: Sequence[Clocks | None]) -> bool:
        clocks = [max(row.values(), default=0) for each in clocks_by_server if each for row in each.values()]
        return bool(clocks) and max(deletes.values()) < min(clocks)

    with (
        mock.patch.object(merge, "all_acknowledged", all_past),
        mock.patch.object(export, "all_acknowledged", all_past),
    ):
        yield


@contextlib.contextmanager
def inserts_win() -> Iterator[None]:
    """Let an insert stand against a concurrent delete."""
    with mock.patch.object(joining, "covers", return_value=True):
        yield


@contextlib.contextmanager
def writer_kept_across_runs() -> Iterator[None]:
    """Give a wallet one writer id for all its runs, and look out for no copies."""

    def keep(device: Device, store: Store) -> None:
        store.writer = hashlib.blake2b(device.identity.wallet_id.encode(), digest_size=8).hexdigest()

    with on_start(keep), mock.patch("daemon.keeper.intake.is_copied", return_value=False):
        yield


@contextlib.contextmanager
def stamped_after_the_join() -> Iterator[None]:
    """Capture what the wallet did after the join, and stamp it as if it had seen that."""

    def aware(store: Store, stamper: Stamper, table: SetTable, row: Row, entry: Any) -> judge.Verdict:
        return judge.judge_presence(store, stamper, table, entry.key, row, None)

    @contextlib.contextmanager
    def late(keeper: Keeper, taken: TakenIn, url: str, answer: Spooled) -> Iterator[tuple[Head, Iterator[Entry]]]:
        with answer.path.open("rb") as sealed:
            yield keeper._open(url, answer, sealed)
            keeper._capture(taken)

    with mock.patch.object(judge, "_judge_listed", aware), mock.patch.object(Keeper, "_read_blob", late):
        yield


@contextlib.contextmanager
def compared_with_the_replica() -> Iterator[None]:
    """Compare a row with the replica instead of with its base."""
    real = judge.judge

    def by_replica(store: Store, stamper: Stamper, table: SetTable, key: str, row: Row | None) -> judge.Verdict:
        element = store.replica.known(table.name, key).element
        value = digest(element.value) if element is not None and element.live else None
        if (row.digest if row else None) == value:
            return judge.Verdict.UNCHANGED
        store.to_apply.remove(table.name, key)
        store.replica.set_base(table.name, key, b"never" if row is None else None)
        return real(store, stamper, table, key, row)

    def digests(replica: Replica, set_name: str) -> dict[str, bytes]:
        return {entry.key: digest(entry.element.value) for entry in replica.entries_of(set_name) if entry.element.live}

    with mock.patch.object(capture, "judge", by_replica), mock.patch.object(Replica, "bases", digests):
        yield


@contextlib.contextmanager
def list_lost() -> Iterator[None]:
    """Lose the to-apply list with every end of the daemon."""
    with on_start(lambda _device, store: store.state.connection.execute("DELETE FROM listed") and None):
        yield


@contextlib.contextmanager
def clocks_united() -> Iterator[None]:
    """Unite the clocks just read with those remembered."""
    real = Servers.note_clocks

    def unite(servers: Servers, url: str, clocks: Mapping[str, Mapping[str, int]], at: float) -> None:
        real(servers, url, {**(servers.clocks(url) or {}), **clocks}, at)

    with mock.patch.object(Servers, "note_clocks", unite):
        yield


@contextlib.contextmanager
def uploads_whenever_blobs_differ() -> Iterator[None]:
    """Upload whenever what would be uploaded is not, byte for byte, what lies there: it never is."""
    with (
        mock.patch.object(export, "has_to_say", return_value=True),
        mock.patch("daemon.keeper.keeper.has_to_say", return_value=True),
    ):
        yield


@contextlib.contextmanager
def rows_left_behind() -> Iterator[None]:
    """Leave a server without ever taking the own row out of its clocks."""
    with mock.patch.object(rounds, "rewrite", return_value=False):
        yield


@contextlib.contextmanager
def erased_as_if_seen() -> Iterator[None]:
    """Erase what a server holds, but say in its place what that had seen: that says that all was deleted."""

    def emptied(down: Path, up: Path, keys: ServerKeys, departure: Departure, limits: Limits) -> bool:
        context = Context(kind="state", account=keys.account.public_key, server=departure.identity)
        with down.open("rb") as source, up.open("wb") as sink:
            head, entries = decode(open_sealed(source, keys.blob_key, context, limits), limits)
            kept = () if departure.erase else entries
            rows = {wallet: row for wallet, row in head.clocks.items() if wallet != departure.wallet_id}
            seal(encode(head._replace(clocks=rows), kept), keys.blob_key, context, sink)
        return True

    with mock.patch.object(rounds, "rewrite", emptied):
        yield


@contextlib.contextmanager
def left_servers_waited_for() -> Iterator[None]:
    """Keep the clocks of a server that was left, and go on waiting for the wallets in them."""
    real_leave, real_clocks = Servers.leave, Servers.clocks

    def leave(servers: Servers, left: LeftAccount) -> None:
        connection = servers._connection
        connection.execute("CREATE TABLE IF NOT EXISTS left_clock (wallet TEXT, seen TEXT)")
        rows = [
            (f"{left.account} {wallet}", encode_times(row)) for wallet, row in (servers.clocks(left.url) or {}).items()
        ]
        connection.executemany("INSERT INTO left_clock VALUES (?, ?)", rows)
        real_leave(servers, left)

    def clocks(servers: Servers, url: str) -> Clocks | None:
        found = real_clocks(servers, url)
        if servers._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'left_clock'").fetchone() is None:
            return found
        left = servers._connection.execute("SELECT wallet, seen FROM left_clock")
        return None if found is None else {**found, **{wallet: decode_times(seen) for wallet, seen in left}}

    with mock.patch.object(Servers, "leave", leave), mock.patch.object(Servers, "clocks", clocks):
        yield


@contextlib.contextmanager
def had_back_as_it_was() -> Iterator[None]:
    """Have a deleted value back with a stamp that everybody has seen, as if it had never been deleted."""

    def insert(before: Element | None, stamp: Stamp, value: bytes) -> Element:
        return Element(Stamp(1, stamp.writer), value, NO_DELETES)

    with mock.patch.object(undo, "insert", insert):
        yield


@contextlib.contextmanager
def on_start(hook: Callable[[Device, Store], None]) -> Iterator[None]:
    """Do something with every run of a daemon before it does anything itself."""
    real = World.__init__

    def prepared(world: World, *arguments: Any, **options: Any) -> None:
        real(world, *arguments, **options)
        world.on_start = hook

    with mock.patch.object(World, "__init__", prepared):
        yield


MUTANTS: Mapping[str, Callable[[], AbstractContextManager[None]]] = {
    each.__name__: each
    for each in (
        flat_clock_rule,
        inserts_win,
        writer_kept_across_runs,
        stamped_after_the_join,
        compared_with_the_replica,
        list_lost,
        clocks_united,
        rows_left_behind,
        erased_as_if_seen,
        left_servers_waited_for,
        had_back_as_it_was,
        uploads_whenever_blobs_differ,
    )
}
