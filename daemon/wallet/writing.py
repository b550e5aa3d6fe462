"""Writing into the wallet: what a merge changed, in one transaction that is the caller's.

Each step names a key, the base that its row must still have, and the value wanted (``None``: no row). What comes of a
step is one of:

- *written*: the row is as wanted. It is read back in the same transaction, and what is read is its new base, since
  the wallet's own triggers and type affinities may change values.
- *changed*: the row is not what it was when the key was listed: the wallet changed it meanwhile. Nothing is written;
  the next capture judges the change.
- *refused*: the wallet's constraints do not take it, or writing it would change rows that nobody asked for (a foreign
  key that cascades, a trigger). It is rolled back to its savepoint and stays listed.

A refused row is tried again once others have been written: first alone, as long as that helps. What then is refused
for another row's sake (unique values, foreign keys) is tried together, each row deleted and then inserted with its
local columns kept and foreign keys checked at the end: so two rows that exchange a unique value come through. A row
that is in the way of the others there waits, and they are tried without it.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from daemon.wallet.guest import Guest
from daemon.wallet.reading import Excluded, Row
from daemon.wallet.references import dangling, has_deferred, to_blame
from daemon.wallet.rows import InvalidValue, SqlValue, decode_key, digest
from daemon.wallet.session import Place, Refusal, Session, Step
from daemon.wallet.tables import SetTable

__all__ = ["Changed", "Outcome", "Place", "Refused", "Step", "Steps", "Written", "write"]

EXCHANGE_ROUNDS = 10
"""How often rows that are in the way are left out of an exchange before it is given up."""


class Written(NamedTuple):
    """The row is as wanted; this is its base now (``None``: no row)."""

    base: bytes | None


class Changed(NamedTuple):
    """The wallet changed the row meanwhile."""


class Refused(NamedTuple):
    """The wallet does not take the row, and why. ``exchangeable``: it may yet, once other rows have changed."""

    reason: str
    exchangeable: bool = False


Outcome = Written | Changed | Refused

_DANGLES = Refused("a row would refer to one that is not there")


class Steps(Protocol):
    """All that is to be written. It may be walked more than once, and need not be held in memory."""

    def of(self, table: SetTable, *, deletes: bool) -> Iterable[Step]:
        """Walk a set's deletes, or its other steps."""
        ...

    def includes(self, place: Place) -> bool:
        """Tell whether there is a step for this place."""
        ...


def write(guest: Guest, steps: Steps) -> Iterator[tuple[Place, Outcome]]:
    """Carry out the steps: deletes first, children before parents, then inserts, parents before children.

    They are carried out while the outcomes are asked for. Part of the caller's transaction, which writes nothing else
    to the sets meanwhile. Raises WalletTrouble where the wallet rolled that back.
    """
    session = Session(guest, steps.includes)
    ordered = _in_order(guest, steps)
    yield from _write_without_dangling(session, list(ordered)) if has_deferred(guest) else _write(session, ordered)
    session.forget_own_log()


def _in_order(guest: Guest, steps: Steps) -> Iterator[Step]:
    parents_first = guest.layout.parents_first
    for table in reversed(parents_first):
        yield from steps.of(table, deletes=True)
    for table in parents_first:
        yield from steps.of(table, deletes=False)


def _write_without_dangling(session: Session, steps: Sequence[Step]) -> Iterable[tuple[Place, Outcome]]:
    """Carry out the steps, leaving out those that the commit would fail for."""
    guest, refused = session.guest, set[Place]()
    before = dangling(guest, steps)
    while True:
        session.connection.execute("SAVEPOINT walletsync_all")
        rest = [step for step in steps if step.place not in refused]
        outcomes = dict(_write(session, rest))
        broken = dangling(guest, steps) - before
        if not broken:
            session.connection.execute("RELEASE walletsync_all")
            return (outcomes | dict.fromkeys(refused, _DANGLES)).items()
        refused |= to_blame(guest, broken, rest)
        session.connection.execute("ROLLBACK TO walletsync_all")
        session.connection.execute("RELEASE walletsync_all")


