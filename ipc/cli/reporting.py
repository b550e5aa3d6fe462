"""The parts of a report of a fault: what is told of settings, status and log, each from a list of what may be told.

Nothing that a wallet holds is in it, no key, no nickname, no address of a server and no path: of servers the kind and
the state, of sets the counts, of log lines the names of events with their numbers.
"""

import json
import socket
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from config.model import Settings, WalletSettings
from config.profile import shipped_profiles
from ipc.cli.redacting import redacted
from ipc.cli.selfcheck import Finding
from ipc.state import ServerStatus, Status

_TOLD_OF_A_LOG_LINE = frozenset(
    {
        "at",
        "level",
        "event",
        "kind",
        "state",
        "previous",
        "outcome",
        "reason",
        "attempt",
        "captured",
        "taken",
        "removed",
        "stored",
        "elements",
        "rows",
        "inserts",
        "deletes",
        "tombstones",
        "exit_code",
        "repeated",
        "retry_in",
        "seconds",
        "sealed_bytes",
        "set_name",
        "where",
        "library",
        "method",
        "version",
    }
)
_TOLD_SECTIONS = ("sync", "limits", "keep", "guard", "log")


def names_of(status: Status | None, settings: Settings | None) -> list[str]:
    """Return the names that must not be told: of this machine, and of the wallets."""
    wallets = [] if status is None else [wallet.shown_as for wallet in status.wallets]
    nicknames = [name for shown in wallets for name in (shown, shown.split("#", 1)[0])]
    own = [] if settings is None else [settings.wallet.nickname]
    return [socket.gethostname(), *nicknames, *own]


def finding_lines(findings: Iterable[Finding], names: list[str]) -> Iterator[str]:
    """Tell what the self-check found."""
    for finding in findings:
        yield f"{finding.verdict:8}{finding.about}: {redacted(finding.message, names)}"


def setting_lines(settings: Settings) -> Iterator[str]:
    """Tell the settings that are not the defaults."""
    defaults = Settings(wallet=settings.wallet)
    for section in _TOLD_SECTIONS:
        held, default = getattr(settings, section), getattr(defaults, section)
        for name in held.__struct_fields__:
            if getattr(held, name) != getattr(default, name):
                yield f"{section}.{name} = {getattr(held, name)}"
    yield from _wallet_lines(settings.wallet)
    yield f"network.proxy is {'set' if settings.network.proxy else 'not set'}"


def _wallet_lines(wallet: WalletSettings) -> Iterator[str]:
    shipped = wallet.profile in shipped_profiles()
    yield f"wallet.profile = {wallet.profile if shipped else 'a file of their own'}"
    yield f"wallet.capture = {wallet.capture}"
    if wallet.optional_sets and shipped:
        yield f"wallet.optional_sets = {', '.join(wallet.optional_sets)}"


def status_lines(status: Status, names: list[str]) -> Iterator[str]:
    """Tell how it stands with wallet, servers and sets."""
    yield f"wallet: {status.wallet.state}{_because(status.wallet.reason, names)}"
    for number, server in enumerate(status.servers, start=1):
        yield f"server {number} ({server.url.partition(':')[0]}): {_server(server, names)}"
    yield f"wallets: {len(status.wallets)}, silent days {[wallet.silent_days for wallet in status.wallets]}"
    for name, held in status.sets.items():
        if held.live or held.tombstones or held.unapplied:
            yield f"set {name}: {held.live} live, {held.tombstones} tombstones, {held.unapplied} unapplied"
    yield f"held: {[(held.direction, held.sets) for held in status.held]}"


def _server(server: ServerStatus, names: list[str]) -> str:
    error = "" if server.error is None else f", since {server.error.since}{_because(server.error.message, names)}"
    times = f"last success {server.last_success}, next try {server.next_try} ({server.next_reason})"
    return f"{server.state}, {times}, {server.sealed_bytes} bytes{error}"


def _because(reason: str | None, names: list[str]) -> str:
    return f": {redacted(reason, names)}" if reason else ""


def log_lines(lines: Iterable[str], names: list[str]) -> Iterator[str]:
    """Tell of each line of the log what may be told; of tracebacks the places in the program."""
    for line in lines:
        try:
            members = msgspec.json.decode(line, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeError):
            continue
        told = {name: value for name, value in members.items() if name in _TOLD_OF_A_LOG_LINE}
        yield redacted(json.dumps(told), names)
        yield from _places(members, names)


def _places(members: Mapping[str, object], names: list[str]) -> Iterator[str]:
    for line in str(members.get("exception", "")).splitlines():
        if (place := line.strip()).startswith("File "):
            where, _, function = place.rpartition(", in ")
            file, _, number = where.rpartition(", line ")
            yield f"    {file.rstrip(chr(34)).rpartition('/')[2]} line {number}, in {redacted(function, names)}"
