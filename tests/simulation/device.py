"""A device of the simulation: a wallet database, a state database, and the keeper beside them. Files are real.

What the oracle has to know is noted at the very commit that makes it so, since the process may die right after:
a capture takes what a person did into the replica, a merge takes a blob's operations in, a write shows them.
"""

import contextlib
import hashlib
import io
import itertools
import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from simulation.entities import OPTIONAL_SETS, PROFILE, SCHEMA, shown_rows
from simulation.oracle import Operation, Operations, Place

from daemon.blob.keys import ServerKeys
from daemon.blob.limits import Limits
from daemon.keeper.answer import Answer, Spooled
from daemon.keeper.clone import Parting
from daemon.keeper.export import Sealed
from daemon.keeper.intake import TakenIn
from daemon.keeper.keeper import Keeper
from daemon.keeper.stamping import Identity, is_member
from daemon.keeper.store import Rules, Store
from daemon.keeper.vault import Vault
from daemon.secret import Secret
from daemon.state.database import StateDatabase
from daemon.state.history import Kept
from daemon.surroundings import Surroundings
from daemon.wallet.guest import Guest
from daemon.wallet.reading import Row
from daemon.wallet.rows import decode_key
from daemon.worker import inline

if TYPE_CHECKING:
    from simulation.world import World

    from daemon.state.servers import LeftAccount

LIMITS = Limits()


class Crash(BaseException):
    """A device's process dies here."""

    def __init__(self, device: "Device") -> None:
        super().__init__()
        self.device = device


@dataclass
class Tables:
    """What is known of one wallet database; it is copied and put back with the file.

    ``shown`` is what the tables have shown of each key. ``base`` is which operation a row showed when the daemon last
    read or wrote it, ``pending`` the person's last operation on a key since, and ``logged`` numbers the edits since
    the daemon last cleared its log.
    """

    shown: dict[Place, Operations] = field(default_factory=dict)
    base: dict[Place, int] = field(default_factory=dict)
    pending: dict[Place, int] = field(default_factory=dict)
    logged: dict[Place, int] = field(default_factory=dict)
    edits: int = 0

    def copy(self) -> "Tables":
        return Tables(dict(self.shown), dict(self.base), dict(self.pending), dict(self.logged), self.edits)


@dataclass
class Held:
    """What one state database holds; it is copied and put back with the file."""

    operations: Operations = 0
    captured_sets: frozenset[str] = frozenset()

    def copy(self) -> "Held":
        return Held(self.operations, self.captured_sets)


@dataclass(frozen=True)
class WalletCopy:
    """A copy of a wallet database."""

    content: bytes
    tables: Tables


@dataclass(frozen=True)
class StateCopy:
    """A copy of a state database."""

    content: bytes
    held: Held


@dataclass
class Snapshot:
    """What a capture read: the rows, and the person's operations that it has to take up."""

    rows: dict[Place, int]
    pending: dict[Place, int]
    edits: int


