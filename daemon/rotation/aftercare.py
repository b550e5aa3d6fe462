"""Looking after the accounts that were left: each is brought to holding the note, while wallets kept are missing.

What is to be done at an account decides daemon.rotation.steps. A look asks the account what it holds, and does that.
Looks come with the schedule, on a sign that the account's server has changed or is there (again), and when a person
asks for a sync; one that failed is tried again with back-off. Everything can be repeated, and a run that is killed
leaves the account as it was, or with the note.
"""

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import trio

from daemon import logs
from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import ServerKeys, server_keys
from daemon.blob.seal import kind_of
from daemon.keeper import rolling as turns
from daemon.keeper.keeper import Spooled
from daemon.keeper.merge import TimePoisoned
from daemon.logs import rotating
from daemon.plan import FIRST_RETRY
from daemon.rotation.judging import Verdict
from daemon.rotation.note import Note, open_note, seal_note
from daemon.rotation.steps import Found, FoundNote, Phase, Step, next_step
from daemon.server.base import Conflict, Failure, FailureKind, Fetched, NoBlob, Server, Stored, Unchanged, Watchable
from daemon.server.urls import parse_server_url
from daemon.spooling import spooled
from daemon.state.pause import paused_until
from daemon.state.rotations import OldAccount

if TYPE_CHECKING:
    from daemon.circle import Circle

Meet = Callable[[Note, str], Awaitable[object]]


@dataclass
class _Care:
    """One account that is looked after: its server and keys, the note's revision there, and what holds it up."""

    account: OldAccount
    server: Server
    keys: ServerKeys
    woken: trio.Event = field(default_factory=trio.Event)
    note_id: str | None = None
    revision: str | None = None
    failure: Failure | None = None
    failures: int = 0


@dataclass(frozen=True)
class _Look:
    """What an account holds: a note, or what is no note, with its revision and size."""

    found: Found | Note
    revision: str | None
    sealed_bytes: int = 0


