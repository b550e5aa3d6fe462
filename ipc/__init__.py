"""How wallet frontends and the command line talk to the daemon.

    from ipc import BlockingClient, Client

``Client`` runs on trio, ``BlockingClient`` without an event loop. Names are loaded when they are first used, so that
a script does not pay for trio, nor who only wants the messages for the sockets.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipc.blocking import BlockingClient
    from ipc.client import Client
    from ipc.errors import BadAnswer, IpcError, NoAnswer, NotRunning, Refused
    from ipc.frame import Event
    from ipc.subscription import EventStream, Gap

__all__ = [
    "BadAnswer",
    "BlockingClient",
    "Client",
    "Event",
    "EventStream",
    "Gap",
    "IpcError",
    "NoAnswer",
    "NotRunning",
    "Refused",
]

_MODULE_BY_NAME = {
    "BlockingClient": "ipc.blocking",
    "Client": "ipc.client",
    "Event": "ipc.frame",
    "EventStream": "ipc.subscription",
    "Gap": "ipc.subscription",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'ipc' has no attribute {name!r}")
    return getattr(import_module(_MODULE_BY_NAME.get(name, "ipc.errors")), name)
