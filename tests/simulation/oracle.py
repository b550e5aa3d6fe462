"""The oracle: what the wallets ought to hold, found in the plainest way there is.

It knows every operation ever made, as a person makes them: on one wallet, on one key, with everything that this
wallet's tables had shown of that key (``aware_of``: the operation's causal past). Whatever holds a replica (a state
database, a blob) holds a set of operations; a join is the union of two such sets; nothing is ever forgotten. There are
no Lamport times here, no maps of what was seen and no garbage collection.

What a set of operations amounts to, for one key: an insert stands if its maker had been aware of every delete in the
set. Of the inserts that stand, those that no other one was aware of are the last ones. Any of them may be shown, by
all wallets the same; where none stands, the entity is deleted.

Sets of operations are integers, with one bit for each operation.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, str]
Operations = int


@dataclass
class Operation:
    """One insert (or change) or delete, by which wallet, and all that its maker had been shown of the key.

    ``shows`` is what the row says: the operation's number, or that of the one which a restored wallet made again.

    ``excused`` says that the maker was not in the clocks of its servers (it was forgotten, restored or had not joined
    yet), so that a delete which it had not seen may have been forgotten before it came. ``is_weak``: a delete by one of
    two running copies of a machine, which may lose.
    """

    number: int
    place: Place
    device: str
    is_insert: bool
    aware_of: Operations
    excused: bool
    is_weak: bool
    shows: int

    @property
    def bit(self) -> Operations:
        return 1 << self.number

    def __str__(self) -> str:
        what = "insert" if self.is_insert else "delete"
        aware = ",".join(str(number) for number in numbers(self.aware_of)) or "nothing"
        excuse = ", excused" if self.excused else ""
        where = f"{self.place[0]} {self.place[1]} on {self.device}"
        return f"operation {self.number}: {what} {where}, aware of {aware}{excuse}"


def numbers(operations: Operations) -> Iterator[int]:
    """List the operations of a set."""
    while operations:
        lowest = operations & -operations
        yield lowest.bit_length() - 1
        operations ^= lowest


@dataclass
class Oracle:
    """All operations ever."""

    operations: list[Operation | None] = field(default_factory=list)
    operations_by_place: dict[Place, Operations] = field(default_factory=lambda: defaultdict(int))

    def reserve(self) -> int:
        """Return the number of an operation that is about to be made."""
        self.operations.append(None)
        return len(self.operations) - 1

    def note(self, number: int, place: Place, *, device: str, aware_of: Operations, **how: Any) -> Operation:
        """Note an operation that has just been made."""
        excused = how.pop("excused") or any(
            self.get(each).excused and self.get(each).is_insert for each in numbers(aware_of)
        )
        how = {"is_weak": False, "shows": number} | how
        operation = Operation(number, place, device=device, aware_of=aware_of, excused=excused, **how)
        self.operations[number] = operation
        self.operations_by_place[place] |= operation.bit
        return operation

    def get(self, number: int) -> Operation:
        operation = self.operations[number]
        assert operation is not None
        return operation

    def of_place(self, place: Place, held: Operations) -> list[Operation]:
        """Return the operations on one key, of those that are held."""
        return [self.get(number) for number in numbers(held & self.operations_by_place[place])]

    def holds(self, place: Place, held: Operations, shown: int) -> bool:
        """Tell whether the operation that a row shows is among those held."""
        return any(each.shows == shown for each in self.of_place(place, held))

    def last_inserts(self, place: Place, held: Operations) -> set[int]:
        """Return which inserts may be shown for a key by whoever holds these operations; none: it is deleted."""
        operations = self.of_place(place, held)
        deletes = [each for each in operations if not each.is_insert]
        standing = [
            each for each in operations if each.is_insert and all(each.aware_of & delete.bit for delete in deletes)
        ]
        return {each.shows for each in standing if not any(other.aware_of & each.bit for other in standing)}

    def may_show(self, place: Place, held: Operations) -> set[int | None]:
        """Return what a key may show in the end, ``None`` for nothing: what it should, and what is excused."""
        allowed: set[int | None] = set(self.excused_inserts(place, held))
        allowed |= self.last_inserts(place, held) or {None}
        operations = self.of_place(place, held)
        if any(each.is_weak for each in operations):
            allowed |= {each.shows for each in operations if each.is_insert}
        return allowed

    def excused_inserts(self, place: Place, held: Operations) -> set[int]:
        """Return the inserts that may have come back against deletes that their makers could not be told of."""
        return {each.shows for each in self.of_place(place, held) if each.is_insert and each.excused}
