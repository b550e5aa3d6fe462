"""Rolling the circle over: what a person asks for, what servers hold, and the keys that the daemon works with.

A wallet turns from one circle to another in these steps, and wherever it is killed, the next start goes on:

1. Its syncers rest.
2. One transaction of the state database notes everything (daemon.keeper.rolling): the new root secret first of all.
3. The secrets file gets the new root secret, in one rename. A start that finds a former one there does this.
4. The syncers start with the accounts of the new circle, and the accounts that were left are looked after
   (daemon.rotation.aftercare). Nothing was published before this.

Rolling over and following differ only in where the note and the new root secret come from. Who has an invitation to the
new circle needs no note: killed before the secrets are written, that wallet is where it was, and is invited again.
"""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from daemon import logs
from daemon.blob.keys import ServerKeys
from daemon.errors import SecretsError
from daemon.keeper import rolling as turns
from daemon.keeper.answer import Answer, Spooled
from daemon.keeper.overview import WalletView
from daemon.keys import SECRET_BYTES
from daemon.logs import rotating
from daemon.rotation.aftercare import Aftercare
from daemon.rotation.finding import UnreadableNote, find
from daemon.rotation.judging import Verdict
from daemon.rotation.note import Note, circle_of
from daemon.rotation.wording import sentence
from daemon.secret import Secret
from daemon.server.base import Failure, FailureKind
from daemon.state.rotations import MetNote
from ipc.base32 import Base32Error, decode
from ipc.errors import Refusal

if TYPE_CHECKING:
    from daemon.circle import Circle

_STOPPING = frozenset({Verdict.FOLLOWABLE, Verdict.STRANGER, Verdict.LEFT_OUT})
"""What was met with such a verdict stops a server also if the note was overwritten since."""