class Device:
    """One wallet with its daemon's core, which can be stopped, killed, copied and put back."""

    def __init__(self, world: "World", name: str, identity: Identity | None = None) -> None:
        self.world = world
        self.name = name
        self.identity = identity or Identity(name.upper(), "SEALING", name)
        self.folder = world.folder / name
        self.folder.mkdir()
        self.tables = Tables()
        self.held = Held()
        self.optional_sets: tuple[str, ...] = OPTIONAL_SETS
        self.triggers = True
        self.urls: set[str] = set()
        self.address_by_identity: dict[str, str] = {}
        self.departures: dict[str, LeftAccount] = {}
        self.unregistered: set[str] = set()
        self.overrated: set[str] = set()
        self.unheard: Operations = 0
        self.keeper: SimulatedKeeper | None = None
        self.is_copied = self.is_running_copy = self.is_unhealed = False
        self.phase = ""
        self.snapshot: Snapshot | None = None
        self.has_read = False
        self.taking: Operations = 0
        self.restoring: dict[Place, int] = {}
        self.fuse: Fuse | None = None
        self._memory_by_url: dict[str, dict[str, str]] = {}
        self._generation = 0
        self._runs = itertools.count()
        self._open_wallet_program(make=True)

    # What lies on the disk.

    @property
    def wallet_path(self) -> Path:
        return self.folder / "wallet.db"

    @property
    def state_path(self) -> Path:
        return self.folder / f"state{self._generation}.db"

    def _open_wallet_program(self, *, make: bool = False) -> None:
        self.program = sqlite3.connect(self.wallet_path, timeout=1, isolation_level=None)
        self.program.execute("PRAGMA synchronous = OFF")
        if make:
            self.program.executescript(SCHEMA)
        self.program.execute("PRAGMA foreign_keys = ON")

    def memory_of(self, url: str) -> dict[str, str]:
        """Return what the client of a server wants to remember."""
        return self._memory_by_url.setdefault(url, {})

    def knows(self, wallet_id: str) -> bool:
        """Tell whether a wallet is one of the circle's as far as this one knows."""
        return self.keeper is not None and is_member(self.keeper.store.replica, wallet_id)

    def rows(self) -> dict[Place, int]:
        """Return which operation each row shows."""
        return shown_rows(self.program)

    # The daemon.

    def start(self, copied: Store | None = None) -> None:
        """Start the daemon's core: a new run, or the copy of one that goes on with what it keeps in memory."""
        run = next(self._runs)
        chance = random.Random(f"{self.world.seed} {self.name} {run}")
        surroundings = Surroundings(inline, lambda: self.world.wall, chance, chance.randbytes)
        guest = SimulatedGuest(self)
        state = SimulatedState(self)
        vault = Vault(Secret(bytes(32)), chance.randbytes)
        store = Store(state, guest, surroundings, self.identity, vault, Rules(guard_count=10**9))
        if copied is not None:
            store.writer, store.sealed = copied.writer, set(copied.sealed)
        self.world.on_start(self, store)
        self.keeper = SimulatedKeeper(self, store)
        self.look_at_servers()

    def look_at_servers(self) -> None:
        """Note which servers the state database names: those enrolled, and those left where something is to be done."""
        assert self.keeper is not None
        servers = self.keeper.store.servers
        self.address_by_identity = {record.identity: record.url for record in servers.all()}
        self.departures = {left.identity: left for left in servers.departures()}
        self.urls = {shelf.url for shelf in self.world.shelves if shelf.identity in self.address_by_identity}
        self.unregistered &= self.urls

    def stop(self) -> None:
        """End the daemon in good order."""
        if self.keeper is not None:
            self.keeper.close()
            self.keeper = None

    def keep_crash_image(self) -> None:
        """Copy the state database as the disk has it, as the process dies."""
        before = self.state_path
        self._generation += 1
        for suffix in ("", "-wal"):
            source = before.with_name(before.name + suffix)
            if source.exists():
                shutil.copyfile(source, self.state_path.with_name(self.state_path.name + suffix))

    def bury(self) -> None:
        """Drop what the dead process had open, without saving anything of it."""
        if self.keeper is not None:
            self.keeper.close()
            self.keeper = None
        for left in self.folder.glob("state*.db*"):
            if not left.name.startswith(self.state_path.name):
                left.unlink()
        self.fuse = None

    def close(self) -> None:
        """Give back all files."""
        self.stop()
        self.program.close()

    # Copies.

    def copy_wallet(self) -> WalletCopy:
        return WalletCopy(self.program.serialize(), self.tables.copy())

    def copy_state(self) -> StateCopy:
        connection = sqlite3.connect(self.state_path)
        try:
            return StateCopy(connection.serialize(), self.held.copy())
        finally:
            connection.close()

    def put_back_wallet(self, copy: WalletCopy) -> None:
        """Replace the wallet database, also under a running daemon."""
        self.program.close()
        new = self.folder / "restored"
        new.write_bytes(copy.content)
        new.replace(self.wallet_path)
        for suffix in ("-wal", "-shm"):
            self.wallet_path.with_name(self.wallet_path.name + suffix).unlink(missing_ok=True)
        self.tables = copy.tables.copy()
        self._note_unhealed()
        self._open_wallet_program()

    def put_back_state(self, copy: StateCopy) -> None:
        """Replace the state database while no daemon runs."""
        assert self.keeper is None
        self._generation += 1
        self.state_path.write_bytes(copy.content)
        self.held = copy.held.copy()
        self.note_overrated()

    def lose_wallet(self) -> None:
        """Begin anew with an empty wallet database."""
        self.program.close()
        for suffix in ("", "-wal", "-shm"):
            self.wallet_path.with_name(self.wallet_path.name + suffix).unlink(missing_ok=True)
        self.tables = Tables()
        self._note_unhealed()
        self._open_wallet_program(make=True)

    def note_overrated(self) -> None:
        """Note that this wallet may not have seen what clocks say of it, until it stores its own row there again."""
        self.overrated = {shelf.url for shelf in self.world.shelves}

    def _note_unhealed(self) -> None:
        """Note that these tables may not have shown what this wallet says it has seen."""
        self.is_unhealed = True
        self.world.excuse()
        for place, number in self.tables.pending.items():
            self._make_pending_again(place, self.world.oracle.get(number))

    def _make_pending_again(self, place: Place, former: Operation) -> None:
        """Note that what a copy holds of an operation not yet captured is another one, made on the copy."""
        oracle = self.world.oracle
        again = oracle.note(
            oracle.reserve(), place, device=self.name, aware_of=former.aware_of, excused=True,
            is_insert=former.is_insert, shows=former.shows,
        )  # fmt: skip
        self.tables.pending[place] = again.number
        self.tables.shown[place] = self.tables.shown[place] & ~former.bit | again.bit

    # What happens between two effects.

    def effect(self, name: str, *, locked: bool = False) -> None:
        """Burn the fuse: at its end something happens here. ``locked``: the daemon holds the wallet's lock."""
        if self.fuse is not None and self.fuse.burns_out(locked=locked):
            fuse, self.fuse = self.fuse, None
            self.world.tell(f"  ({fuse.what} on {self.name}: {name})")
            if fuse.what == "crash":
                self.keep_crash_image()
                raise Crash(self)
            self.world.edit(self, fuse.draw)

    # What the oracle has to know.

    def begin_reading(self) -> None:
        """Note what a capture, or a healing, is about to read."""
        if self.phase == "capture":
            self.snapshot = Snapshot(self.rows(), dict(self.tables.pending), self.tables.edits)
            self.has_read = True

    def commit_state(self) -> None:
        store = self.keeper.store if self.keeper else None
        if self.phase == "restore":
            self._note_restored()
        elif self.phase == "begin anew":
            self._note_begun_anew()
        elif store is not None and self.phase == "merge":
            self.held.operations |= self.taking
        elif store is not None and self.phase == "capture" and self.has_read and self.snapshot is not None:
            self.has_read = False
            if store.unjoined is None:
                self._note_captured(self.snapshot, store.guest.active_sets)
            else:
                self._note_healed(self.snapshot, store)
        self.effect("the state database committed")

    @property
    def is_in_transaction(self) -> bool:
        return self.keeper is not None and self.keeper.store.state.connection.in_transaction

    @property
    def is_healing(self) -> bool:
        return self.keeper is not None and self.keeper.store.unjoined is not None

    def _note_captured(self, snapshot: Snapshot, active: frozenset[str]) -> None:
        self.is_unhealed = False
        for place, number in snapshot.pending.items():
            operation = self.world.oracle.get(number)
            if place[0] in active and self._is_read(operation):
                self._note_read(place, operation)
        for place, row in snapshot.rows.items():  # a state database that was put back may not know a set yet
            if place[0] in active - self.held.captured_sets and place not in snapshot.pending:
                self.held.operations |= self.world.oracle.get(row).bit
        self.held.captured_sets = active

    def _is_read(self, operation: Operation) -> bool:
        """Tell whether a capture has read what an operation did: a log names all, a scan may miss what comes late."""
        assert self.keeper is not None
        element = self.keeper.store.replica.known(*operation.place).element
        shown = shown_by(element.value) if element is not None and element.live else None
        return self.triggers or shown == (operation.shows if operation.is_insert else None) or self._is_lost(operation)

    def _is_lost(self, operation: Operation) -> bool:
        """Tell whether the change was judged and lost: its row is the base of a key that waits to be deleted."""
        assert self.keeper is not None
        store, (set_name, key) = self.keeper.store, operation.place
        entry = store.to_apply.get(set_name, key)
        row = store.guest.reader.read(store.guest.layout.table_by_set[set_name], decode_key(key))
        return entry is not None and isinstance(row, Row) and row.digest == entry.base

    def _note_read(self, place: Place, operation: Operation) -> None:
        first = place[0] not in self.held.captured_sets
        if operation.is_insert or not (first or place not in self.tables.base or self._is_deleted(place)):
            self.held.operations |= operation.bit
        self._settle_pending(place, operation.number)
        self._note_base(place, operation.number if operation.is_insert else None)

    def _is_deleted(self, place: Place) -> bool:
        """Tell whether there is nothing left to delete: then a delete is no operation."""
        oracle, held = self.world.oracle, self.held.operations
        return not oracle.last_inserts(place, held) and not oracle.excused_inserts(place, held)

    def _settle_pending(self, place: Place, number: int) -> None:
        if self.tables.pending.get(place) == number:
            del self.tables.pending[place]

    def _note_base(self, place: Place, number: int | None) -> None:
        if number is None:
            self.tables.base.pop(place, None)
        else:
            self.tables.base[place] = number

    def _note_healed(self, snapshot: Snapshot, store: Store) -> None:
        self.world.healings.judge(self, snapshot, store)
        active = store.guest.active_sets
        for place, number in snapshot.pending.items():
            if place[0] in active:
                self._settle_pending(place, number)
        unread = {place: number for place, number in self.tables.base.items() if place[0] not in active}
        self.tables.base = unread | {place: row for place, row in snapshot.rows.items() if place[0] in active}
        self.held.captured_sets = active

    def _note_restored(self) -> None:
        """Note that a person has values back, aware of all that this replica holds."""
        oracle = self.world.oracle
        for place, shows in self.restoring.items():
            aware_of = self.held.operations & oracle.operations_by_place[place]
            operation = oracle.note(
                oracle.reserve(), place, device=self.name, aware_of=aware_of, is_insert=True, shows=shows,
                excused=self.is_excused(place, aware_of),
            )  # fmt: skip
            self.held.operations |= operation.bit
            self.world.tell(f"  {operation}, which shows {shows}")

    def _note_begun_anew(self) -> None:
        """Note that what the tables show is all that this wallet has, and that it was shown nothing else."""
        oracle, shown = self.world.oracle, self.rows()
        self.held, self.tables = Held(), Tables()
        self.note_overrated()
        for place, row in shown.items():
            operation = oracle.note(
                oracle.reserve(), place, device=self.name, aware_of=0, excused=True, is_insert=True, shows=row
            )
            self.tables.pending[place] = operation.number
            self.tables.shown[place] = operation.bit

    def commit_wallet(self) -> None:
        """Note what the tables show now, after a write of the daemon."""
        if self.phase == "begin anew":
            self.tables.logged.clear()
            self.is_unhealed = True
            self.world.excuse()
        if self.phase != "settle":
            return
        self.note_shown()
        read = self.snapshot.edits if self.snapshot else 0
        self.tables.logged = {place: edit for place, edit in self.tables.logged.items() if edit > read}

    def note_shown(self) -> None:
        """Note of all keys, where the row is as the replica has it, that all that the replica holds is shown."""
        assert self.keeper is not None
        self.is_unhealed = False
        oracle, held, rows = self.world.oracle, self.held.operations, self.rows()
        for place, operations in oracle.operations_by_place.items():
            new = operations & held
            row = rows.get(place)
            if place[0] not in self.keeper.store.guest.active_sets or self._waits_to_be_read(place, row):
                continue
            wanted = oracle.last_inserts(place, held)
            if row in wanted or (row is None and not wanted):
                self.tables.shown[place] = self.tables.shown.get(place, 0) | new
            self._note_base(place, row)

    def _waits_to_be_read(self, place: Place, row: int | None) -> bool:
        """Tell whether a person's operation is still to be captured. Where its row is overwritten, it was judged."""
        number = self.tables.pending.get(place)
        if number is None:
            return False
        operation = self.world.oracle.get(number)
        if row == (operation.shows if operation.is_insert else None):
            return True
        del self.tables.pending[place]
        if operation.is_insert:
            self.held.operations |= operation.bit
        return False

    # What a person does.

    def edit(self, *statements: tuple[str, tuple[object, ...]]) -> list[str]:
        """Be the wallet program: carry out statements in one transaction; return what that did, in words."""
        before = self.rows()
        self.program.execute("BEGIN IMMEDIATE")
        try:
            for sql, parameters in statements:
                self.program.execute(sql, parameters)
        except sqlite3.IntegrityError as error:
            self.program.execute("ROLLBACK")
            return [f"the wallet refused: {error}"]
        self.program.execute("COMMIT")
        after = self.rows()
        changed = sorted(place for place in before.keys() | after.keys() if before.get(place) != after.get(place))
        return [self._note_edit(place, after.get(place)) for place in changed]

    def is_excused(self, place: Place, aware_of: Operations) -> bool:
        """Tell whether an operation that is made now may meet none of the deletes that its maker is not aware of."""
        unheard = self.world.oracle.of_place(place, self.unheard & ~aware_of)
        return self.world.is_shaky or any(not operation.is_insert for operation in unheard)

    def _note_edit(self, place: Place, number: int | None) -> str:
        tables, oracle = self.tables, self.world.oracle
        aware_of = tables.shown.get(place, 0)
        operation = oracle.note(
            oracle.reserve() if number is None else number,
            place,
            is_insert=number is not None,
            device=self.name,
            aware_of=aware_of,
            excused=self.is_excused(place, aware_of),
            is_weak=self.is_running_copy and number is None,
        )
        tables.shown[place] = aware_of | operation.bit
        tables.edits += 1
        if self.triggers:
            tables.logged[place] = tables.edits
        tables.pending[place] = operation.number
        return str(operation)


