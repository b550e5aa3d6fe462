"""The kinds of servers that tests/server/test_contract.py is run against.

A kind registers itself in a module of its own, tests/support/server_kind_NAME.py, which is found by its name:

    @server_kind("folder")
    @asynccontextmanager
    async def folder(scratch: Path) -> AsyncIterator[Connect]:
        ...  # start a fresh server
        yield connect

``connect`` makes one more device's view of that server: an async context manager that gives a Server. Accounts may be
used at once, without payment, and the server takes blobs of at least 2 MiB.
"""

import importlib
import pkgutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from daemon.server.base import Server

Connect = Callable[[], AbstractAsyncContextManager[Server]]
ServerKind = Callable[[Path], AbstractAsyncContextManager[Connect]]

_kind_by_name: dict[str, ServerKind] = {}


def server_kind(name: str) -> Callable[[ServerKind], ServerKind]:
    """Register a kind of server under this name."""

    def register(kind: ServerKind) -> ServerKind:
        assert name not in _kind_by_name
        _kind_by_name[name] = kind
        return kind

    return register


def server_kinds() -> dict[str, ServerKind]:
    """Return all kinds by name."""
    here = str(Path(__file__).parent)
    for module in pkgutil.iter_modules([here]):
        if module.name.startswith("server_kind_"):
            importlib.import_module(f"support.{module.name}")
    return _kind_by_name
