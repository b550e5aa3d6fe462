"""Which rule of the join decided a key, for people who ask."""

from enum import StrEnum

from daemon.sets.join import Joined


class Rule(StrEnum):
    """Why the join changed an element."""

    NEW_THERE = "inserted by another wallet"
    LATER_STAMP = "changed by another wallet, with the larger stamp"
    INSERTED_AGAIN = "inserted again by a wallet that had seen the delete"
    DELETE_WINS = "deleted by another wallet; a delete beats every change that had not seen it"
    GONE_THERE = "deleted by another wallet, and all that had it know"
    DELETE_NOTED = "a delete by another wallet, of what was not here or lives again"


def rule_of(joined: Joined) -> Rule:
    """Return the rule that decided a key which the join changed."""
    assert joined.changed
    lived = joined.before is not None and joined.before.live
    if joined.after is None:
        return Rule.GONE_THERE
    if not joined.after.live:
        return Rule.DELETE_WINS if lived else Rule.DELETE_NOTED
    if joined.before is None:
        return Rule.NEW_THERE
    if not lived:
        return Rule.INSERTED_AGAIN
    return Rule.LATER_STAMP if joined.after.stamp != joined.before.stamp else Rule.DELETE_NOTED
