"""Rolling over, as far as the state database goes: a wallet's turn from one circle to another is one transaction.

The transaction keeps the note with both root secrets, notes every account as left, takes all servers up anew with
nothing known of them, and announces in this wallet's own element that it has followed. Whoever is killed after it finds
it at the next start; before it nothing has happened.

Of the clocks the rows of the wallets kept stay, so that whoever makes the new account's first blob has the garbage
collection wait for all of them. The elements of the wallets left out are deleted in the set of the circle's wallets.
"""

from collections.abc import Collection
from typing import NamedTuple

from daemon.blob.schema import Head
from daemon.keeper.stamping import Stamper, members
from daemon.keeper.store import Store
from daemon.rotation.judging import Standing, Verdict, judge, left_out_since, ranks_of
from daemon.rotation.note import Note, circle_of, open_box, write_note
from daemon.secret import Secret
from daemon.sets.element import next_time
from daemon.sets.operations import delete
from daemon.state.rotations import MetNote, OldAccount, Rotation
from daemon.wallet.rows import encode_key
from daemon.wallet.tables import CIRCLE_SET

_FORMER_CIRCLES = "former_circles"


class Keys(NamedTuple):
    """The seed of this wallet, and the root secret of the circle that it is in."""

    wallet: Secret[bytes]
    root: Secret[bytes]