@dataclass
class Fuse:
    """After so many effects: a crash, or an edit."""

    count: int
    what: str
    draw: int

    def burns_out(self, *, locked: bool) -> bool:
        self.count -= 1
        return self.count < 0 and (self.what == "crash" or not locked)


class SimulatedState(StateDatabase):
    """The real state database, on files without fsync, telling the device of every transaction."""

    def __init__(self, device: Device) -> None:
        self._device = device
        super().__init__(device.state_path)
        self.connection.execute("PRAGMA synchronous = OFF")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        self._device.effect("the state database begins a transaction")
        with super().transaction() as connection:
            yield connection
            self._device.effect("the state database is about to commit")
        self._device.commit_state()


class SimulatedGuest(Guest):
    """The real guest, telling the device of every write."""

    def __init__(self, device: Device) -> None:
        self._device = device
        super().__init__(device.wallet_path, PROFILE, device.optional_sets, use_triggers=device.triggers)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        with super().reading():
            if self._device.is_in_transaction or self._device.is_healing:
                self._device.begin_reading()
            yield
            self._device.effect("the wallet database was read")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        self._device.effect("the wallet database is about to be written")
        with super().writing() as connection:
            if self._device.is_in_transaction:
                self._device.begin_reading()
            yield connection
            self._device.effect("the wallet database is about to commit", locked=True)
        self._device.commit_wallet()
        self._device.effect("the wallet database committed")


