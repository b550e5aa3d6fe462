"""Logs: one line for each happening, under a name that stays, with nothing secret in it.

::

    from daemon import logs
    from daemon.logs.syncing import SyncStarted

    logs.configure("info", "auto")     # first thing in the program
    with logs.strays_logged():         # what nobody catches, and what libraries complain of
        logs.emit(SyncStarted(sync_id=sync_id, server=url, reason="schedule"))
        logs.emit(IpcFault(method="status"), error=error)

The happenings are declared by what they happen to: ``running`` (the daemon), ``belonging`` (keys, circle and servers),
``keeping`` (the wallet database), ``syncing`` and ``rotating``. docs/logs.md lists them for people.
"""

from daemon.logs.output import LevelName, LogLayout, configure, emit
from daemon.logs.strays import strays_logged

__all__ = ["LevelName", "LogLayout", "configure", "emit", "strays_logged"]
