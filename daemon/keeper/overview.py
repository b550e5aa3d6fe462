"""What status tells of the replica: counts per set, servers, the circle's wallets, and what is held."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from daemon.keeper.rolling import Progress, progress
from daemon.keeper.stamping import members
from daemon.keeper.store import Store
from daemon.sets.collect import Clocks
from daemon.sets.element import covers
from daemon.state.far_times import FarTime
from daemon.state.held import HeldDelete
from daemon.state.replica import SetCount
from daemon.state.rotations import MetNote
from daemon.state.servers import ServerRecord
from daemon.wallet.tables import CIRCLE_SET


class WalletView(NamedTuple):
    """One wallet of the circle: when its clocks were last seen to move, by server, and how many keys it holds up."""

    wallet_id: str
    shown_as: str
    moved_at: dict[str, float]
    holds_up: int


class Overview(NamedTuple):
    """One consistent view of the replica, and of how far roll-overs are.

    ``progress`` are those that have something left to be done, ``met`` the notes that servers hold in a blob's place.
    """

    sets: dict[str, SetCount]
    record_by_url: dict[str, ServerRecord]
    wallets: list[WalletView]
    held: list[HeldDelete]
    progress: list[Progress]
    met: list[MetNote]
    far_times: list[FarTime]


class Observer:
    """Looks at the replica, anew only where anything changed but how syncs went: most find nothing new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: tuple[tuple[object, ...], Overview] | None = None

    def look(self) -> Overview:
        """Look at the replica as it is now."""
        store = self._store
        changes = store.state.connection.total_changes - store.servers.passing_changes
        state = changes, store.identity.nickname, store.guest.active_sets
        if self._last is not None and self._last[0] == state:
            records = {record.url: record for record in store.servers.all()}
            return self._last[1]._replace(record_by_url=records)
        self._last = state, overview(store)
        return self._last[1]


def overview(store: Store) -> Overview:
    """Look at the replica as it is now."""
    records = {record.url: record for record in store.servers.all()}
    counts = store.replica.counts()
    counts.pop(CIRCLE_SET, None)
    sets = {name: counts.get(name, SetCount(0, 0, 0)) for name in sorted({*counts, *store.guest.active_sets})}
    wallets, held = _wallets(store, records), store.held.all()
    return Overview(sets, records, wallets, held, progress(store), store.rotations.met(), store.far_times.held())


def shown_names(nickname_by_id: Mapping[str, str]) -> dict[str, str]:
    """Return, by wallet id, the name to show: ``phone``, or where several have it ``phone#1``, ``phone#2`` by id."""
    count, position = Counter(nickname_by_id.values()), Counter[str]()
    shown = {}
    for wallet_id, nickname in sorted(nickname_by_id.items()):
        position[nickname] += 1
        shown[wallet_id] = nickname if count[nickname] == 1 else f"{nickname}#{position[nickname]}"
    return shown


def _wallets(store: Store, records: Mapping[str, ServerRecord]) -> list[WalletView]:
    clocks_by_url: dict[str, Clocks] = {url: store.servers.clocks(url) or {} for url in records}
    moved_by_url = {url: store.servers.moved_at(url) for url in records}
    pending = [entry.element.deletes for entry in store.replica.entries_with_deletes()]
    views = []
    for wallet_id, shown_as in shown_names(_nicknames(store, clocks_by_url)).items():
        moved_at = {url: moved[wallet_id] for url, moved in moved_by_url.items() if wallet_id in moved}
        rows = [clocks[wallet_id] for clocks in clocks_by_url.values() if wallet_id in clocks]
        holds_up = sum(any(not covers(row, deletes) for row in rows) for deletes in pending)
        views.append(WalletView(wallet_id, shown_as, moved_at, holds_up))
    return views


def _nicknames(store: Store, clocks_by_url: Mapping[str, Clocks]) -> dict[str, str]:
    """Return the nickname of every wallet that says who it is or that has uploaded, and of this one."""
    nickname_by_id = {wallet_id: "unnamed" for clocks in clocks_by_url.values() for wallet_id in clocks}
    named = {wallet_id: member.nickname for wallet_id, member in members(store.replica).items()}
    return {**nickname_by_id, **named, store.identity.wallet_id: store.identity.nickname}
