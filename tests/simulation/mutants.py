"""Mutants: rules that look right and are wrong. Each is put in place of the real one, and the simulation has to object.

Every one of them was taken for right by somebody: the first by DD05 itself.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from simulation.device import Device

from daemon.keeper import export, judge, keeper, merge
from daemon.sets import join as joining
from daemon.sets.collect import Clocks
from daemon.sets.element import Deletes, Element, Seen, pointwise_max
from daemon.state.servers import Servers
from daemon.wallet.rows import digest

Mutant = Callable[[], AbstractContextManager[object]]


@contextlib.contextmanager
def the_flat_clock_rule() -> Iterator[None]:
    """DD05's rule: forget deletes that are older than the smallest clock."""

    def all_acknowledged(deletes: Deletes, clocks_by_server: Sequence[Clocks | None]) -> bool:
        if not clocks_by_server or None in clocks_by_server:
            return False
        clocks = [max(seen.values(), default=0) for rows in clocks_by_server for seen in (rows or {}).values()]
        return bool(clocks) and max(deletes.values()) <= min(clocks)

    with (
        mock.patch.object(merge, "all_acknowledged", all_acknowledged),
        mock.patch.object(export, "all_acknowledged", all_acknowledged),
    ):
        yield


@contextlib.contextmanager
def inserts_win() -> Iterator[None]:
    """Of an insert and a delete that did not know of each other, the insert stays."""

    def join_elements(mine: Element, theirs: Element, my_seen: Seen, their_seen: Seen) -> Element:
        deletes = pointwise_max(mine.deletes, theirs.deletes) if mine.deletes or theirs.deletes else mine.deletes
        survivors = [(each.stamp, each.value) for each in (mine, theirs) if each.stamp is not None]
        if not survivors:
            return Element(None, b"", deletes)
        stamp, value = max(survivors)
        return Element(stamp, value, deletes)

    with mock.patch.object(joining, "join_elements", join_elements):
        yield


@contextlib.contextmanager
def the_later_time_wins() -> Iterator[None]:
    """Of an insert and a delete, the one with the larger Lamport time stays."""

    def join_elements(mine: Element, theirs: Element, my_seen: Seen, their_seen: Seen) -> Element:
        deletes = pointwise_max(mine.deletes, theirs.deletes) if mine.deletes or theirs.deletes else mine.deletes
        latest = max(deletes.values(), default=0)
        survivors = [
            (each.stamp, each.value) for each in (mine, theirs) if each.stamp is not None and each.stamp.time > latest
        ]
        if not survivors:
            return Element(None, b"", deletes)
        stamp, value = max(survivors)
        return Element(stamp, value, deletes)

    with mock.patch.object(joining, "join_elements", join_elements):
        yield


@contextlib.contextmanager
def one_writer_for_ever() -> Iterator[None]:
    """A wallet keeps its writer id from run to run."""
    real = Device.start

    def start(device: Device, writer: str | None = None) -> None:
        real(device, writer or device.identity.wallet_id.encode().hex().ljust(16, "0")[:16])

    with mock.patch.object(Device, "start", start):
        yield


@contextlib.contextmanager
def capture_after_the_join() -> Iterator[None]:
    """What the wallet did is stamped as if it had seen what was joined just before."""

    def unaware_insert_survives(before: Element | None, aware_of: Seen) -> bool:
        return True

    with (
        mock.patch.object(judge, "unaware_insert_survives", unaware_insert_survives),
        mock.patch.object(keeper.Keeper, "_take_in_blob", _join_then_capture),
    ):
        yield


def _join_then_capture(self: Any, taken: Any, url: str, answer: Any) -> None:
    with answer.path.open("rb") as sealed:
        head, entries = self._open(url, answer, sealed)
        taken.merged = merge.merge(self.store, url, head, entries, answer.revision, answer.sealed_bytes)
        self._capture(taken)


@contextlib.contextmanager
def rows_compared_with_the_replica() -> Iterator[None]:
    """A row is compared with what the replica holds, not with what the wallet last showed."""
    real = judge.judge

    def compare(store: Any, stamper: Any, table: Any, key: str, row: Any) -> judge.Verdict:
        element = store.replica.known(table.name, key).element
        wanted = digest(element.value) if element is not None and element.live else None
        if (row.digest if row else None) == wanted:
            return judge.Verdict.UNCHANGED
        if row is None:
            return judge.judge_absence(store, stamper, table, key)
        return judge.judge_presence(store, stamper, table, key, row, None)

    from daemon.keeper import capture

    assert real is capture.judge
    with mock.patch.object(capture, "judge", compare):
        yield


@contextlib.contextmanager
def the_list_is_lost() -> Iterator[None]:
    """The list of keys to be applied does not survive the run."""
    real = Device.start

    def start(device: Device, writer: str | None = None) -> None:
        real(device, writer)
        assert device.keeper is not None
        device.keeper.store.state.connection.execute("DELETE FROM listed")

    with mock.patch.object(Device, "start", start):
        yield


@contextlib.contextmanager
def rows_of_clocks_are_united() -> Iterator[None]:
    """Clocks rows that were read once are written again, whoever was forgotten meanwhile."""
    real = Servers.note_clocks

    def note_clocks(self: Servers, url: str, clocks: Clocks, at: float) -> None:
        real(self, url, {**(self.clocks(url) or {}), **clocks}, at)

    with mock.patch.object(Servers, "note_clocks", note_clocks):
        yield


@contextlib.contextmanager
def uploads_whenever_blobs_differ() -> Iterator[None]:
    """An upload is due whenever the blob is not exactly what this wallet would write."""

    def has_to_say(store: Any, url: str, *, acknowledge: bool) -> bool:
        record = store.servers.get(url)
        clocks = {**(store.servers.clocks(url) or {}), store.identity.wallet_id: store.replica.seen()}
        return record.revision is None or any(dict(seen) != store.replica.seen() for seen in clocks.values())

    with mock.patch.object(keeper, "has_to_say", has_to_say):
        yield


@contextlib.contextmanager
def nothing_is_collected() -> Iterator[None]:
    """Tombstones stay for ever. (Not wrong for live entities: the world that others are compared with.)"""

    def never(deletes: Deletes, clocks_by_server: Sequence[Clocks | None]) -> bool:
        return False

    with mock.patch.object(merge, "all_acknowledged", never), mock.patch.object(export, "all_acknowledged", never):
        yield


MUTANTS: Mapping[str, Mutant] = {
    each.__name__: each
    for each in (
        the_flat_clock_rule,
        inserts_win,
        the_later_time_wins,
        one_writer_for_ever,
        capture_after_the_join,
        rows_compared_with_the_replica,
        the_list_is_lost,
        rows_of_clocks_are_united,
        uploads_whenever_blobs_differ,
    )
}
