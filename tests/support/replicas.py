"""Replicas in memory, for properties of the pure join: operations and joins make none but reachable states."""

import dataclasses
from dataclasses import dataclass, field

from hypothesis import strategies as st

from daemon.sets.collect import all_acknowledged, without_deletes
from daemon.sets.element import Element, Entry, Stamp, next_time, pointwise_max
from daemon.sets.join import join
from daemon.sets.operations import delete, insert

KEYS = ("a", "b", "c")
WRITERS = tuple(f"{number:016x}" for number in range(1, 5))


@dataclass
class Memory:
    """A replica in memory, and the writer that operates on it."""

    writer: str
    seen: dict[str, int] = field(default_factory=dict)
    elements: dict[str, Element] = field(default_factory=dict)

    def copy(self) -> "Memory":
        return dataclasses.replace(self, seen=dict(self.seen), elements=dict(self.elements))

    def stamp(self) -> Stamp:
        time = next_time(self.seen)
        self.seen[self.writer] = time
        return Stamp(time, self.writer)

    def insert(self, key: str, value: str) -> None:
        self.elements[key] = insert(self.elements.get(key), self.stamp(), value.encode())

    def delete(self, key: str) -> None:
        element = self.elements.get(key)
        if element is not None and element.live:
            self.elements[key] = delete(element, self.stamp())

    def entries(self) -> list[Entry]:
        return [Entry("set", key, element) for key, element in sorted(self.elements.items())]

    def join(self, other: "Memory") -> None:
        for joined in join(self.entries(), other.entries(), dict(self.seen), other.seen):
            if joined.after is None:
                self.elements.pop(joined.key, None)
            else:
                self.elements[joined.key] = joined.after
        self.seen = pointwise_max(self.seen, other.seen)

    def collect(self, others: "list[Memory]") -> None:
        """Forget what all have seen."""
        clocks = {replica.writer: replica.seen for replica in others}
        for key, element in list(self.elements.items()):
            if element.deletes and all_acknowledged(element.deletes, [clocks]):
                rest = without_deletes(element)
                if rest is None:
                    del self.elements[key]
                else:
                    self.elements[key] = rest

    @property
    def live(self) -> dict[str, bytes]:
        """What a person sees."""
        return {key: element.value for key, element in self.elements.items() if element.live}


def joined(one: Memory, other: Memory) -> Memory:
    """Return the join of two replicas, which stay as they are."""
    result = one.copy()
    result.join(other)
    return result


REPLICAS = st.integers(0, len(WRITERS) - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), REPLICAS, st.sampled_from(KEYS), st.sampled_from("xyz")),
        st.tuples(st.just("delete"), REPLICAS, st.sampled_from(KEYS)),
        st.tuples(st.just("join"), REPLICAS, REPLICAS),
        st.tuples(st.just("collect"), REPLICAS),
    ),
    max_size=40,
)


def play(steps: list[tuple[object, ...]], *, collecting: bool = True) -> list[Memory]:
    """Carry out steps on one replica per writer."""
    replicas = [Memory(writer) for writer in WRITERS]
    for name, number, *arguments in steps:
        replica = replicas[number]  # type: ignore[call-overload]
        if name == "join":
            replica.join(replicas[arguments[0]])  # type: ignore[call-overload]
        elif name != "collect":
            getattr(replica, str(name))(*arguments)
        elif collecting:
            replica.collect(replicas)
    return replicas