class Progress(NamedTuple):
    """How far a roll-over is: who has yet to arrive, and the accounts that were left.

    ``given_up`` are those of them whose servers were left since. Somebody may still come by there, so they are looked
    after, but not waited for.
    """

    number: int
    note: Note
    at: float
    missing: list[str]
    accounts: list[OldAccount]
    given_up: list[OldAccount]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be done."""
        return not self.missing and all(
            account.phase != "open" or account in self.given_up for account in self.accounts
        )


def rotate(store: Store, keys: Keys, new_root: Secret[bytes], kept: Collection[str]) -> Note:
    """Make a note that keeps these wallets and leaves all others out, and turn to the new circle."""
    nickname_by_id = _nicknames(store)
    with store.state.transaction():
        note = write_note(
            root=keys.root,
            new_root=new_root,
            wallet_seed=keys.wallet,
            kept={wallet: nickname for wallet, nickname in nickname_by_id.items() if wallet in kept},
            left_out={wallet: nickname for wallet, nickname in nickname_by_id.items() if wallet not in kept},
            time=next_time(store.replica.seen()),
        )
        identity = store.identity._replace(circle=circle_of(new_root))
        stamper = store.stamper(identity)
        _drop_members(store, stamper, note.statement.left_out)
        _turn(store, note, keys.root, new_root)
        stamper.finish()
    store.writer, store.identity = stamper.writer, identity
    return note


def follow(store: Store, keys: Keys, met: MetNote) -> Secret[bytes]:
    """Turn to the circle that a note leads to, which a person has confirmed. Return its root secret."""
    new_root = open_box(met.note, keys.wallet)
    assert new_root is not None
    identity = store.identity._replace(circle=circle_of(new_root))
    with store.state.transaction():
        stamper = store.stamper(identity)
        _turn(store, met.note, keys.root, new_root)
        stamper.finish()
    store.writer, store.identity = stamper.writer, identity
    return new_root


def standing(store: Store, root: Secret[bytes]) -> Standing:
    """Return what this wallet knows when it judges a note."""
    chain = _chain(store)
    return Standing(
        wallet_id=store.identity.wallet_id,
        circle=circle_of(root),
        rank_by_circle=ranks_of(chain),
        members=members(store.replica).keys() | {store.identity.wallet_id},
        left_out_by_circle=left_out_since(chain),
        rejected={met.note.id for met in store.rotations.met() if met.verdict is Verdict.REJECTED},
    )


def judge_note(store: Store, keys: Keys, note: Note) -> Verdict:
    """Tell what a note is worth to this wallet now."""
    return judge(note, standing(store, keys.root), opens=open_box(note, keys.wallet) is not None)


def meet(store: Store, keys: Keys, note: Note, url: str, *, stops: bool) -> tuple[Verdict, bool]:
    """Keep a note that a server holds. Return what it is worth, and whether that is news.

    ``stops``: this server is not synced with because of it.
    """
    with store.state.transaction():
        verdict = judge_note(store, keys, note)
        return verdict, store.rotations.meet(note, url, verdict, store.surroundings.wall(), stops=stops)


def progress(store: Store) -> list[Progress]:
    """Return the roll-overs for which something is left to be done."""
    accounts, enrolled = store.rotations.accounts(), {record.identity for record in store.servers.all()}
    return [
        Progress(
            rotation.number,
            rotation.note,
            rotation.at,
            _missing(store, rotation),
            [account for account in accounts if account.rotation == rotation.number],
            [account for account in accounts if account.identity not in enrolled],
        )
        for rotation in store.rotations.all()
        if not rotation.finished
    ]


def _missing(store: Store, rotation: Rotation) -> list[str]:
    """Return the wallets kept that have not arrived yet: that say they are in a circle which this wallet has left.

    One that was forgotten since is not waited for.
    """
    kept, own_id = rotation.note.statement.kept, store.identity.wallet_id
    left = {"", *ranks_of(_chain(store))}
    return [
        wallet
        for wallet, member in members(store.replica).items()
        if wallet in kept and wallet != own_id and member.circle in left
    ]


def finish_complete(store: Store) -> list[Note]:
    """Note which roll-overs have nothing left to be done. Return their notes."""
    with store.state.transaction():
        complete = [each for each in progress(store) if each.complete]
        for each in complete:
            store.rotations.finish(each.number)
        return [each.note for each in complete]


def expect_from(store: Store, head: Head, url: str, note: Note, known_before: Collection[str]) -> None:
    """Take from the last blob of an account that was left whom to expect in its place.

    The blob may know of wallets kept that this wallet had not heard of on this server; wallets that joined the old
    circle meanwhile are not kept, and belong to the new one no more than those left out, be it by a later note.
    """
    with store.state.transaction():
        left_out = left_out_since(_chain(store)).get(note.circle, frozenset())
        kept, at = note.statement.kept.keys() - left_out, store.surroundings.wall()
        for wallet, seen in head.clocks.items():
            if wallet in kept and store.servers.expect(url, wallet, seen, at):
                store.servers.note_owes(url, True)
        stamper = store.stamper()
        late = [wallet for wallet in members(store.replica) if wallet not in kept and wallet not in known_before]
        _drop_members(store, stamper, late)
        stamper.finish()
    store.writer = stamper.writer


def _turn(store: Store, note: Note, old_root: Secret[bytes], new_root: Secret[bytes]) -> None:
    """Leave the accounts of one circle for those of another. In a transaction."""
    sealed_old, circle = store.vault.seal(old_root.reveal()), circle_of(old_root)
    number = store.rotations.add(
        circle, note, sealed_old, store.vault.seal(new_root.reveal()), store.surroundings.wall()
    )
    if circle != note.circle:
        superseded = [rotation.number for rotation in store.rotations.all() if rotation.note.circle == note.circle]
        store.rotations.take_over_accounts(min(superseded), number)
    store.rotations.leave_accounts(circle, sealed_old, number)
    store.rotations.forget_met()
    store.servers.take_up_anew(note.statement.kept)


def take_over(store: Store, new_root: Secret[bytes], former: Collection[str]) -> None:
    """Turn to the circle that this one was rolled over to, by an invitation, which also names the former circles."""
    identity = store.identity._replace(circle=circle_of(new_root))
    with store.state.transaction():
        stamper = store.stamper(identity)
        store.rotations.forget_met()
        store.servers.take_up_anew(members(store.replica))
        note_former(store, former)
        stamper.finish()
    store.writer, store.identity = stamper.writer, identity


def former_circles(store: Store) -> list[str]:
    """Return what the circles are called that the present one was rolled over from, as far as known, oldest first."""
    told = (store.state.meta(_FORMER_CIRCLES) or "").split()
    return list(dict.fromkeys([*told, *(rotation.circle for rotation in store.rotations.all())]))


def note_former(store: Store, former: Collection[str]) -> None:
    """Note what an invitation tells of the circles that its circle was rolled over from."""
    store.state.set_meta(_FORMER_CIRCLES, " ".join(former))


def _chain(store: Store) -> list[tuple[str, Note]]:
    """Return the circles that were left by roll-overs, each with its note, oldest first."""
    return [(rotation.circle, rotation.note) for rotation in store.rotations.all()]


def _drop_members(store: Store, stamper: Stamper, wallets: Collection[str]) -> None:
    for wallet in sorted(wallets):
        key = encode_key([wallet])
        element = store.replica.known(CIRCLE_SET, key).element
        if element is not None and element.live:
            store.replica.put(CIRCLE_SET, key, delete(element, stamper.stamp()))


def _nicknames(store: Store) -> dict[str, str]:
    """Return the nicknames of all wallets known, those of which only a row of clocks is known included."""
    rows = {wallet for record in store.servers.all() for wallet in store.servers.clocks(record.url) or {}}
    named = {wallet: member.nickname for wallet, member in members(store.replica).items()}
    return {**dict.fromkeys(rows, "unnamed"), **named, store.identity.wallet_id: store.identity.nickname}
