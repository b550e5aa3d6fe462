"""A happening: something worth a log line, with a name that never changes and declared fields.

Each kind is a class: its keywords give the event's name and usual level, its docstring the one sentence that the
documentation shows, its annotations the fields. So a call that names an unknown event or field, or forgets one, fails
the type check and, where none is run, at once::

    class WalletAbsent(Happening, event="wallet.absent", level=Level.WARNING):
        '''The wallet database is not there; the daemon waits for it.'''

        path: Path

Some happenings are news only now and then. Those say in ``is_routine`` when they are not; then their level is debug.
A field whose value is ``None`` is left out of the line. Durations are in seconds. No field may hold a key, a secret or
anything of an entity; the name of its set and counts are all that is told.
"""

import dataclasses
from enum import IntEnum
from typing import ClassVar, dataclass_transform


class Level(IntEnum):
    """How much a happening matters. The numbers are those of Python's logging."""

    DEBUG = 10  # for whoever looks for a fault
    INFO = 20  # worth knowing on a healthy day: a handful of lines
    WARNING = 30  # the daemon goes on, but a person should know
    ERROR = 40  # something does not work until a person acts
    CRITICAL = 50  # the daemon ends

    @property
    def word(self) -> str:
        """The level as log lines write it."""
        return self.name.lower()


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Happening:
    """The base of all happenings. A subclass without an event's name only gathers fields for its own subclasses."""

    event: ClassVar[str]
    usual_level: ClassVar[Level]
    routine_when: ClassVar[str]

    def __init_subclass__(cls, *, event: str = "", level: Level = Level.INFO, routine_when: str = "") -> None:
        super().__init_subclass__()
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        cls.event, cls.usual_level, cls.routine_when = event, level, routine_when
        if event in happening_by_event:
            raise TypeError(
                f"the event {event} is declared twice: {happening_by_event[event].__name__}, {cls.__name__}"
            )
        if event:
            happening_by_event[event] = cls

    @property
    def is_routine(self) -> bool:
        """Whether this one is no news. Where it may be, ``routine_when`` says so in words."""
        return False

    @property
    def level(self) -> Level:
        """The level of this one: the usual, or debug for routine."""
        return Level.DEBUG if self.is_routine else self.usual_level

    def fields(self) -> dict[str, object]:
        """Return the fields that have a value, by name."""
        values = ((name, getattr(self, name)) for name in field_names(type(self)))
        return {name: value for name, value in values if value is not None}


happening_by_event: dict[str, type[Happening]] = {}


def field_names(kind: type[Happening]) -> tuple[str, ...]:
    """Return the names of all fields of a kind of happening, those of its bases first."""
    return tuple(field.name for field in dataclasses.fields(kind))  # type: ignore[arg-type]  # every subclass is one