class Aftercare:
    """Looks after all accounts that were left, for as long as there is something to be done for them."""

    def __init__(self, circle: "Circle", meet: Meet) -> None:
        self._circle = circle
        self._store = circle.keeper.store
        self._meet = meet
        self._care_by_account: dict[tuple[str, str], _Care | None] = {}
        self._missing_by_note: dict[str, set[str]] = {}

    def failure_at(self, account: OldAccount) -> Failure | None:
        """Return what holds an account up, if something does."""
        care = self._care_by_account.get((account.circle, account.identity))
        return care.failure if care is not None else None

    async def start(self) -> None:
        """Look after all accounts that need it from here on, those already looked after as well: at once."""
        for account in await self._circle.exclusively(self._store.rotations.accounts):
            if (account.circle, account.identity) not in self._care_by_account:
                self._care_by_account[account.circle, account.identity] = None
                self._circle.nursery.start_soon(self._run, account)
        await self.look_at_arrivals()
        self.look_soon()

    def look_soon(self) -> None:
        """Look at all accounts now."""
        for care in self._care_by_account.values():
            if care is not None:
                care.woken.set()

    def reached(self, url: str) -> None:
        """Take notice that a server answers: an account there that was held up is tried again."""
        for care in self._care_by_account.values():
            if care is not None and care.failure is not None and care.account.url == url:
                care.woken.set()

    async def look_at_arrivals(self) -> None:
        """Tell who has arrived, and end what nothing is left to be done for."""
        if not self._care_by_account:
            return
        for progress in await self._circle.exclusively(partial(turns.progress, self._store)):
            note, missing = progress.note, set(progress.missing)
            for wallet in sorted(self._missing_by_note.get(note.id, set()) - missing):
                logs.emit(rotating.RotationArrived(code=note.code, wallet=wallet))
                self._tell("rotation.arrived", {"code": note.code, "wallet": wallet})
            self._missing_by_note[note.id] = missing
        for note in await self._circle.exclusively(partial(turns.finish_complete, self._store)):
            logs.emit(rotating.RotationDone(code=note.code))
            self._tell("rotation.done", {"code": note.code})
            await self._circle.reporter.refresh()
            self.look_soon()

    async def _run(self, account: OldAccount) -> None:
        """Look after one account until nothing is left to be done for it."""
        place = (account.circle, account.identity)
        root = self._store.vault.open(account.root)
        address = parse_server_url(account.url)
        async with self._circle.kinds.opened(address, account.identity, account.memory) as server:
            care = _Care(account, server, server_keys(root, account.identity))
            self._care_by_account[place] = care
            async with trio.open_nursery() as nursery:
                if isinstance(server, Watchable):
                    nursery.start_soon(_watch, server, care)
                while await self._look_and_wait(care):
                    pass
                nursery.cancel_scope.cancel()
        self._care_by_account.pop(place)

    async def _look_and_wait(self, care: _Care) -> bool:
        """Look at an account, and wait until it is to be looked at again. Tell whether it ever is."""
        care.woken = trio.Event()
        due = await self._due(care)
        if due is None:
            return False
        note, account = due
        if not await self._paused():
            care.account = account
            outcome = await self._look(care, note)
            if isinstance(outcome, Conflict):
                await trio.sleep(self._circle.surroundings.chance.random())
                return True
            await self._note_outcome(care, note, outcome)
        with trio.move_on_after(self._pause_after(care)):
            await care.woken.wait()
        return True

    async def _due(self, care: _Care) -> tuple[Note, OldAccount] | None:
        """Return the note that belongs into an account now, or ``None`` if nothing is left to be done."""
        if self._circle.secrets.root is None:
            return None
        rotations = self._store.rotations
        place = (care.account.circle, care.account.identity)
        for account in await self._circle.exclusively(rotations.accounts):
            if (account.circle, account.identity) == place:
                notes = {each.number: each.note for each in await self._circle.exclusively(rotations.all)}
                return notes[account.rotation], account
        return None

    async def _paused(self) -> bool:
        wall = self._circle.surroundings.wall()
        return await self._circle.exclusively(partial(paused_until, self._store.state, wall)) is not None

    def _pause_after(self, care: _Care) -> float:
        timing, draw = self._circle.timing, self._circle.surroundings.chance.random()
        if care.failure is None:
            return timing.interval * (1 + timing.jitter * (2 * draw - 1))
        return min(FIRST_RETRY * 2.0 ** min(care.failures - 1, 30), timing.retry_max) * (0.5 + draw / 2)

    async def _note_outcome(self, care: _Care, note: Note, failure: Failure | None) -> None:
        repeated = care.failure is not None and failure is not None and care.failure.kind is failure.kind
        care.failures = care.failures + 1 if failure is not None else 0
        care.failure = failure
        if failure is not None:
            url, message = care.account.url, failure.message
            logs.emit(rotating.RotationHeldUp(code=note.code, server=url, message=message, repeated=repeated))
        else:
            await self.look_at_arrivals()
        await self._circle.reporter.refresh()

    async def _look(self, care: _Care, note: Note) -> Failure | Conflict | None:
        try:
            with spooled(self._circle.spool_folder, self._circle.surroundings, "left") as spool:
                return await self._look_with(care, note, spool)
        except (OSError, sqlite3.OperationalError) as error:
            folder = self._circle.spool_folder.parent
            return Failure(FailureKind.UNREACHABLE, f"this device cannot keep what it needs in {folder}: {error}")

    async def _look_with(self, care: _Care, note: Note, spool: Path) -> Failure | Conflict | None:
        if care.note_id != note.id:
            care.note_id, care.revision = note.id, None
        fetched = await care.server.fetch(care.keys.account, care.revision, spool)
        match fetched:
            case Unchanged():
                return None
            case Failure():
                return fetched
            case NoBlob():
                look = _Look(Found.NOTHING, None)
            case Fetched(revision, sealed_bytes):
                found = await self._circle.surroundings.worker(partial(_read, spool, care))
                look = _Look(found, revision, sealed_bytes)
            case _:
                assert_never(fetched)
        return await self._act(care, note, look, spool)

    async def _act(self, care: _Care, note: Note, look: _Look, spool: Path) -> Failure | Conflict | None:
        found = look.found
        if isinstance(found, Note):
            belongs = found.text == note.text
            verdict = await self._judge(found)
            step = next_step(care.account.phase, FoundNote(verdict, belongs))
        else:
            step = next_step(care.account.phase, found)
        match step:
            case Step.REST:
                care.revision = look.revision
                await self._noted(care, note)
                return None
            case Step.YIELD:
                assert isinstance(found, Note)
                logs.emit(rotating.RotationYielded(code=note.code, server=care.account.url))
                await self._meet(found, care.account.url)
                return None
            case Step.JOIN_AND_NOTE:
                await self._join(care, note, look, spool)
                return await self._put(care, note, look, spool)
            case Step.NOTE:
                return await self._put(care, note, look, spool)
        assert_never(step)

    async def _judge(self, found: Note) -> Verdict:
        keys = self._circle.rolling.keys
        return await self._circle.exclusively(partial(turns.judge_note, self._store, keys, found))

    async def _join(self, care: _Care, note: Note, look: _Look, spool: Path) -> None:
        """Join what wallets of the circle said before they heard of the roll-over; what cannot be read is given up."""
        began, account = trio.current_time(), care.account
        blob = Spooled(spool, look.revision or "", look.sealed_bytes, care.keys, account.identity)
        join = partial(self._circle.keeper.take_in_left, account, note, blob)
        try:
            taken = await self._circle.exclusively(join)
        except (BlobUnreadable, TimePoisoned):
            return
        self._circle.reporter.taken_in("", account.url, taken, trio.current_time() - began)
        self._circle.changed()

    async def _put(self, care: _Care, note: Note, look: _Look, spool: Path) -> Failure | Conflict | None:
        """Put the note into an account, if it still holds what was looked at."""
        await self._circle.surroundings.worker(partial(_seal, spool, note, care))
        outcome = await care.server.store(care.keys.account, spool, look.revision)
        if not isinstance(outcome, Stored):
            return outcome
        care.revision = outcome.revision
        if care.account.phase is Phase.NOTED:
            found = "another note" if isinstance(look.found, Note) else str(look.found)
            logs.emit(rotating.RotationRestored(code=note.code, server=care.account.url, found=found))
            self._tell("rotation.restored", {"code": note.code, "server": care.account.url, "found": found})
        await self._noted(care, note)
        return None

    async def _noted(self, care: _Care, note: Note) -> None:
        account = care.account
        if account.phase is Phase.NOTED:
            return
        note_phase = self._store.rotations.note_phase
        await self._circle.exclusively(partial(note_phase, account.circle, account.identity, Phase.NOTED))
        care.account = account._replace(phase=Phase.NOTED)
        logs.emit(rotating.RotationNoted(code=note.code, server=account.url))
        self._tell("rotation.noted", {"code": note.code, "server": account.url})

    def _tell(self, event: str, data: dict[str, object]) -> None:
        self._circle.reporter.tell(event, data)


async def _watch(server: Watchable, care: _Care) -> None:
    async for _ in server.watch():
        care.woken.set()


def _read(spool: Path, care: _Care) -> Found | Note:
    keys, identity = care.keys, care.account.identity
    try:
        with spool.open("rb") as source:
            if kind_of(source, keys.blob_key, keys.account.public_key, identity) == "state":
                return Found.STATE
            source.seek(0)
            return open_note(source, keys, identity)
    except BlobUnreadable:
        return Found.GARBAGE


def _seal(spool: Path, note: Note, care: _Care) -> None:
    with spool.open("wb") as sink:
        seal_note(note, care.keys, care.account.identity, sink)
