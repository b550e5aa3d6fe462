"""Control: what the daemon answers on its socket, one module for each group of methods."""

from typing import Any

from daemon.control.circle import CircleDesk
from daemon.control.status import StatusDesk
from daemon.control.syncs import SyncDesk
from ipc.dispatch import Method


def methods(status: StatusDesk, syncs: SyncDesk, circle: CircleDesk) -> dict[str, Method[Any]]:
    """Return all methods by name."""
    return {**status.methods(), **syncs.methods(), **circle.methods()}


__all__ = ["CircleDesk", "StatusDesk", "SyncDesk", "methods"]
