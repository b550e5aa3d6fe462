"""Requests about what is held, and about deleted values that can be had back."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from nacl.exceptions import CryptoError

from daemon import logs
from daemon.blob.errors import BlobUnreadable
from daemon.circle import Circle
from daemon.control.rotation import RotationDesk
from daemon.keeper.intake import StillUnjoined
from daemon.keeper.merge import TimePoisoned
from daemon.logs import keeping
from daemon.state import blobs as state_blobs
from daemon.state.history import Kept
from daemon.status import held_deletes
from daemon.syncer import SYNC_ID_BYTES
from daemon.times import from_rfc3339, rfc3339
from daemon.wallet.trouble import WalletTrouble
from ipc.dispatch import Method
from ipc.errors import Refusal
from ipc.frame import WALLET_UNFIT
from ipc.messages import (
    HeldParams,
    HeldResult,
    HistoryEntry,
    HistoryParams,
    HistoryResult,
    HistoryShowParams,
    HistoryShowResult,
    KeptBlob,
    RestoreBlobParams,
    RestoreBlobResult,
    RestoreParams,
    RestoreResult,
)

_HELD = re.compile(r"([HhRrTt])([0-9]{1,15})")


class UndoDesk:
    """Decides what is held, and gives deleted values back."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle
        self._keeper = circle.keeper
        self._rotations = RotationDesk(circle)

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        return {
            "approve": Method(HeldParams, self._approve, changes=True),
            "reject": Method(HeldParams, self._reject, changes=True),
            "history": Method(HistoryParams, self._history, changes=False),
            "history_show": Method(HistoryShowParams, self._show, changes=False),
            "restore": Method(RestoreParams, self._restore, changes=True),
            "restore_blob": Method(RestoreBlobParams, self._restore_blob, changes=True),
        }

    async def _approve(self, params: HeldParams) -> HeldResult:
        letter, number = _parts(params.held)
        if letter == "R":
            return await self._rotations.approve(number, params.code)
        if letter == "T":
            return await self._approve_time(number)
        return await self._decide(f"H{number}", "approved", partial(self._keeper.approve, number))

    async def _reject(self, params: HeldParams) -> HeldResult:
        letter, number = _parts(params.held)
        if letter == "R":
            return await self._rotations.reject(number)
        if letter == "T":
            raise Refusal("a time that is held is taken by nobody unless it is approved, so there is nothing to reject")
        return await self._decide(f"H{number}", "rejected", partial(self._keeper.reject, number))

    async def _decide(self, held: str, decision: str, carry_out: Callable[[], None]) -> HeldResult:
        try:
            await self._circle.exclusively(carry_out)
        except LookupError:
            raise Refusal(f"nothing is held as {held}: status shows what is") from None
        except WalletTrouble as trouble:
            raise Refusal(trouble.reason, code=WALLET_UNFIT) from trouble
        logs.emit(keeping.DeletesDecided(held=held, decision=decision))
        await self._after_a_change()
        self._circle.reporter.tell("deletes.decided", {"held": held, "decision": decision})
        return HeldResult(held=held_deletes(self._circle.reporter.overview))

    async def _approve_time(self, number: int) -> HeldResult:
        """Take a time impossibly far ahead, and have what its servers hold joined."""
        far_times = self._circle.reporter.overview.far_times
        try:
            await self._circle.exclusively(partial(self._keeper.approve_time, number))
        except LookupError:
            raise Refusal(f"nothing is held as T{number}: status shows what is") from None
        await self._circle.reporter.refresh()
        sync_id = self._circle.surroundings.ids(SYNC_ID_BYTES).hex()
        for url in {far.server for far in far_times} & self._circle.syncer_by_url.keys():
            self._circle.syncer_by_url[url].request("user", sync_id)
        return HeldResult(held=held_deletes(self._circle.reporter.overview))

    async def _history(self, params: HistoryParams) -> HistoryResult:
        kept = await self._circle.exclusively(partial(self._keeper.store.history.last, params.limit))
        blobs = await self._circle.exclusively(self._keeper.store.blobs.all)
        return HistoryResult(entries=[_entry(each) for each in kept], blobs=[_blob(each) for each in blobs])

    async def _show(self, params: HistoryShowParams) -> HistoryShowResult:
        found = await self._circle.exclusively(partial(self._keeper.store.history.get, [params.id]))
        if not found:
            raise Refusal(f"nothing is kept as {params.id}: `walletsync history` lists what is")
        value = self._keeper.store.vault.open(found[0].sealed)
        return HistoryShowResult(entry=_entry(found[0]), value=msgspec.Raw(value))

    async def _restore(self, params: RestoreParams) -> RestoreResult:
        kept = await self._circle.exclusively(partial(self._find, params))
        if not kept:
            raise Refusal("nothing is kept of that: `walletsync history` lists what is")
        result = await self._circle.exclusively(partial(self._keeper.restore, kept))
        logs.emit(keeping.ValuesRestored(rows=len(result[0])))
        await self._after_a_change()
        restored, spent, unknown = (list(map(_entry, each)) for each in result)
        return RestoreResult(restored=restored, spent=spent, unknown=unknown)

    async def _restore_blob(self, params: RestoreBlobParams) -> RestoreBlobResult:
        blobs = await self._circle.exclusively(self._keeper.store.blobs.all)
        kept = next((blob for blob in blobs if blob.day == params.day), None)
        if kept is None:
            days = ", ".join(blob.day for blob in blobs)
            raise Refusal(f"no whole state is kept of {params.day!r}: there are {days or 'none'}")
        sync_id = self._circle.surroundings.ids(SYNC_ID_BYTES).hex()
        restore = partial(self._keeper.restore_blob, kept, sync_id, changed=params.changed)
        try:
            revived = await self._circle.exclusively(restore)
        except (BlobUnreadable, TimePoisoned, CryptoError, ValueError, OSError) as error:
            raise Refusal(f"the state of {kept.day} cannot be read: {error}") from error
        except StillUnjoined:
            raise Refusal(
                "the wallet database is being healed: all servers are asked first, so sync, and try again"
            ) from None
        except WalletTrouble as trouble:
            raise Refusal(trouble.reason, code=WALLET_UNFIT) from trouble
        logs.emit(keeping.ValuesRestored(rows=sum(revived.restored.values()) + sum(revived.changed.values())))
        await self._after_a_change()
        return RestoreBlobResult(
            restored=dict(revived.restored),
            changed=dict(revived.changed),
            spent=dict(revived.left_out["spent"]),
            unknown=dict(revived.left_out["unknown"]),
        )

    def _find(self, params: RestoreParams) -> list[Kept]:
        history = self._keeper.store.history
        match params:
            case RestoreParams(ids=[*ids], sync_id=None, before=None):
                return _all_of(ids, history.get(ids))
            case RestoreParams(ids=None, sync_id=str(sync_id), before=None):
                return history.of_sync(sync_id)
            case RestoreParams(ids=None, sync_id=None, before=str(before)):
                return history.first_since(_seconds(before))
            case _:
                raise Refusal("say what to restore by just one of ids, sync_id and before")

    async def _after_a_change(self) -> None:
        """Bring the change to the wallet and to the servers soon."""
        await self._circle.reporter.refresh()
        sync_id = self._circle.surroundings.ids(SYNC_ID_BYTES).hex()
        for syncer in self._circle.syncer_by_url.values():
            syncer.request("change", sync_id)


