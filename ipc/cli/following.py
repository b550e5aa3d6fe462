"""Following a sync to its end, server by server, through the events of its id.

The daemon tells of a sync in events whose data bear its ``sync_id`` and the ``server``'s URL: ``sync.started``,
``sync.progress``, and ``sync.ended`` with an ``outcome``, "ok" or what became of it, and a ``message``.
"""

from collections.abc import Callable, Iterable

import msgspec
import trio

from ipc import Client, Gap, NoAnswer
from ipc.cli.exits import ExitCode
from ipc.frame import Event
from ipc.messages import SyncResult
from ipc.state import Held, MovedNote, ServerStatus, WalletStatus

OK = "ok"
WAITING_OUTCOMES = frozenset({"payment_required", "held", "moved", "paused"})
"""A person has to do something before such a sync goes on."""

PATIENCE = 5.0  # seconds without an event, after which the daemon is asked whether it is still the same


class Ended(msgspec.Struct, kw_only=True):
    """How the sync with one server ended: "ok" or what became of it, and a sentence where it was not ok."""

    url: str
    outcome: str
    message: str | None


class Followed:
    """One sync: the servers that it is still running with, and how it ended with the others."""

    def __init__(self, started: SyncResult) -> None:
        self.started = started
        self.ended_by_url: dict[str, Ended] = {}
        self.held: list[Held] = []  # what waits for a person after it, wherever that came from
        self.notes: list[MovedNote] = []  # and roll-overs that do
        self.wallet: WalletStatus | None = None  # how the wallet is after it

    @property
    def wallet_is_usable(self) -> bool:
        """Whether the sync could read the wallet database and write to it."""
        return self.wallet is None or self.wallet.state == "ok"

    @property
    def running(self) -> list[str]:
        """The servers whose end was not heard of yet."""
        return [url for url in self.started.servers if url not in self.ended_by_url]

    def take(self, event: Event) -> bool:
        """Take notice of an event, and tell whether it belongs to this sync."""
        if event.data.get("sync_id") != self.started.sync_id:
            return False
        if event.event == "sync.ended":
            url, outcome, message = (event.data.get(name) for name in ("server", "outcome", "message"))
            text = message if isinstance(message, str) and message else None
            if isinstance(url, str):
                self.ended_by_url.setdefault(url, Ended(url=url, outcome=str(outcome), message=text))
        return True

    def take_status(self, servers: Iterable[ServerStatus]) -> None:
        """Make up for events that were missed: what is not syncing any more has ended as its state says."""
        for server in servers:
            if server.url in self.running and server.state != "syncing":
                outcome = OK if server.state == "idle" else server.state
                message = server.error.message if server.error else None
                self.ended_by_url[server.url] = Ended(url=server.url, outcome=outcome, message=message)

    @property
    def ended(self) -> list[Ended]:
        """How the sync ended, in the order in which the daemon named the servers."""
        return [self.ended_by_url[url] for url in self.started.servers if url in self.ended_by_url]


def exit_code(followed: Followed) -> ExitCode:
    """Return the exit code of a sync: an error weighs more than an unfit wallet, and that more than waiting."""
    outcomes = {each.outcome for each in followed.ended} - {OK}
    if outcomes - WAITING_OUTCOMES:
        return ExitCode.SYNC_FAILED
    if not followed.wallet_is_usable:
        return ExitCode.WALLET_UNFIT
    return ExitCode.SYNC_WAITS if outcomes or followed.held or followed.notes else ExitCode.DONE


async def follow(
    client: Client,
    server: str | None,
    on_event: Callable[[Followed, Event | None], None],
    *,
    new_order: bool = False,
) -> Followed:
    """Start a sync and follow it to its end with every server.

    ``on_event`` is called when the sync has started, with no event, and then with each event of it.
    Raises what ``Client`` raises, and ``NoAnswer`` where the daemon was started anew meanwhile. Cancelled, the sync
    goes on unobserved.
    """
    async with client.events() as events:
        run = (await client.hello()).run
        followed = Followed(await client.sync(server, new_order=new_order))
        on_event(followed, None)
        while followed.running:
            event: Event | Gap | None = None
            with trio.move_on_after(PATIENCE):
                event = await anext(events)
            if isinstance(event, Event):
                if followed.take(event):
                    on_event(followed, event)
                continue
            if (await client.hello()).run != run:
                raise NoAnswer("it was started anew while the sync ran, so how the sync ended is not known")
            if isinstance(event, Gap):
                followed.take_status((await client.status()).servers)
        status = await client.status()
        followed.held, followed.wallet = status.held, status.wallet
        followed.notes = [note for note in status.notes if note.waits]
    return followed
