"""Writes docs/logs.md from the happenings: ``python -m daemon.logs.document > docs/logs.md``."""

import inspect
import sys

from daemon.logs import belonging, keeping, rotating, running, syncing
from daemon.logs.happening import Happening, Level, field_names, happening_by_event

HEAD = """\
# Logs

The daemon writes one line per happening to standard error: JSON where the journal or a file takes it, columns where a
person reads it at a terminal. This page is made from the code by `python -m daemon.logs.document`; a test compares.

    {"at": "2026-01-31T08:15:00.000Z", "level": "info", "event": "sync.ended", "sync_id": "...", ...}

Every line has `at` (UTC), `level` and `event`, then the fields of its event, and `exception` (a traceback) after a
fault. A field without a value is left out. The names of events and fields stay; new ones may be added. All lines of
one sync have the same `sync_id`.

    journalctl --user -u walletsyncd -o cat                            the lines as they are
    journalctl --user -u walletsyncd -p warning                        what a person should know of
    journalctl --user -u walletsyncd WALLETSYNC_SERVER=file:///x/      the lines of one server
    journalctl --user -u walletsyncd WALLETSYNC_SYNC_ID=...            the lines of one sync
    journalctl --user -u walletsyncd WALLETSYNC_EVENT=sync.failed      one kind of happening

In the journal each field is a field of the entry too, named WALLETSYNC_ and its name in capitals.

## What is never in a log

No key, no passphrase, no invitation, no payment URI, and nothing of what the wallet holds: of entities only the name
of their set and counts. A traceback shows places in the program, no variables, and an exception's message only where
such messages are known to quote no data; for others it says that the message is withheld. Wallet ids and nicknames,
servers' URLs and paths on this device do appear.

## Levels

| level | meaning |
|---|---|
"""

MEANING_BY_LEVEL = {
    Level.DEBUG: "for whoever looks for a fault; off by default",
    Level.INFO: "worth knowing; a healthy day has a handful of such lines",
    Level.WARNING: "the daemon goes on, but a person should know",
    Level.ERROR: "something does not work until a person acts",
    Level.CRITICAL: "the daemon ends",
}

TITLE_BY_MODULE = {
    running.__name__: "The daemon",
    belonging.__name__: "Keys, circle and enrolment",
    keeping.__name__: "The wallet",
    syncing.__name__: "Syncs and servers",
    rotating.__name__: "Roll-overs of the circle's keys",
}

MEANING_BY_FIELD = {
    "attempt": "how often this sync has met a conflict, this one included",
    "captured": "operations of this wallet since the last sync with this server",
    "changed": "the settings that are others now",
    "code": "the code of the roll-over, by which people compare what two devices show",
    "decision": "`approved` or `rejected`",
    "deletes": "entities that the wallet deleted",
    "direction": "`in`: a merge deleted them; `out`: this wallet did",
    "elements": "how many elements",
    "erase": "whether the account was to be emptied",
    "exit_code": "the exit code of the daemon",
    "first": "whether it is the first that ended well with this server",
    "former": "the address before",
    "former_writer": "the writer id that two copies shared",
    "found": "what lay in the note's place",
    "held": "the id of what was held, as in `walletsync status`",
    "home": "the folder that this daemon works in: its own, or that of the configuration",
    "inserts": "entities that the wallet inserted or changed",
    "kept": "how many wallets are kept",
    "kind": "why the sync failed, in one word; the server's state in `walletsync status`",
    "largest_known": "the largest Lamport time that is trusted",
    "left_out": "how many wallets are left out",
    "library": "the library's own name for its log",
    "limit_bytes": "the largest sealed blob that the server takes",
    "message": "one sentence for a person",
    "method": "the method that was called",
    "nickname": "this wallet's nickname",
    "outcome": "`fetched`, `unchanged` or `no_blob`",
    "path": "the file concerned",
    "pid": "the caller's process",
    "previous": "the state before this sync, as in `walletsync status`",
    "profile": "the profile's name",
    "reason": "of a sync: `user`, `schedule`, `change`, `startup`, `resume` or `retry`; of an end: what asked for it",
    "removed": "entities that the join deleted here",
    "repeated": "whether this was said before",
    "restart": "the settings that hold only after a restart of the daemon",
    "retry_in": "seconds until the next try; left out where none is planned",
    "rows": "rows concerned",
    "sealed": "whether they are sealed now",
    "sealed_bytes": "the size of the sealed blob in bytes",
    "seconds": "how long it took; of `daemon.ready`: since the start",
    "server": "the server's URL",
    "servers": "how many servers",
    "set_name": "the set concerned",
    "signer": "the id of the wallet that made the roll-over",
    "since": "when it last succeeded, or else since when it fails",
    "state": "the state of the server or of the wallet database, as in `walletsync status`",
    "stored": "whether something was uploaded",
    "sync_id": "the sync that this belongs to",
    "taken": "entities that the join inserted or changed here",
    "time": "a Lamport time",
    "tombstones": "how many tombstones were dropped",
    "uid": "the caller's user",
    "until": "the time when it ends; left out where nobody said when",
    "verdict": "what a note is worth; docs/ipc.md lists the verdicts",
    "version": "the version of walletsync",
    "wallet": "the wallet's id",
    "wallet_id": "this wallet's id",
    "where": "where the exception came to light",
    "writer": "a writer id: one run of one wallet's daemon",
}


def render() -> str:
    """Return the text of docs/logs.md."""
    parts = [HEAD, *(f"| {level.word} | {meaning} |\n" for level, meaning in MEANING_BY_LEVEL.items())]
    for module, title in TITLE_BY_MODULE.items():
        parts.append(f"\n## {title}\n\n| event | level | what happened | fields |\n|---|---|---|---|\n")
        parts += [_row(kind) for kind in happening_by_event.values() if kind.__module__ == module]
    parts.append("\n## Fields\n\nDurations are in seconds.\n\n| field | meaning |\n|---|---|\n")
    parts += [f"| `{field}` | {meaning} |\n" for field, meaning in MEANING_BY_FIELD.items()]
    return "".join(parts)


def _row(kind: type[Happening]) -> str:
    level = kind.usual_level.word
    if kind.routine_when:
        level += f"; debug when {kind.routine_when}"
    fields = ", ".join(f"`{name}`" for name in field_names(kind))
    return f"| `{kind.event}` | {level} | {sentence_of(kind)} | {fields} |\n"


def sentence_of(kind: type[Happening]) -> str:
    """Return the first sentence of the happening's docstring, which says what happened."""
    return inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(render())
