"""Asks every enrolled server how it is, without storing anything there."""

from collections.abc import Sequence

import trio

from config.model import NetworkSettings
from daemon.doctor.finding import Finding
from daemon.server.base import Failure, FailureKind
from daemon.server.kinds import ServerKinds
from daemon.server.urls import UrlError, parse_server_url
from daemon.state.servers import ServerRecord
from daemon.surroundings import real_surroundings
from daemon.times import rfc3339

PATIENCE = 20.0
"""Seconds that a server has to answer."""

_ADVICE_BY_KIND = {
    FailureKind.UNREACHABLE: "Check the network, or whether its disk is mounted; it is tried again by itself.",
    FailureKind.BUSY: "Nothing: it is tried again by itself.",
    FailureKind.REFUSED: "Read what it says; its operator, or this user's permissions there, may have to change.",
    FailureKind.GONE: "If it is gone for good: walletsync leave SERVER",
    FailureKind.PAYMENT_REQUIRED: "Pay, as `walletsync status` shows.",
    FailureKind.TOO_LARGE: "Make room there, or enroll another server.",
    FailureKind.UNREADABLE: "See `walletsync status`; nothing is uploaded over it.",
}


async def server_findings(records: Sequence[ServerRecord], network: NetworkSettings) -> list[Finding]:
    """Ask all servers at once. Cancelled, nothing was changed."""
    kinds = ServerKinds(real_surroundings(), network)
    finding_by_url: dict[str, Finding] = {}

    async def ask(record: ServerRecord) -> None:
        finding_by_url[record.url] = await _finding(record, kinds)

    async with trio.open_nursery() as nursery:
        for record in records:
            nursery.start_soon(ask, record)
    return [finding_by_url[record.url] for record in records]


async def _finding(record: ServerRecord, kinds: ServerKinds) -> Finding:
    last = f"last success {rfc3339(record.last_success)}" if record.last_success else "no success yet"
    try:
        address = parse_server_url(record.url)
    except UrlError as error:
        return Finding("server", "bad", f"{record.url}: {error}", "Leave it, and enroll it anew.")
    with trio.move_on_after(PATIENCE):
        async with kinds.opened(address, record.identity, dict(record.memory)) as server:
            answer = await server.describe()
        if isinstance(answer, Failure):
            return Finding("server", "bad", f"{record.url}: {answer.message}; {last}", _ADVICE_BY_KIND[answer.kind])
        if record.trouble is not None:
            message = f"{record.url} answers now, but the last sync failed: {record.trouble.message}; {last}"
            return Finding("server", "warning", message, _ADVICE_BY_KIND[record.trouble.kind])
        return Finding("server", "ok", f"{record.url} answers; {last}")
    message = f"{record.url} gave no answer within {PATIENCE:.0f} s; {last}"
    return Finding("server", "bad", message, _ADVICE_BY_KIND[FailureKind.UNREACHABLE])
