"""What a note is worth, and which of two roll-overs holds."""

import itertools
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from daemon.blob.keys import wallet_keys
from daemon.rotation.judging import CAME_TO_NOTHING, Standing, Verdict, judge, left_out_since, ranks_of
from daemon.rotation.note import Note, circle_of, read_note, write_note
from daemon.secret import Secret

ROOTS = {name: Secret(bytes([number]) * 32) for number, name in enumerate("abcdef", start=100)}
SEEDS = {name: Secret(bytes([number]) * 32) for number, name in enumerate(("phone", "desktop", "laptop"), start=1)}
ID = {name: wallet_keys(seed.reveal()).id for name, seed in SEEDS.items()}


def circle(name: str) -> str:
    return circle_of(ROOTS[name])


def note_from(
    root: str = "a", signer: str = "phone", time: int = 7, kept: Iterable[str] = ("phone", "desktop")
) -> Note:
    return write_note(
        root=ROOTS[root],
        new_root=ROOTS["f"],
        wallet_seed=SEEDS[signer],
        kept={ID[name]: name for name in kept},
        left_out={ID[name]: name for name in ID if name not in kept},
        time=time,
    )


STANDING = Standing(
    wallet_id=ID["desktop"],
    circle=circle("a"),
    rank_by_circle={},
    members=frozenset(ID.values()),
    left_out_by_circle={},
    rejected=frozenset(),
)


def test_a_note_in_good_order_can_be_followed_once_a_person_says_so():
    verdict = judge(note_from(), STANDING, opens=True)
    assert verdict is Verdict.FOLLOWABLE
    assert verdict.waits_for_a_person


def test_a_note_that_nobody_signed_is_never_followed_whatever_else_it_says():
    first, second, _ = note_from().text.split(b"\n")
    forged = read_note(first.replace(b'"time":7', b'"time":1') + b"\n" + second + b"\n")
    assert judge(forged, STANDING, opens=True) is Verdict.UNSIGNED


def test_a_note_that_keeps_nobody_is_shown_as_such():
    note = note_from()
    for kept in ({}, {ID["desktop"]: note.statement.kept[ID["desktop"]]}):
        emptied = replace(note, statement=replace_kept(note, kept))
        assert judge(emptied, STANDING, opens=True) is Verdict.KEEPS_NOBODY


def replace_kept(note: Note, kept: dict) -> object:
    statement = note.statement
    return type(statement)(
        statement.circle, statement.format, kept, statement.left_out, statement.signer, statement.time
    )


def test_a_wallet_that_is_not_kept_is_told_so_by_a_wallet_of_the_circle_only():
    laptop = replace(STANDING, wallet_id=ID["laptop"])
    assert judge(note_from(), laptop, opens=False) is Verdict.LEFT_OUT
    unknown = replace(laptop, members=frozenset({ID["laptop"]}))
    verdict = judge(note_from(), unknown, opens=False)
    assert verdict is Verdict.LEFT_OUT_BY_STRANGER
    assert not verdict.is_binding


def test_a_note_of_a_wallet_that_is_not_of_the_circle_is_not_binding_but_may_be_confirmed():
    verdict = judge(note_from(), replace(STANDING, members=frozenset({ID["desktop"]})), opens=True)
    assert verdict is Verdict.STRANGER
    assert verdict.waits_for_a_person
    assert not verdict.is_binding


def test_a_note_of_a_wallet_that_was_left_out_is_not_followed():
    standing = replace(STANDING, left_out_by_circle={circle("a"): frozenset({ID["phone"]})})
    assert judge(note_from(), standing, opens=True) is Verdict.SIGNER_LEFT_OUT


def test_who_was_left_out_of_an_earlier_circle_only_is_one_of_those_that_it_is_in():
    first, second = note_from("a", kept=("phone", "laptop")), note_from("b", kept=("phone", "desktop"))
    left_out = left_out_since([(circle("a"), first), (circle("b"), second)])
    assert left_out == {circle("a"): {ID["desktop"], ID["laptop"]}, circle("b"): {ID["laptop"]}}
    standing = replace(STANDING, circle=circle("c"), left_out_by_circle=left_out)
    assert judge(note_from("c", signer="laptop", kept=ID), standing, opens=True) is Verdict.FOLLOWABLE


def test_a_roll_over_that_came_to_nothing_leaves_nobody_out():
    lost, later, won = (
        note_from("a", time=8, kept=("phone",)),
        note_from("b", kept=("phone",)),
        note_from("a", time=7, kept=("phone", "desktop")),
    )
    left_out = left_out_since([(circle("a"), lost), (circle("b"), later), (circle("c"), won)])
    assert left_out == {circle("a"): {ID["laptop"]}}


def test_what_a_person_said_no_to_is_not_asked_again():
    note = note_from()
    assert judge(note, replace(STANDING, rejected=frozenset({note.id})), opens=True) is Verdict.REJECTED


def test_a_note_without_a_box_for_this_wallet_cannot_be_followed():
    assert judge(note_from(), STANDING, opens=False) is Verdict.UNOPENABLE


def test_a_note_of_a_circle_that_this_wallet_was_never_in_is_foreign():
    assert judge(note_from(root="b"), STANDING, opens=True) is Verdict.FOREIGN


def test_of_two_notes_that_leave_one_circle_the_smaller_rank_holds():
    note = note_from(time=7)
    moved = replace(STANDING, circle=circle("b"), rank_by_circle={circle("a"): note.rank})
    assert judge(note, moved, opens=True) is Verdict.FOLLOWED
    assert judge(note_from(time=8), moved, opens=True) is Verdict.OUTDATED
    assert judge(note_from(time=6), moved, opens=True) is Verdict.FOLLOWABLE
    assert judge(note_from(time=6), replace(moved, wallet_id=ID["laptop"]), opens=False) is Verdict.LEFT_OUT


def test_what_came_of_a_roll_over_that_was_superseded_comes_to_nothing():
    second = note_from(time=9)
    first = note_from(time=5)
    chain = [(circle("a"), second), (circle("b"), note_from(root="b", time=12)), (circle("c"), first)]
    ranks = ranks_of(chain)
    assert ranks == {circle("a"): first.rank, circle("b"): CAME_TO_NOTHING, circle("c"): CAME_TO_NOTHING}
    moved = replace(STANDING, circle=circle("d"), rank_by_circle=ranks)
    for root in "bc":
        assert judge(note_from(root=root, time=1), moved, opens=True) is Verdict.OUTDATED


@given(st.permutations(list(itertools.product(("phone", "desktop"), (3, 4, 5)))))
def test_wallets_end_with_the_same_note_in_whatever_order_they_hear_of_them(order):
    chain: list[tuple[str, Note]] = []
    for number, (signer, time) in enumerate(order):
        note = note_from(signer=signer, time=time)
        standing = replace(
            STANDING, circle=f"circle {number}" if chain else circle("a"), rank_by_circle=ranks_of(chain)
        )
        if judge(note, standing, opens=True) is Verdict.FOLLOWABLE:
            chain.append((standing.circle, note))
    assert ranks_of(chain)[circle("a")] == (3, min(ID["phone"], ID["desktop"]))
