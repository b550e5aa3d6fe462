"""What is to be done at an account that was left, by what it holds: a pure function.

A wallet that made or followed a note has left an account on every server that it is enrolled with. Each is brought to
holding the note, and is looked after until all wallets kept have arrived; then the note is left to stand there for
good, small as it is, so that a wallet left out is told so whenever it comes.

- An account is **open** until the note was first seen or put there. The state that it holds meanwhile is what wallets
  of the circle have said before they heard of the roll-over: it is joined, and the note is put in its place on
  condition that nothing was stored since.
- It is **noted** from then on. Whoever heard of the roll-over stores there no more, so whatever else is found is the
  work of a device that was left out: it is not joined, and the note is put back.
- Another note that is binding (``Verdict.is_binding``) and of smaller rank is left where it is: it holds, and a person
  is asked whether to follow. The account is **yielded** from then on, and nothing is waited for there. Any other note
  is replaced.
"""

from dataclasses import dataclass
from enum import StrEnum

from daemon.rotation.judging import Verdict


class Phase(StrEnum):
    """How far an account that was left has come."""

    OPEN = "open"
    NOTED = "noted"
    YIELDED = "yielded"


class Found(StrEnum):
    """What an account holds, but for another note."""

    NOTHING = "nothing"
    STATE = "state"
    GARBAGE = "garbage"  # nothing that the account's key opens


@dataclass(frozen=True)
class FoundNote:
    """An account holds a note. ``belongs``: it is the one that belongs there."""

    verdict: Verdict
    belongs: bool


class Step(StrEnum):
    """What to do next at an account."""

    JOIN_AND_NOTE = "join_and_note"
    NOTE = "note"
    REST = "rest"
    YIELD = "yield"


def next_step(phase: Phase, found: Found | FoundNote) -> Step:
    """Return what to do at an account in this phase that holds this."""
    match found:
        case FoundNote(belongs=True):
            return Step.REST
        case FoundNote(verdict) if verdict.is_binding:
            return Step.YIELD
        case Found.STATE if phase is Phase.OPEN:
            return Step.JOIN_AND_NOTE
        case _:
            return Step.NOTE
