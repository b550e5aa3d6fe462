"""The keeper: one wallet's replica and database, and everything that is done to them.

How what servers answer gets into them is the intake (daemon.keeper.intake). All methods are synchronous. Callers run
them in the worker, and all but ``seal_blob`` under the replica's lock.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from daemon.blob.keys import ServerKeys
from daemon.blob.limits import Limits
from daemon.keeper.capture import capture
from daemon.keeper.explain import Pending, not_captured_yet, not_said_yet
from daemon.keeper.export import Sealed, has_to_say, note_stored, owes_acknowledgement, seal_blob
from daemon.keeper.forget import forget_wallet
from daemon.keeper.intake import Intake
from daemon.keeper.merge import merge_unchanged
from daemon.keeper.overview import Observer, Overview
from daemon.keeper.store import Store
from daemon.keeper.undo import Restored, approve, reject, restore
from daemon.keeper.whole import keep_blob
from daemon.state.history import Kept
from daemon.state.servers import LeftAccount
from daemon.wallet.trouble import WalletTrouble


class Keeper(Intake):
    """One wallet's replica and database."""

    def __init__(self, store: Store, limits: Limits) -> None:
        super().__init__(store, limits)
        self._observer = Observer(store)

    def close(self) -> None:
        """Close both databases."""
        self.store.guest.close()
        self.store.state.close()

    def has_to_say(self, url: str, *, acknowledge: bool) -> bool:
        """Tell whether an upload to this server is due. ``acknowledge``: also if it would only acknowledge."""
        return has_to_say(self.store, url, acknowledge=acknowledge)

    def note_success(self, url: str) -> bool:
        """Note that a sync with this server succeeded. Tell whether it is still owed an acknowledgement."""
        self.store.servers.note_success(url, self.store.surroundings.wall())
        return owes_acknowledgement(self.store, self.record(url))

    def overview(self) -> Overview:
        """Look at the replica as it is now."""
        return self._observer.look()

    def seal_blob(self, url: str, keys: ServerKeys, sink: BinaryIO) -> Sealed:
        """Seal the present state for a server. Needs no lock."""
        return seal_blob(self.store, url, keys, sink)

    def note_stored(self, url: str, sealed: Sealed, revision: str) -> int:
        """Note that the server holds this blob now. Return how many keys' deletes could be forgotten by it."""
        return note_stored(self.store, url, sealed, revision)

    def forget_wallet(self, wallet_id: str) -> None:
        """Take a wallet that is gone out of every server's clocks, with the next upload there."""
        forget_wallet(self.store, wallet_id)

    def rename(self, nickname: str) -> None:
        """Give this wallet another nickname; the next sync tells the others."""
        with self.store.state.transaction():
            self.store.state.set_meta("nickname", nickname)
            self.store.state.set_meta("nickname_instead_of", self.store.state.meta("nickname_configured") or "")
        self.store.identity = self.store.identity._replace(nickname=nickname)

    def leave(self, left: Sequence[LeftAccount]) -> None:
        """Sync no longer with these servers; all of them, or none if that fails."""
        with self.store.state.transaction():
            for each in left:
                self.store.servers.leave(each)
                self.store.rotations.leave(each.url)
        if self.store.unjoined is not None:
            self.store.unjoined -= {each.url for each in left}

    def enroll(self, url: str, identity: str, limit_bytes: int | None) -> None:
        """Take up a server whose blob was not read yet."""
        with self.store.state.transaction():
            self.store.servers.enroll(url, identity, limit_bytes)
            self.store.rotations.readdress(identity, url)

    def readdress(self, former: str, url: str, limit_bytes: int | None) -> None:
        """Reach an enrolled account under another address."""
        with self.store.state.transaction():
            self.store.servers.readdress(former, url, limit_bytes)
            self.store.rotations.readdress(self.record(url).identity, url)
            self.store.rotations.met_elsewhere(former, url)
        if self.store.unjoined is not None and former in self.store.unjoined:
            self.store.unjoined ^= {former, url}

    def begin_anew(self) -> None:
        """Forget the circle, for another one: the wallet's own content is all that this wallet then brings along.

        Raises WalletTrouble, and then nothing was forgotten.
        """
        self.store.guest.remove_ours()
        with self.store.state.transaction():
            self.store.state.begin_anew()
        self.store.writer = self.store.unjoined = self.store.scanned_at = None

    def explain(self) -> list[tuple[str | None, Pending]]:
        """Return what the next sync would say, of local changes and to each server. Raises WalletTrouble."""
        captured = [(None, pending) for pending in not_captured_yet(self.store)]
        said = [
            (record.url, pending)
            for record in self.store.servers.all()
            for pending in not_said_yet(self.store, record.url)
        ]
        return [*captured, *dict.fromkeys(said)]

    def restore(self, kept: Sequence[Kept]) -> Restored:
        """Have deleted values back that are not live, but for what was spent."""
        return restore(self.store, kept)

    def keep_blob(self, url: str, spool: Path, keys: ServerKeys) -> None:
        """Keep a blob that was stored at this server or joined from it. The file is moved. Raises OSError."""
        keep_blob(self.store, url, spool, keys)

    def approve(self, number: int) -> None:
        """Let a held mass delete happen. Raises LookupError, WalletTrouble."""
        approve(self.store, number)

    def approve_time(self, number: int) -> None:
        """Take a time impossibly far ahead, which is held. Raises LookupError."""
        self.store.far_times.approve(number)

    def reject(self, number: int) -> None:
        """Undo a held mass delete. Raises LookupError."""
        reject(self.store, number)

    def give_up_on(self, url: str) -> bool:
        """Note that a server could not be asked: a wallet database that has to be healed waits for it no longer.

        Tell whether that database waited for nothing else, so that the next sync with another server heals it.
        """
        waited = bool(self.store.unjoined)
        merge_unchanged(self.store, url)
        return waited and not self.store.unjoined

    def committed_since(self) -> bool:
        """Tell whether anyone else committed to the wallet since this was last asked. Raises WalletTrouble."""
        return self.store.guest.committed_since()

    def detach(self) -> None:
        """Take all that is ours out of the wallet database, once what it had to say is captured, if it can be.

        A next run begins anew there: it asks all servers first, and takes nothing absent for deleted. Raises
        WalletTrouble, and then nothing was taken out.
        """
        with contextlib.suppress(WalletTrouble):
            capture(self.store)
        self.store.guest.detach()

    def note_memory(self, url: str, memory: Mapping[str, str]) -> None:
        """Keep what this kind of server has learnt."""
        self.store.servers.note_memory(url, memory)
