"""Answers as a daemon gives them, for the tests of the command line."""

from datetime import UTC, datetime, timedelta

from ipc.base32 import encode
from ipc.cli.invitation import PREFIX
from ipc.messages import HistoryEntry, InviteResult, SyncResult
from ipc.state import CircleWallet, Held, PaymentDue, ServerStatus, SetStatus, Status, SyncError, WalletStatus

FOLDER = "file:///media/backup/walletsync/"
LONG_URL = "https://sync.a-rather-long-name-for-a-sync-server.example.org/with/a/path/that/goes/on/and/on/for/long/"
# Of a root secret of zeros: worth nothing.
INVITATION = PREFIX + encode(
    b'{"root":"' + b"0" * 52 + b'","servers":[{"id":"folder-id","url":"file:///media/backup/walletsync/"}]}'
)
SEALED_INVITATION = PREFIX + encode(b'{"argon2id":{"memory":65536},"box":"00"}')


def ago(**distance: float) -> str:
    """Return the time so long ago, as the protocol writes it."""
    return (datetime.now(UTC) - timedelta(**distance)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def server(url: str = FOLDER, **changes: object) -> ServerStatus:
    """Return a server that is in step, but for the changes."""
    values: dict[str, object] = {
        "url": url,
        "state": "idle",
        "last_success": ago(minutes=3, seconds=5),
        "next_try": ago(minutes=-12, seconds=-5),
        "next_reason": "schedule",
        "sealed_bytes": 1_234_567,
        "limit_bytes": None,
        "error": None,
        "payment": None,
    }
    return ServerStatus(**(values | changes))


def wallet(**changes: object) -> WalletStatus:
    """Return what is known of a wallet that can be worked on, but for the changes."""
    values: dict[str, object] = {
        "id": "0" * 52,
        "former_ids": [],
        "nickname": "phone",
        "shown_as": "phone#1",
        "path": "/home/someone/.local/share/wallet/wallet.sqlite",
        "profile": "taler",
        "state": "ok",
        "reason": None,
        "capture": "triggers",
    }
    return WalletStatus(**(values | changes))


def circle() -> list[CircleWallet]:
    """Return a circle of two wallets, one of them silent for long."""
    return [
        CircleWallet(
            id="0" * 52,
            shown_as="phone#1",
            me=True,
            last_seen={FOLDER: ago(minutes=3, seconds=5)},
            holds_up=0,
            silent_days=0,
        ),
        CircleWallet(
            id="1" * 52,
            shown_as="phone#2",
            me=False,
            last_seen={FOLDER: ago(days=41, hours=1), LONG_URL: ago(days=40, hours=1)},
            holds_up=1234,
            silent_days=40,
        ),
    ]


def status(**changes: object) -> Status:
    """Return the status of a wallet that is in step, but for the changes."""
    values: dict[str, object] = {
        "api": 1,
        "version": "0.1.0",
        "pid": 4711,
        "wallet": wallet(),
        "servers": [server()],
        "wallets": circle(),
        "sets": {
            "coins": SetStatus(live=1200, tombstones=30, unapplied=0),
            "tips": SetStatus(live=0, tombstones=0, unapplied=0),
        },
        "held": [],
    }
    return Status(**(values | changes))


def troubled_status() -> Status:
    """Return a status with every kind of trouble in it."""
    error = SyncError(kind="unreachable", message="connection refused", since=ago(hours=2, seconds=5))
    due = PaymentDue(uri="taler://pay/sync.example/123/", amount="KUDOS:0.1")
    return status(
        wallet=wallet(state="locked", reason="another program holds the lock for 3 minutes"),
        servers=[
            server(state="unreachable", error=error, last_success=None),
            server(LONG_URL, state="payment_required", payment=due, next_try=None, next_reason=None, sealed_bytes=0),
        ],
        sets={"coins": SetStatus(live=1200, tombstones=30, unapplied=27)},
        held=[Held(id="H1", direction="in", sets={"coins": 25}, since=ago(minutes=10, seconds=5))],
    )


def entry(number: int, at: str, sync_id: str = "s1", key: str = '["T1"]', set_name: str = "tips") -> HistoryEntry:
    """Return a deleted value as history lists it."""
    return HistoryEntry(id=number, at=at, sync_id=sync_id, cause="merge", set=set_name, key=key)


def sync_result(*urls: str) -> SyncResult:
    """Return the answer to a sync with these servers."""
    return SyncResult(sync_id="s1", servers=list(urls))


def ended(
    url: str, outcome: str = "ok", message: str | None = None, sync_id: str = "s1"
) -> tuple[str, dict[str, object]]:
    """Return the event that a sync has ended with a server."""
    return "sync.ended", {"sync_id": sync_id, "server": url, "outcome": outcome, "message": message, "stored": True}


def invite_result(uri: str = INVITATION, *, sealed: bool = False) -> InviteResult:
    """Return an invitation, by default one that is worth nothing."""
    return InviteResult(api=1, uri=uri, sealed=sealed, servers=[FOLDER])
