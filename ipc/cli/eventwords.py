"""What happens, in words: the daemon's events as lines that people understand.

Events that only repeat what another one says, or that are steps of a sync, have no line. What is said of an event
that this program does not know is its name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ipc.cli.following import OK
from ipc.cli.tables import ATTENTION, GOOD
from ipc.cli.words import STATE_WORDS, clean, count, listed, size
from ipc.frame import Event

_Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventLine:
    """One happening: when, in words, in which colour. Routine ones may be drawn together with others like them."""

    at: str
    words: str
    style: str = ""
    routine: bool = False


def line_of(event: Event) -> EventLine | None:
    """Put an event into words, or return ``None`` where it tells a person nothing new."""
    if event.event in _SILENT:
        return None
    worded = _WORDED_BY_EVENT.get(event.event)
    if worded is None:
        return EventLine(event.at, clean(event.event))
    words, style = worded(event.data)
    return EventLine(event.at, words, style, routine=event.event == "sync.ended" and _nothing_new(event.data))


def _nothing_new(data: _Data) -> bool:
    return data.get("outcome") == OK and not data.get("stored")


def _text(data: _Data, name: str) -> str:
    value = data.get(name)
    return clean(value) if isinstance(value, str) else ""


def _sync_ended(data: _Data) -> tuple[str, str]:
    server, outcome, message = (_text(data, name) for name in ("server", "outcome", "message"))
    if outcome == OK:
        return (f"In step with {server}{', with a new copy there' if data.get('stored') else ''}", GOOD)
    why = f": {message}" if message else ""
    return f"No sync with {server}, {STATE_WORDS.get(outcome, outcome)}{why}", ATTENTION


def _nearly_full(data: _Data) -> tuple[str, str]:
    sizes = [data.get(name) for name in ("sealed_bytes", "limit_bytes")]
    how_full = " of ".join(size(each) for each in sizes if isinstance(each, int))
    words = f"The copy at {_text(data, 'server')} comes near the largest that the server takes"
    return f"{words}{f': {how_full}' if how_full else ''}", ATTENTION


def _wallet_applied(data: _Data) -> tuple[str, str]:
    sets = data.get("sets")
    rows = {name: number for name, number in sets.items() if isinstance(number, int)} if isinstance(sets, dict) else {}
    what = f": {listed(f'{number:,} of {clean(name)}' for name, number in rows.items())}" if rows else ""
    return f"Wrote {count(sum(rows.values()), 'change')} of your other wallets into this one{what}", ""


def _wallet_state(data: _Data) -> tuple[str, str]:
    if data.get("state") == "ok":
        return "The wallet database can be used", GOOD
    return f"The wallet database cannot be used: {_text(data, 'reason') or _text(data, 'state')}", ATTENTION


def _deletes_held(data: _Data) -> tuple[str, str]:
    rows = data.get("rows")
    where = "another wallet" if data.get("direction") == "in" else "this wallet"
    what = f"of {count(rows, 'row')} " if isinstance(rows, int) else ""
    return f"A mass delete {what}on {where} is held, and waits for you", ATTENTION


def _deletes_decided(data: _Data) -> tuple[str, str]:
    return f"The mass delete {_text(data, 'held')} was {_text(data, 'decision')}", ""


def _rotation_met(data: _Data) -> tuple[str, str]:
    return f"{_text(data, 'server')} holds a note of a roll-over to new keys: {_text(data, 'message')}", ATTENTION


def _rotation_turned(words: str) -> Callable[[_Data], tuple[str, str]]:
    return lambda data: (words.format(_text(data, "code")), GOOD)


def _reloaded(data: _Data) -> tuple[str, str]:
    restart = data.get("restart")
    later = [clean(str(name)) for name in restart] if isinstance(restart, list) else []
    return f"Read the configuration anew{f'; {listed(later)} from the next start on' if later else ''}", ""


def _paused(data: _Data) -> tuple[str, str]:
    if not data.get("paused"):
        return "Syncing goes on", GOOD
    until = _text(data, "until")
    return f"Syncing rests{f' until {until}' if until else ''}", ATTENTION


def _about_server(words: str, style: str = "") -> Callable[[_Data], tuple[str, str]]:
    return lambda data: (words.format(_text(data, "server")), style)


_SILENT = {"sync.started", "sync.progress", "server.state"}
_WORDED_BY_EVENT: Mapping[str, Callable[[_Data], tuple[str, str]]] = {
    "sync.ended": _sync_ended,
    "server.enrolled": _about_server("Took up {}"),
    "server.readdressed": _about_server("Reach a server at {} from now on"),
    "server.left": _about_server("Left {}"),
    "server.left_moved": _about_server("Nothing is left to be taken out of the account at {}, which has moved"),
    "circle.left": lambda data: ("Left the circle", ATTENTION),
    "server.stale": _about_server("The last success with {} lies long ago", ATTENTION),
    "server.nearly_full": _nearly_full,
    "server.went_back": _about_server("{} was put back to an old copy; what is here is put there again", ATTENTION),
    "wallet.applied": _wallet_applied,
    "wallet.state": _wallet_state,
    "wallet.copied": _about_server("Another device is this very wallet; {} shows it", ATTENTION),
    "deletes.held": _deletes_held,
    "deletes.decided": _deletes_decided,
    "config.reloaded": _reloaded,
    "config.kept": lambda data: (f"The new configuration cannot be used: {_text(data, 'message')}", ATTENTION),
    "daemon.paused": _paused,
    "rotation.met": _rotation_met,
    "rotation.made": _rotation_turned("The circle was rolled over to new keys from here, code {}"),
    "rotation.followed": _rotation_turned("This wallet followed the roll-over to new keys, code {}"),
    "rotation.arrived": _rotation_turned("One more wallet followed the roll-over, code {}"),
    "rotation.done": _rotation_turned("All wallets kept have followed the roll-over, code {}"),
    "rotation.noted": _about_server("The account left at {} leads to the new one"),
    "rotation.restored": _about_server("Somebody overwrote the note at {}; it was put back", ATTENTION),
}
