"""Mutants: what the rules are not. Each puts one plausible mistake in the place of a rule, and has to be caught.

A mutant is a context manager; within it runs go wrong. Nothing of this is in the daemon.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from simulation.device import Device
from simulation.world import World

from daemon.blob.schema import Head
from daemon.keeper import capture, export, judge, merge
from daemon.keeper.keeper import Keeper, Spooled, TakenIn
from daemon.keeper.stamping import Stamper
from daemon.keeper.store import Store
from daemon.sets import join as joining
from daemon.sets.collect import Clocks
from daemon.sets.element import Deletes, Entry
from daemon.state.replica import Replica
from daemon.state.servers import Servers
from daemon.wallet.guest import Row
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

    with on_start(keep), mock.patch("daemon.keeper.keeper.is_copied", return_value=False):
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
        uploads_whenever_blobs_differ,
    )
}
