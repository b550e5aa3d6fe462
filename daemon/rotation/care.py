"""One account that was left: a look asks what it holds, and brings it to holding the note that belongs there.

What is to be done decides daemon.rotation.steps. Everything can be repeated, and a look that is cancelled or killed
leaves the account as it was, or with the note.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import trio

from daemon import logs
from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import ServerKeys
from daemon.disk import DiskTrouble
from daemon.keeper import rolling as turns
from daemon.keeper.answer import Spooled
from daemon.keeper.merge import TimePoisoned
from daemon.logs import rotating
from daemon.rotation.finding import UnreadableNote, find
from daemon.rotation.judging import Verdict
from daemon.rotation.note import Note, seal_note
from daemon.rotation.steps import Found, FoundNote, Phase, Step, next_step
from daemon.server.base import Conflict, Failure, FailureKind, Fetched, NoBlob, Server, Stored, Unchanged
from daemon.spooling import spooled
from daemon.state.rotations import OldAccount

if TYPE_CHECKING:
    from daemon.circle import Circle

Meet = Callable[[Note, str], Awaitable[object]]
"""Takes notice of another note that an account holds, at this URL."""


class Restored:
    """The note was gone from an account where it was before, and was put back."""


Outcome = Failure | Conflict | Restored | None
"""What a look came to; ``None``: the account holds the note, or another one that is to stay."""


@dataclass(frozen=True)
class _Look:
    """What an account holds: a note, or what is no note, with its revision and size."""

    found: Found | Note
    revision: str | None
    sealed_bytes: int = 0


class Care:
    """Looks after one account, at one server."""

    def __init__(self, circle: "Circle", account: OldAccount, server: Server, keys: ServerKeys, meet: Meet) -> None:
        self.account = account
        self._circle = circle
        self._store = circle.keeper.store
        self._server = server
        self._keys = keys
        self._meet = meet
        self._note_id: str | None = None
        self._revision: str | None = None

    async def look(self, note: Note) -> Outcome:
        """Look what the account holds, and bring it to holding this note."""
        try:
            with spooled(self._circle.spool_folder, self._circle.surroundings, "left") as spool:
                return await self._look_with(note, spool)
        except DiskTrouble as error:
            folder = self._circle.spool_folder.parent
            return Failure(FailureKind.UNREACHABLE, f"this device cannot keep what it needs in {folder}: {error}")

    async def _look_with(self, note: Note, spool: Path) -> Outcome:
        if self._note_id != note.id:
            self._note_id, self._revision = note.id, None
        fetched = await self._server.fetch(self._keys.account, self._revision, spool)
        match fetched:
            case Unchanged():
                return None
            case Failure():
                return fetched
            case NoBlob():
                look = _Look(Found.NOTHING, None)
            case Fetched(revision, sealed_bytes):
                seek = partial(find, spool, self._keys, self.account.identity)
                found = await self._circle.surroundings.worker(seek)
                look = _Look(Found.GARBAGE if isinstance(found, UnreadableNote) else found, revision, sealed_bytes)
            case _:
                assert_never(fetched)
        return await self._act(note, look, spool)

    async def _act(self, note: Note, look: _Look, spool: Path) -> Outcome:
        found = look.found
        if isinstance(found, Note):
            belongs = found.text == note.text
            verdict = await self._judge(found)
            step = next_step(self.account.phase, FoundNote(verdict, belongs))
        else:
            step = next_step(self.account.phase, found)
        match step:
            case Step.REST:
                self._revision = look.revision
                await self._noted(note)
                return None
            case Step.YIELD:
                assert isinstance(found, Note)
                logs.emit(rotating.RotationYielded(code=note.code, server=self.account.url))
                await self._come_to(Phase.YIELDED)
                await self._meet(found, self.account.url)
                return None
            case Step.JOIN_AND_NOTE:
                await self._join(note, look, spool)
                return await self._put(note, look, spool)
            case Step.NOTE:
                return await self._put(note, look, spool)
        assert_never(step)

    async def _judge(self, found: Note) -> Verdict:
        keys = self._circle.rolling.keys
        return await self._circle.exclusively(partial(turns.judge_note, self._store, keys, found))

    async def _join(self, note: Note, look: _Look, spool: Path) -> None:
        """Join what wallets of the circle said before they heard of the roll-over; what cannot be read is given up."""
        began, account = trio.current_time(), self.account
        blob = Spooled(spool, look.revision or "", look.sealed_bytes, self._keys, account.identity)
        join = partial(self._circle.keeper.take_in_left, account, note, blob)
        try:
            taken = await self._circle.exclusively(join)
        except (BlobUnreadable, TimePoisoned):
            return
        self._circle.reporter.taken_in("", account.url, taken, trio.current_time() - began)
        self._circle.changed()

    async def _put(self, note: Note, look: _Look, spool: Path) -> Outcome:
        """Put the note into the account, if it still holds what was looked at."""
        await self._circle.surroundings.worker(partial(self._seal, spool, note))
        outcome = await self._server.store(self._keys.account, spool, look.revision)
        if not isinstance(outcome, Stored):
            return outcome
        self._revision = outcome.revision
        if self.account.phase is not Phase.NOTED:
            await self._noted(note)
            return None
        url, found = self.account.url, "another note" if isinstance(look.found, Note) else str(look.found)
        logs.emit(rotating.RotationRestored(code=note.code, server=url, found=found))
        self._circle.reporter.tell("rotation.restored", {"code": note.code, "server": url, "found": found})
        return Restored()

    def _seal(self, spool: Path, note: Note) -> None:
        with spool.open("wb") as sink:
            seal_note(note, self._keys, self.account.identity, sink)

    async def _noted(self, note: Note) -> None:
        if self.account.phase is Phase.NOTED:
            return
        await self._come_to(Phase.NOTED)
        logs.emit(rotating.RotationNoted(code=note.code, server=self.account.url))
        self._circle.reporter.tell("rotation.noted", {"code": note.code, "server": self.account.url})

    async def _come_to(self, phase: Phase) -> None:
        account = self.account
        note_phase = self._store.rotations.note_phase
        await self._circle.exclusively(partial(note_phase, account.circle, account.identity, phase))
        self.account = account._replace(phase=phase)
