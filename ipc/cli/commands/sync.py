"""``walletsync sync``: asks for a sync now, and with ``--wait`` stays until it has ended."""

from collections.abc import Iterator

import click
import trio
from rich.console import RenderableType
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from ipc import Client
from ipc.cli.exits import ExitCode
from ipc.cli.following import OK, Ended, Followed, exit_code, follow
from ipc.cli.rotationview import note_attention
from ipc.cli.session import Session, cli_command
from ipc.cli.statusview import held_attention, wallet_attention, warnings
from ipc.cli.tables import ATTENTION, GOOD, table
from ipc.cli.words import STATE_WORDS, clean, count
from ipc.frame import Event
from ipc.messages import SyncResult

_STAGE_WORDS = {"fetch": "fetching", "join": "merging", "seal": "encrypting", "store": "uploading"}


@cli_command("walletsync sync", "walletsync sync --wait sync.example.org")
@click.option("--wait", is_flag=True, help="Stay until the sync has ended with each server.")
@click.option("--new-order", is_flag=True, help="Have a server that waits for a payment make a new order.")
@click.argument("server", required=False)
def command(session: Session, wait: bool, new_order: bool, server: str | None) -> ExitCode:
    """Sync now, with one server or with all.

    SERVER is the server's address or any unique part of it. Answers at once with the sync's id. With --wait it ends
    with 8 where a sync ended with an error, with 6 where the wallet database could not be used, and with 9 where one
    waits for a person. With --new-order a server that waits for a payment makes a new order, for when the one before
    cannot be paid any more.
    """
    if not wait:
        with session.daemon() as daemon:
            started = daemon.sync(server, new_order=new_order)
        session.answer(_document(started), lambda: _started_view(session, started))
        return ExitCode.DONE
    with session.talking():
        followed = trio.run(_follow, session, server, new_order)
    wallet = followed.wallet
    document = _document(followed.started) | {
        "ended": followed.ended,
        "held": followed.held,
        "notes": followed.notes,
        "wallet": {"state": wallet.state, "reason": wallet.reason} if wallet else None,
    }
    session.answer(document, lambda: _ended_view(session, followed))
    return exit_code(followed)


async def _follow(session: Session, server: str | None, new_order: bool) -> Followed:
    async with Client(session.paths.control_socket, session.paths.events_socket) as client:
        with _Display(session) as display:
            return await follow(client, server, display.show, new_order=new_order)


class _Display(Progress):
    """A line for each server, on a terminal, while its sync runs."""

    def __init__(self, session: Session) -> None:
        columns = (
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[step]}", markup=False),
            TimeElapsedColumn(),
        )
        disabled = session.as_json or not session.console.is_terminal
        super().__init__(*columns, console=session.console, transient=True, disable=disabled)
        self._task_by_url: dict[str, TaskID] = {}

    def show(self, followed: Followed, event: Event | None) -> None:
        """Add the servers when the sync has started, and then show what becomes of them."""
        if event is None:
            for url in followed.started.servers:
                self._task_by_url[url] = self.add_task(clean(url), total=1, step="waiting")
            return
        task = self._task_by_url.get(str(event.data.get("server")))
        if task is None:
            return
        if event.event == "sync.ended":
            self.update(task, completed=1, step=_outcome_words(str(event.data.get("outcome"))))
        else:
            self.update(task, step=_STAGE_WORDS.get(str(event.data.get("stage")), "syncing"))


def _document(started: SyncResult) -> dict[str, object]:
    return {"api": 1, "sync_id": started.sync_id, "servers": started.servers}


def _started_view(session: Session, started: SyncResult) -> Iterator[RenderableType]:
    if started.servers:
        yield f"Sync {clean(started.sync_id)} runs with {count(len(started.servers), 'server')}."
    else:
        yield f"There is no server to sync with yet: {session.spelled('enroll URL')}"


def _ended_view(session: Session, followed: Followed) -> Iterator[RenderableType]:
    if not followed.ended:
        yield from _started_view(session, followed.started)
        return
    yield table(("Server", "Sync"), [(each.url, _outcome_cell(each, followed)) for each in followed.ended])
    telling = session.telling()
    messages = [f"{clean(each.url)}: {clean(each.message)}" for each in followed.ended if each.message]
    if followed.wallet is not None:
        messages += wallet_attention(followed.wallet, telling)
    held = [held_attention(each, telling) for each in followed.held]
    yield from warnings([*messages, *held, *(note_attention(each, telling) for each in followed.notes)])


def _outcome_cell(ended: Ended, followed: Followed) -> Text:
    if ended.outcome == OK and not followed.wallet_is_usable:
        return Text("done without the wallet", style=ATTENTION)
    return Text(clean(_outcome_words(ended.outcome)), style=GOOD if ended.outcome == OK else ATTENTION)


def _outcome_words(outcome: str) -> str:
    extra_words = {OK: "in step", "held": "a mass delete waits for you"}
    return extra_words.get(outcome) or STATE_WORDS.get(outcome, outcome)
