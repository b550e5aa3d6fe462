"""A frontend's end of the sockets for scripts: the calls of ``client.Client``, without an event loop.

    with BlockingClient(control) as client:
        print(client.status().wallet.shown_as)

One call at a time, from one thread. What a call raises is the same as with ``Client``. Events need ``Client``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from ipc import codec, frame, messages, state
from ipc.defaults import LONG_TIMEOUT, TIMEOUT, random_id
from ipc.nng import RequestSocket

S = TypeVar("S", bound=msgspec.Struct)


class BlockingClient:
    """Calls to the daemon that listens at the socket path ``control``, inside ``with``."""

    def __init__(self, control: Path, *, timeout: float = TIMEOUT, new_id: Callable[[], str] = random_id) -> None:
        self._control = control
        self._timeout = timeout
        self._new_id = new_id
        self._socket: RequestSocket | None = None

    def __enter__(self) -> Self:
        """Connect. Raises ``NotRunning``."""
        self._socket = RequestSocket(self._control)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def call(self, method: str, params: msgspec.Struct, result_type: type[S], *, timeout: float | None = None) -> S:
        """Call a method, and return its result. ``timeout`` is in seconds."""
        assert self._socket is not None, "a client works inside its with"
        timeout = self._timeout if timeout is None else timeout
        request_id = self._new_id()
        answer = self._socket.exchange_blocking(codec.encode_request(request_id, method, params), timeout)
        return codec.decode_reply(answer, request_id, result_type)

    def hello(self) -> messages.HelloResult:
        """Agree on the version of the protocol, and learn who answers."""
        params = messages.HelloParams(api=[frame.API_VERSION])
        return self.call("hello", params, messages.HelloResult)

    def events_since(self, seq: int) -> messages.EventsSinceResult:
        """Ask for the events of the present run after ``seq``."""
        return self.call("events_since", messages.EventsSinceParams(seq=seq), messages.EventsSinceResult)

    def status(self) -> state.Status:
        """Ask for the whole state of the daemon."""
        return self.call("status", messages.NoParams(), state.Status)

    def sync(
        self, server: str | None = None, reason: state.SyncReason = "user", *, new_order: bool = False
    ) -> messages.SyncResult:
        """Start a sync with the server whose URL holds this text, or with all. Does not wait for its end.

        With ``new_order`` a server that waits for a payment makes a new order, since the one before cannot be paid.
        """
        params = messages.SyncParams(server=server, reason=reason, new_order=new_order)
        return self.call("sync", params, messages.SyncResult)

    def pause(self, seconds: float | None = None) -> messages.PauseResult:
        """Let all syncing rest, for this many seconds or until it is resumed."""
        return self.call("pause", messages.PauseParams(seconds=seconds), messages.PauseResult)

    def resume(self) -> messages.PauseResult:
        """Let syncing go on."""
        return self.call("resume", messages.NoParams(), messages.PauseResult)

    def watch(self) -> messages.WatchResult:
        """Say that somebody looks: servers are asked more often for a while."""
        return self.call("watch", messages.NoParams(), messages.WatchResult)

    def enroll(self, url: str, identity: str | None = None) -> messages.EnrollResult:
        """Take up a server."""
        params = messages.EnrollParams(url=url, identity=identity)
        return self.call("enroll", params, messages.EnrollResult, timeout=LONG_TIMEOUT)

    def invite(self, passphrase: str | None = None) -> messages.InviteResult:
        """Make an invitation to this circle. It is a secret, unless it is sealed with a passphrase."""
        return self.call("invite", messages.InviteParams(passphrase=passphrase), messages.InviteResult)

    def join(self, uri: str, passphrase: str | None = None) -> messages.JoinResult:
        """Join the circle that this invitation is for."""
        params = messages.JoinParams(uri=uri, passphrase=passphrase)
        return self.call("join", params, messages.JoinResult, timeout=LONG_TIMEOUT)

    def seal(self, passphrase: str | None) -> messages.SealResult:
        """Seal this wallet's keys where they lie with a passphrase, or keep them unsealed."""
        params = messages.SealParams(passphrase=passphrase)
        return self.call("seal", params, messages.SealResult)

    def wallets(self) -> messages.WalletsResult:
        """Ask for the wallets of the circle."""
        return self.call("wallets", messages.NoParams(), messages.WalletsResult)

    def leave(self, server: str, *, erase: bool = False) -> messages.LeaveResult:
        """Sync no longer with the server whose URL holds this text; with ``erase``, empty the account there too."""
        params = messages.LeaveParams(server=server, erase=erase)
        return self.call("leave", params, messages.LeaveResult, timeout=LONG_TIMEOUT)

    def leave_circle(self) -> messages.LeaveCircleResult:
        """Leave the circle: all its servers, and its keys are forgotten. What the wallet holds is kept."""
        return self.call("leave_circle", messages.NoParams(), messages.LeaveCircleResult, timeout=LONG_TIMEOUT)

    def rename(self, nickname: str) -> messages.WalletsResult:
        """Give this wallet another nickname."""
        return self.call("rename", messages.RenameParams(nickname=nickname), messages.WalletsResult)

    def forget(self, wallet: str) -> messages.WalletsResult:
        """Count no longer on the wallet of this name or id."""
        return self.call("forget", messages.ForgetParams(wallet=wallet), messages.WalletsResult)

    def rotate(self, keep: list[str], *, dry_run: bool = False) -> messages.RotateResult:
        """Roll the circle over to new keys, for this wallet and those named; with ``dry_run``, tell who that is."""
        params = messages.RotateParams(keep=keep, dry_run=dry_run)
        return self.call("rotate", params, messages.RotateResult, timeout=LONG_TIMEOUT)

    def approve(self, held: str, code: str | None = None) -> messages.HeldResult:
        """Carry out a mass delete that is held, or follow the roll-over that has this code."""
        params = messages.HeldParams(held=held, code=code)
        return self.call("approve", params, messages.HeldResult, timeout=LONG_TIMEOUT)

    def reject(self, held: str) -> messages.HeldResult:
        """Undo a mass delete that is held, or do not follow a roll-over."""
        return self.call("reject", messages.HeldParams(held=held), messages.HeldResult, timeout=LONG_TIMEOUT)

    def explain(self, *, last: bool = False) -> messages.ExplainResult:
        """Ask what the next sync would say, or what the last merges changed here, and why."""
        return self.call("explain", messages.ExplainParams(last=last), messages.ExplainResult)

    def history(self, limit: int = 100) -> messages.HistoryResult:
        """Ask for deleted values that can be had back, the newest first."""
        return self.call("history", messages.HistoryParams(limit=limit), messages.HistoryResult)

    def history_show(self, entry: int) -> messages.HistoryShowResult:
        """Ask for one deleted value, by its id. It may hold secrets of the wallet."""
        return self.call("history_show", messages.HistoryShowParams(id=entry), messages.HistoryShowResult)

    def restore(
        self, ids: list[int] | None = None, *, sync_id: str | None = None, before: frame.Time | None = None
    ) -> messages.RestoreResult:
        """Bring back these entries, all of one sync, or all that was deleted since a time. Just one of them."""
        params = messages.RestoreParams(ids=ids, sync_id=sync_id, before=before)
        return self.call("restore", params, messages.RestoreResult, timeout=LONG_TIMEOUT)

    def restore_blob(self, day: str, *, changed: bool = False) -> messages.RestoreBlobResult:
        """Have the whole state of this day back; with ``changed`` also what it holds with another value."""
        params = messages.RestoreBlobParams(day=day, changed=changed)
        return self.call("restore_blob", params, messages.RestoreBlobResult, timeout=LONG_TIMEOUT)

    def detach(self) -> messages.DetachResult:
        """Take all that walletsync added out of the wallet's database. The daemon ends after its answer."""
        return self.call("detach", messages.NoParams(), messages.DetachResult, timeout=LONG_TIMEOUT)