class Rolling:
    """The roll-overs of one circle."""

    def __init__(self, circle: "Circle") -> None:
        self._circle = circle
        self._keeper = circle.keeper
        self._store = circle.keeper.store
        self._reporter = circle.reporter
        self.aftercare = Aftercare(circle, partial(self.meet, stops=False))

    @property
    def keys(self) -> turns.Keys:
        """The seed of this wallet, and the present root secret."""
        assert self._circle.secrets.root is not None
        return turns.Keys(self._circle.secrets.wallet, self._circle.secrets.root)

    async def recover(self) -> None:
        """Do what a turn that was cut short has left undone. Raises SecretsError."""
        rotations = await self._circle.exclusively(self._store.rotations.all)
        root = self._circle.secrets.root
        if root is not None and circle_of(root) in {rotation.circle for rotation in rotations}:
            last = rotations[-1]
            await self._circle.turn_to(Secret(self._store.vault.open(last.new_root)))
            logs.emit(rotating.RotationResumed(code=last.note.code))

    async def found(self, url: str, identity: str, keys: ServerKeys, answer: Answer) -> Failure | None:
        """Look at what a server answered. Return why it is not to be joined: its account has moved."""
        self.aftercare.reached(url)
        if isinstance(answer, Spooled):
            found = await self._circle.surroundings.worker(partial(find, answer.path, keys, identity))
            if isinstance(found, UnreadableNote):
                message = f"in place of the copy lies a note that cannot be read: {found.why}"
                return Failure(FailureKind.UNREADABLE, message)
            if isinstance(found, Note):
                return Failure(FailureKind.MOVED, self._sentence(await self.meet(found, url, stops=True)))
        return await self._stopped_before(url)

    async def meet(self, note: Note, url: str, *, stops: bool) -> MetNote:
        """Keep a note that a server holds, judge it, and tell of it if it is news.

        ``stops``: it was found in an account of the present circle, which is not synced with any more.
        """
        meet = partial(turns.meet, self._store, self.keys, note, url, stops=stops)
        verdict, is_news = await self._circle.exclusively(meet)
        await self._reporter.refresh()
        (met,) = (each for each in self._reporter.overview.met if each.note.id == note.id)
        if is_news:
            signer, message = note.statement.signer, self._sentence(met)
            logs.emit(rotating.RotationMet(code=note.code, server=url, signer=signer, verdict=verdict, message=message))
            data = {"id": f"R{met.number}", "server": url, "verdict": verdict.value, "message": message}
            self._reporter.tell("rotation.met", {**data, "code": note.code})
        return met

    def find_kept(self, names: Iterable[str]) -> tuple[list[WalletView], list[WalletView]]:
        """Return the wallets that are kept if these are named, and those left out. Raises Refusal.

        This wallet is always kept.
        """
        self._refuse_untimely()
        wallets, own_id = self._reporter.overview.wallets, self._store.identity.wallet_id
        kept = {own_id}
        for name in names:
            found = [wallet.wallet_id for wallet in wallets if name in (wallet.shown_as, wallet.wallet_id)]
            if not found:
                known = ", ".join(wallet.shown_as for wallet in wallets)
                raise Refusal(f"no wallet is called {name!r}; there are: {known}")
            kept.add(found[0])
        for wallet_id in kept:
            _check_has_key(wallet_id)
        left_out = [wallet for wallet in wallets if wallet.wallet_id not in kept]
        return [wallet for wallet in wallets if wallet.wallet_id in kept], left_out

    async def rotate(self, names: Iterable[str]) -> Note:
        """Make a new root secret for this wallet and those named. Raises Refusal, and then nothing was changed."""
        kept, _ = self.find_kept(names)
        new_root = Secret(self._circle.surroundings.ids(SECRET_BYTES))
        self._refuse_fixed()
        keys, kept_ids = self.keys, {wallet.wallet_id for wallet in kept}
        async with self._turning():
            note = await self._circle.exclusively(partial(turns.rotate, self._store, keys, new_root, kept_ids))
            await self._turn_to(new_root)
            statement = note.statement
            logs.emit(rotating.RotationMade(code=note.code, kept=len(statement.kept), left_out=len(statement.left_out)))
            self._reporter.tell("rotation.made", _data(note))
        return note

    async def follow(self, number: int, code: str | None) -> Note:
        """Follow the roll-over of a note that was met, which a person has confirmed by its code. Raises Refusal."""
        met = self._find(number)
        if code is None or _bare(code) != _bare(met.note.code):
            raise Refusal(
                f"R{number} has another code: compare what this wallet shows with what the wallet shows that signed it"
            )
        self._refuse_fixed()
        keys = self.keys
        async with self._turning():
            await self._turn_to(await self._circle.exclusively(partial(turns.follow, self._store, keys, met)))
            logs.emit(rotating.RotationFollowed(code=met.note.code, signer=met.note.statement.signer))
            self._reporter.tell("rotation.followed", _data(met.note))
        return met.note

    async def take_over(self, root: Secret[bytes], former: Collection[str]) -> None:
        """Turn to the circle that this one was rolled over to, by an invitation. Raises Refusal."""
        self._refuse_fixed()
        async with self._turning():
            await self._circle.exclusively(partial(turns.take_over, self._store, root, former))
            await self._turn_to(root)

    async def reject(self, number: int) -> None:
        """Do not follow a note that was met. Its servers are synced with again once they hold it no more."""
        met = self._find(number)
        await self._circle.exclusively(partial(self._store.rotations.judge, number, Verdict.REJECTED))
        logs.emit(rotating.RotationRejected(code=met.note.code, signer=met.note.statement.signer))
        await self._reporter.refresh()
        self.aftercare.look_soon()

    async def forget(self) -> None:
        """Forget all that has to do with roll-overs: this wallet leaves its circle for good."""
        await self.aftercare.rest()
        await self._circle.exclusively(self._store.rotations.forget)

    def refuse_leaving(self) -> None:
        """Refuse to leave the circle where wallets kept would not find to it, or to all that it held, without this one.

        Raises Refusal.
        """
        view = self._reporter.overview
        for progress in view.progress:
            for account in progress.accounts if progress.missing else ():
                record = view.record_by_url.get(account.url)
                if record is not None and (account.phase == "open" or record.revision is None):
                    raise Refusal(
                        f"the roll-over {progress.note.code} has not come through at {record.url} yet, and the wallets"
                        " kept would miss what only this one can tell them: wait until it has, or give that server up"
                        f" by `walletsync leave {record.url}`"
                    )

    def refuse_inviting(self) -> None:
        """Refuse to invite anyone to accounts that the circle has left, as far as that is known. Raises Refusal."""
        self._refuse_waiting()
        for met in self._reporter.overview.met:
            if met.stopped and met.verdict is Verdict.LEFT_OUT:
                raise Refusal(f"nobody can be invited from here: {self._sentence(met)}")

    def _refuse_untimely(self) -> None:
        if self._circle.secrets.root is None or not self._reporter.overview.record_by_url:
            raise Refusal("there is no circle to roll over yet: `walletsync enroll URL` makes one")
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        waiting = [f"R{met.number}" for met in self._reporter.overview.met if met.verdict.waits_for_a_person]
        if waiting:
            raise Refusal(
                f"a roll-over by another wallet waits for you: `walletsync approve {waiting[0]}` follows it,"
                f" `walletsync reject {waiting[0]}` does not"
            )

    def _refuse_fixed(self) -> None:
        """Refuse where the new root secret could not be kept."""
        if self._circle.secrets.fixed:
            raise Refusal(
                "the keys come from a credential, which cannot be changed here: docs/service.md says how to take them"
                " back into the state folder"
            )

    def _find(self, number: int) -> MetNote:
        for met in self._reporter.overview.met:
            if met.number == number and met.verdict.waits_for_a_person:
                return met
        raise Refusal(f"nothing waits for you as R{number}: status shows what does")

    async def _turn_to(self, root: Secret[bytes]) -> None:
        """Have the daemon work with another root secret, whether or not that can be written into the file now."""
        with suppress(SecretsError):  # the next start writes it; a daemon that cannot write there has said so
            await self._circle.turn_to(root)
            return
        self._circle.turn_to_unwritten(root)

    @asynccontextmanager
    async def _turning(self) -> AsyncIterator[None]:
        """Have nothing of the former circle run during the body, which turns to another one; all goes on after it."""
        await self.aftercare.rest()
        try:
            async with self._circle.at_rest():
                yield
        finally:
            await self.aftercare.start()

    async def _stopped_before(self, url: str) -> Failure | None:
        """Return why a server is not to be synced with, although it holds no note now."""
        for met in self._reporter.overview.met:
            if url not in met.stopped:
                continue
            if met.verdict in _STOPPING:
                return Failure(FailureKind.MOVED, self._sentence(met))
            await self._circle.exclusively(partial(self._store.rotations.gone_from, url, met.number))
        return None

    def _sentence(self, met: MetNote) -> str:
        return sentence(met.verdict, met.note, met.number, self._shown_by_id())

    def _shown_by_id(self) -> dict[str, str]:
        return {wallet.wallet_id: wallet.shown_as for wallet in self._reporter.overview.wallets}


def _check_has_key(wallet_id: str) -> None:
    try:
        decode(wallet_id, SECRET_BYTES)
    except Base32Error:
        raise Refusal(f"the wallet {wallet_id} has no key that something could be sealed to") from None


def _bare(code: str) -> str:
    return "".join(code.split()).replace("-", "").upper()


def _data(note: Note) -> dict[str, object]:
    statement = note.statement
    return {
        "code": note.code,
        "signer": statement.signer,
        "kept": sorted(statement.kept),
        "left_out": sorted(statement.left_out),
    }
