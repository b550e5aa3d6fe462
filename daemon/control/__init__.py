"""Control: what the daemon answers on its socket, one module for each group of methods."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import msgspec

from daemon.control.circle import CircleDesk
from daemon.control.detach import DetachDesk
from daemon.control.explain import ExplainDesk
from daemon.control.rotation import RotationDesk
from daemon.control.status import StatusDesk
from daemon.control.syncs import SyncDesk
from daemon.control.undo import UndoDesk
from daemon.disk import DiskTrouble, is_of_the_disk
from ipc.dispatch import Method
from ipc.errors import Refusal


class Desk(Protocol):
    """Answers a group of methods."""

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        ...


def methods(*desks: Desk) -> dict[str, Method[Any]]:
    """Return all methods of these desks by name."""
    return {name: method for desk in desks for name, method in desk.methods().items()}


def telling_of_the_disk(method_by_name: Mapping[str, Method[Any]], folder: Path) -> dict[str, Method[Any]]:
    """Return these methods, which refuse what the disk under our state folder does not take, and say so."""
    return {name: _telling_of_the_disk(method, folder) for name, method in method_by_name.items()}


def _telling_of_the_disk(method: Method[Any], folder: Path) -> Method[Any]:
    async def handle(params: msgspec.Struct) -> msgspec.Struct:
        try:
            return await method.handler(params)
        except DiskTrouble as error:
            if not is_of_the_disk(error):
                raise
            raise Refusal(f"this device cannot keep what that takes in {folder}: {error}") from error

    return replace(method, handler=handle)


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
    "telling_of_the_disk",
]
