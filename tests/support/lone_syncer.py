"""A syncer without a daemon around it, which works inline."""

from support.devices import ROOT, Device

from daemon.blob.keys import server_keys
from daemon.exchange import Link
from daemon.plan import Timing
from daemon.reporting import Reporter
from daemon.server.base import Server
from daemon.syncer import Syncer
from daemon.worker import inline


def lone_syncer(
    device: Device, server: Server, url: str, identity: str, timing: Timing, memory: dict[str, str] | None = None
) -> Syncer:
    """Make the syncer of a device for a server that it is enrolled with; nobody is told its news."""
    keeper = device.keeper
    surroundings = keeper.store.surroundings
    return Syncer(
        Link(
            url=url,
            server=server,
            keys=server_keys(ROOT, identity),
            keeper=keeper,
            exclusively=inline,
            surroundings=surroundings,
            reporter=Reporter(keeper, inline, surroundings, keeper.overview(), "small"),
            spool_folder=device.folder,
        ),
        memory={} if memory is None else memory,
        timing=timing,
        on_news=lambda: None,
    )