def _parts(held: str) -> tuple[str, int]:
    """Return letter and number of an id: H of a mass delete, R of a roll-over, T of a time. Raises Refusal."""
    match = _HELD.fullmatch(held)
    if match is None:
        raise Refusal(f"{held!r} is no id of what waits: they look like H1, R1 or T1, and status shows them")
    return match[1].upper(), int(match[2])


def _entry(kept: Kept) -> HistoryEntry:
    return HistoryEntry(
        id=kept.number, at=rfc3339(kept.at), sync_id=kept.sync_id, cause=kept.cause, set=kept.set_name, key=kept.key
    )


def _blob(kept: state_blobs.KeptBlob) -> KeptBlob:
    return KeptBlob(day=kept.day, at=rfc3339(kept.at), server=kept.url, sealed_bytes=kept.sealed_bytes)


def _all_of(ids: Sequence[int], kept: list[Kept]) -> list[Kept]:
    """Return what is kept under these ids. Raises Refusal where one is unknown: a part alone is not what was asked."""
    unknown = sorted(set(ids) - {each.number for each in kept})
    if unknown:
        raise Refusal(f"nothing is kept as {', '.join(map(str, unknown))}: `walletsync history` lists what is")
    return kept


def _seconds(text: str) -> float:
    try:
        return from_rfc3339(text)
    except ValueError as error:
        raise Refusal(f"{text!r} is no time: {error}") from None