class SimulatedKeeper(Keeper):
    """The real keeper, telling the device which phase it is in, and the world what each blob holds."""

    def __init__(self, device: Device, store: Store) -> None:
        super().__init__(store, LIMITS)
        self._device = device

    @property
    def guest(self) -> SimulatedGuest:
        assert isinstance(self.store.guest, SimulatedGuest)
        return self.store.guest

    def seal_blob(self, url: str, keys: ServerKeys, sink: BinaryIO) -> Sealed:
        whole = io.BytesIO()
        sealed = super().seal_blob(url, keys, whole)
        self._device.world.note_sealed(self._device.held.operations, whole.getvalue(), sealed.head.clocks)
        sink.write(whole.getvalue())
        return sealed

    @contextlib.contextmanager
    def _in(self, phase: str) -> Iterator[None]:
        before, self._device.phase = self._device.phase, phase
        try:
            yield
        finally:
            self._device.phase = before

    def _capture(self, taken: TakenIn) -> None:
        self._device.has_read = False
        with self._in("capture"):
            super()._capture(taken)

    def restore(self, kept: Sequence[Kept]) -> list[Kept]:
        values = {(each.set_name, each.key): each.sealed for each in reversed(kept)}
        self._device.restoring = {
            place: shown_by(self.store.vault.open(sealed))
            for place, sealed in values.items()
            if not self.store.lives(place)
        }
        with self._in("restore"):
            return super().restore(kept)

    def begin_anew(self) -> None:
        with self._in("begin anew"):
            super().begin_anew()

    def take_in(self, url: str, answer: Answer) -> TakenIn:
        self._device.taking = 0
        if isinstance(answer, Spooled):
            note = self._device.world.blob_by_digest.get(digest(answer.path.read_bytes()))
            self._device.taking = note.holds if note else 0  # half a blob holds nothing
        with self._in("merge"):
            return super().take_in(url, answer)

    def _part_from_copy(self, url: str, answer: Spooled) -> Parting:
        self._device.world.counts["parted from a copy"] += 1
        with self._in("part"):
            return super()._part_from_copy(url, answer)

    def _settle(self, taken: TakenIn) -> None:
        with self._in("settle"):
            super()._settle(taken)
        if taken.trouble is None and not taken.captured[-1].waits:
            self._device.note_shown()


def digest(blob: bytes) -> str:
    """Name a blob."""
    return hashlib.sha512(blob).hexdigest()


def shown_by(value: bytes) -> int:
    """Return which operation an element's value shows."""
    members: Mapping[str, object] = msgspec.json.decode(value)
    return int(str(members["shown"]))
