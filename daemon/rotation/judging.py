"""What a note is worth to this wallet: whether it may be followed, and if not, why.

A note is looked at in this order, and the first that applies is what it is:

1. ``unsigned``: the wallet that it names as its signer has not signed it. Anyone who knew the old keys can write one.
2. ``keeps_nobody``: it keeps not even its signer.
3. ``foreign``: it leaves a circle that this wallet was never in.
4. ``followed``: this wallet has made or followed this very note. ``outdated``: it leaves a circle that this wallet has
   left already, by a note of smaller rank, or one that came to nothing (below).
5. ``signer_left_out``: the note by which this wallet left that circle, or a later one that it has made or followed,
   leaves its signer out. Whoever was left out before, and is back in the circle by an invitation, is one of it.
6. ``rejected``: a person has said no to it here.
7. ``left_out``: it does not keep this wallet; ``left_out_by_stranger``: nor does this wallet know its signer.
8. ``unopenable``: the new root secret in it is not sealed to this wallet.
9. ``stranger``: this wallet knows its signer not as one of the circle. Someone who was away for months may not.
10. ``followable``: none of these.

Only the last two can be followed, and that only once a person has confirmed it: the old root secret is enough to make
up a wallet that signs.

**Two roll-overs at once.** A note of smaller rank than the one by which this wallet left that circle supersedes it: the
circle that this wallet went to, and whatever it was rolled over to since, come to nothing. All wallets come to the same
end whatever order they hear of them in, since ranks do not change. Pure.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from daemon.rotation.note import Note, Rank


class Verdict(StrEnum):
    """What a note is."""

    UNSIGNED = "unsigned"
    KEEPS_NOBODY = "keeps_nobody"
    FOREIGN = "foreign"
    FOLLOWED = "followed"
    OUTDATED = "outdated"
    SIGNER_LEFT_OUT = "signer_left_out"
    REJECTED = "rejected"
    LEFT_OUT = "left_out"
    LEFT_OUT_BY_STRANGER = "left_out_by_stranger"
    UNOPENABLE = "unopenable"
    STRANGER = "stranger"
    FOLLOWABLE = "followable"

    @property
    def waits_for_a_person(self) -> bool:
        """Whether it can be followed, once a person has confirmed it."""
        return self in {Verdict.FOLLOWABLE, Verdict.STRANGER}

    @property
    def is_binding(self) -> bool:
        """Whether a wallet of the circle has said it in good order, whatever it means for this one."""
        return self in {Verdict.FOLLOWABLE, Verdict.LEFT_OUT}


CAME_TO_NOTHING = Rank(0, "")
"""Of a circle that is left for good: no note has a smaller rank."""


@dataclass(frozen=True)
class Standing:
    """What this wallet knows when it judges.

    ``circle`` is the one that it is in, ``rank_by_circle`` has, for each that it has left, the rank of the note by
    which it did, and ``left_out_by_circle`` whom that note and later ones leave out. ``members`` are the wallets that
    it knows as the circle's. ``rejected`` are ids of notes.
    """

    wallet_id: str
    circle: str
    rank_by_circle: Mapping[str, Rank]
    members: AbstractSet[str]
    left_out_by_circle: Mapping[str, AbstractSet[str]]
    rejected: AbstractSet[str]


def judge(note: Note, standing: Standing, *, opens: bool) -> Verdict:
    """Tell what a note is. ``opens``: this wallet finds a root secret in it."""
    about_itself = _itself(note) or _where_it_leads_from(note, standing)
    if about_itself is not None:
        return about_itself
    if note.statement.signer in standing.left_out_by_circle.get(note.circle, ()):
        return Verdict.SIGNER_LEFT_OUT
    if note.id in standing.rejected:
        return Verdict.REJECTED
    is_known = note.statement.signer in standing.members
    if standing.wallet_id not in note.statement.kept:
        return Verdict.LEFT_OUT if is_known else Verdict.LEFT_OUT_BY_STRANGER
    if not opens:
        return Verdict.UNOPENABLE
    return Verdict.FOLLOWABLE if is_known else Verdict.STRANGER


def ranks_of(chain: Iterable[tuple[str, Note]]) -> dict[str, Rank]:
    """Return the rank by which each circle was left. ``chain``: the circles left, each with its note, oldest first.

    A note that leaves another circle than the one its wallet was in supersedes an earlier one.
    """
    rank_by_circle: dict[str, Rank] = {}
    for circle, note in chain:
        left = list(rank_by_circle)
        abandoned = left[left.index(note.circle) + 1 :] if note.circle in rank_by_circle else []
        for each in abandoned:
            rank_by_circle[each] = CAME_TO_NOTHING
        if circle != note.circle:
            rank_by_circle[circle] = CAME_TO_NOTHING
        rank_by_circle[note.circle] = note.rank
    return rank_by_circle


def left_out_since(chain: Iterable[tuple[str, Note]]) -> dict[str, frozenset[str]]:
    """Return, by circle left, the wallets that the note by which it was left, or a later one, leaves out.

    ``chain`` as for ``ranks_of``. What came to nothing leaves nobody out.
    """
    note_by_circle: dict[str, Note] = {}
    for _, note in chain:
        left = list(note_by_circle)
        for each in left[left.index(note.circle) :] if note.circle in note_by_circle else []:
            del note_by_circle[each]
        note_by_circle[note.circle] = note
    left_out_by_circle: dict[str, frozenset[str]] = {}
    left_out: frozenset[str] = frozenset()
    for circle, note in reversed(note_by_circle.items()):
        left_out |= note.statement.left_out.keys()
        left_out_by_circle[circle] = left_out
    return left_out_by_circle


def _itself(note: Note) -> Verdict | None:
    if not note.signed:
        return Verdict.UNSIGNED
    return None if note.statement.signer in note.statement.kept else Verdict.KEEPS_NOBODY


def _where_it_leads_from(note: Note, standing: Standing) -> Verdict | None:
    if note.circle == standing.circle:
        return None
    rank = standing.rank_by_circle.get(note.circle)
    if rank is None:
        return Verdict.FOREIGN
    if rank == note.rank:
        return Verdict.FOLLOWED
    return Verdict.OUTDATED if note.rank > rank else None
