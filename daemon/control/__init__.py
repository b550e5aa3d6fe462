"""Control: what the daemon answers on its socket, one module for each group of methods."""

from typing import Any, Protocol

from daemon.control.circle import CircleDesk
from daemon.control.detach import DetachDesk
from daemon.control.explain import ExplainDesk
from daemon.control.rotation import RotationDesk
from daemon.control.status import StatusDesk
from daemon.control.syncs import SyncDesk
from daemon.control.undo import UndoDesk
from ipc.dispatch import Method


class Desk(Protocol):
    """Answers a group of methods."""

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        ...


def methods(*desks: Desk) -> dict[str, Method[Any]]:
    """Return all methods of these desks by name."""
    return {name: method for desk in desks for name, method in desk.methods().items()}


__all__ = [
    "CircleDesk",
    "Desk",
    "DetachDesk",
    "ExplainDesk",
    "RotationDesk",
    "StatusDesk",
    "SyncDesk",
    "UndoDesk",
    "methods",
]
