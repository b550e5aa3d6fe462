"""Deciding what is held: the mass delete is shown, the person is asked, and the daemon does it."""

from collections.abc import Iterator, Sequence

from ipc.cli.output import remark
from ipc.cli.session import Session
from ipc.cli.statusview import held_words
from ipc.cli.words import count
from ipc.state import Held

_MEANING_BY_DECISION = {
    ("approve", "in"): "If you approve, they are deleted from this wallet too.",
    ("approve", "out"): "If you approve, they are deleted on your other wallets too.",
    ("reject", "in"): "If you reject, they stay here, and come back on your other wallets.",
    ("reject", "out"): "If you reject, they are put back into this wallet.",
}


def show_and_ask(session: Session, decision: str, held_id: str, all_held: Sequence[Held]) -> None:
    """Show what is held under this id, and ask. What is not held is left for the daemon to refuse."""
    held = next((each for each in all_held if each.id == held_id.upper()), None)
    if held is None or session.assume_yes:
        return
    remark(f"{held_words(held)} is held {session.telling().since(held.since)}.")
    remark(_MEANING_BY_DECISION[decision, held.direction])
    session.confirm(f"{decision.capitalize()} {held.id}?")


def decided(session: Session, words: str, still_held: Sequence[Held]) -> None:
    """Tell what was done, and what is held still."""
    session.answer({"api": 1, "held": still_held}, lambda: _view(words, still_held))


def _view(words: str, still_held: Sequence[Held]) -> Iterator[str]:
    yield words
    if still_held:
        yield f"{count(len(still_held), 'mass delete')} still held: {', '.join(held.id for held in still_held)}."