def _write(session: Session, steps: Iterable[Step]) -> Iterator[tuple[Place, Outcome]]:
    """Carry out steps in this order, each of them alone, and then together what can only be done so."""
    refused = yield from _attempt_all(session, steps)
    while refused:
        still_refused = yield from _attempt_all(session, [step for step, _ in refused])
        helped = len(still_refused) < len(refused)
        refused = still_refused
        if not helped:
            break
    came_through = _exchange(session, [step for step, outcome in refused if outcome.exchangeable])
    yield from ((step.place, _written(session.read(step))) for step in came_through)
    done = {step.place for step in came_through}
    yield from ((step.place, outcome) for step, outcome in refused if step.place not in done)


def _attempt_all(
    session: Session, steps: Iterable[Step]
) -> Generator[tuple[Place, Outcome], None, list[tuple[Step, Refused]]]:
    """Carry out steps one by one; yield what came of them but for those that are refused, and return these."""
    refused = []
    for step in steps:
        outcome = _attempt(session, step)
        if isinstance(outcome, Refused):
            refused.append((step, outcome))
        else:
            yield step.place, outcome
    return refused


def _attempt(session: Session, step: Step) -> Outcome:
    """Carry out one step, or leave the database as if it had not been tried."""
    try:
        key = _key_columns(step)
        found = session.guest.reader.read(step.table, key)
        if _base(found, step.base) != step.base:
            return Changed()
        if _is_as_wanted(found, step):
            return Written(step.base)
        return _written(session.write(step, key, found))
    except InvalidValue as error:
        return Refused(f"this version cannot read it: {error}")
    except Refusal as refusal:
        return Refused(str(refusal), refusal.exchangeable)


def _exchange(session: Session, steps: Sequence[Step]) -> Sequence[Step]:
    """Try refused steps as one, without those that turn out to be in the way. Return what came through."""
    rest = steps
    for _ in range(EXCHANGE_ROUNDS):
        in_the_way = _together(session, rest) if rest else set[Place]()
        if not in_the_way:
            return rest
        rest = [step for step in rest if step.place not in in_the_way]
    return []


def _together(session: Session, steps: Sequence[Step]) -> set[Place]:
    """Delete all these rows, then insert them, foreign keys checked last. Return what failed: then nothing is done."""
    connection = session.connection
    before = dangling(session.guest, steps)
    connection.execute("PRAGMA defer_foreign_keys = ON")
    connection.execute("SAVEPOINT walletsync_exchange")
    failed = _delete_and_insert(session, steps)
    if not failed:
        failed = to_blame(session.guest, dangling(session.guest, steps) - before, steps)
    if failed:
        connection.execute("ROLLBACK TO walletsync_exchange")
    connection.execute("RELEASE walletsync_exchange")
    connection.execute("PRAGMA defer_foreign_keys = OFF")
    return failed


def _delete_and_insert(session: Session, steps: Sequence[Step]) -> set[Place]:
    failed = set[Place]()
    kept: dict[Place, dict[str, SqlValue]] = {}
    for step in steps:
        try:
            kept[step.place] = session.delete(step)
        except Refusal:
            failed.add(step.place)
    for step in steps:
        try:
            if step.wanted is not None and step.place not in failed:
                session.insert(step, kept[step.place])
        except Refusal:
            failed.add(step.place)
    return failed


def _written(found: Row | Excluded | None) -> Written:
    """Return what the row is like now: its new base."""
    return Written(found.digest if isinstance(found, Row) else None)


def _base(found: Row | Excluded | None, expected: bytes | None) -> bytes | None:
    """Return the base of what was found. A row that does not take part (any more) says nothing of its own."""
    match found:
        case Row():
            return found.digest
        case Excluded():
            return expected
        case None:
            return None


def _is_as_wanted(found: Row | Excluded | None, step: Step) -> bool:
    match found:
        case Row():
            return step.wanted is not None and found.digest == digest(step.wanted)
        case Excluded():  # a row that never took part is none of ours to delete
            return step.wanted is None and step.base is None
        case None:
            return step.wanted is None


def _key_columns(step: Step) -> list[SqlValue]:
    columns = decode_key(step.key)
    if len(columns) != len(step.table.profile.key):
        raise InvalidValue(f"the key {step.key} does not have the columns {', '.join(step.table.profile.key)}")
    return columns
