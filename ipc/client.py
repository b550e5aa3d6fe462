"""A frontend's end of the sockets, on trio: calls, and the stream of events.

    async with Client(control, events) as client:
        print((await client.status()).wallet.shown_as)
        async with client.events() as stream:
            await client.sync()
            async for event in stream: ...

Each call draws a random id, by which the daemon knows a request that reaches it twice. A client has no more calls
running than the daemon takes from one connection; further ones wait their turn.

What a call raises: ``NotRunning``, ``NoAnswer``, ``Refused``, ``BadAnswer``, see ``errors``. A call that was cancelled
or got no answer may have been carried out.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeVar

import msgspec
import trio

from ipc import codec, frame, messages, state
from ipc.defaults import LONG_TIMEOUT, TIMEOUT, random_id
from ipc.errors import NoAnswer
from ipc.nng import RequestSocket
from ipc.subscription import EventStream

S = TypeVar("S", bound=msgspec.Struct)


class Client:
    """Calls to the daemon that listens at the socket paths ``control`` and ``events``, inside ``async with``."""

    def __init__(
        self, control: Path, events: Path, *, timeout: float = TIMEOUT, new_id: Callable[[], str] = random_id
    ) -> None:
        self._control = control
        self._events = events
        self._timeout = timeout
        self._new_id = new_id
        self._turns = trio.CapacityLimiter(frame.CALLS_PER_CONNECTION)
        self._open = ExitStack()
        self._socket: RequestSocket | None = None

    async def __aenter__(self) -> Self:
        """Connect. Raises ``NotRunning``."""
        self._socket = self._open.enter_context(RequestSocket(self._control))
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._open.close()

    async def call(
        self, method: str, params: msgspec.Struct, result_type: type[S], *, timeout: float | None = None
    ) -> S:
        """Call a method, and return its result. ``timeout`` is in seconds, and includes the wait for a turn."""
        assert self._socket is not None, "a client works inside its async with"
        timeout = self._timeout if timeout is None else timeout
        request_id = self._new_id()
        request = codec.encode_request(request_id, method, params)
        with trio.move_on_after(timeout):
            async with self._turns:
                answer = await self._socket.exchange(request)
            return codec.decode_reply(answer, request_id, result_type)
        raise NoAnswer(f"the daemon did not answer {method} within {timeout:g} s")

    def events(self) -> EventStream:
        """Return the stream of events. It ends with the client, if it is not closed before."""
        stream = EventStream(self._events, self.events_since, self._timeout)
        self._open.callback(stream.close)
        return stream

    async def hello(self) -> messages.HelloResult:
        """Agree on the version of the protocol, and learn who answers."""
        params = messages.HelloParams(api=[frame.API_VERSION])
        return await self.call("hello", params, messages.HelloResult)

    async def events_since(self, seq: int) -> messages.EventsSinceResult:
        """Ask for the events of the present run after ``seq``."""
        return await self.call("events_since", messages.EventsSinceParams(seq=seq), messages.EventsSinceResult)

    async def status(self) -> state.Status:
        """Ask for the whole state of the daemon."""
        return await self.call("status", messages.NoParams(), state.Status)

    async def sync(
        self, server: str | None = None, reason: state.SyncReason = "user", *, new_order: bool = False
    ) -> messages.SyncResult:
        """Start a sync with the server whose URL holds this text, or with all. Does not wait for its end.

        With ``new_order`` a server that waits for a payment makes a new order, since the one before cannot be paid.
        """
        params = messages.SyncParams(server=server, reason=reason, new_order=new_order)
        return await self.call("sync", params, messages.SyncResult)

    async def pause(self, seconds: float | None = None) -> messages.PauseResult:
        """Let all syncing rest, for this many seconds or until it is resumed."""
        return await self.call("pause", messages.PauseParams(seconds=seconds), messages.PauseResult)

    async def resume(self) -> messages.PauseResult:
        """Let syncing go on."""
        return await self.call("resume", messages.NoParams(), messages.PauseResult)

    async def watch(self) -> messages.WatchResult:
        """Say that somebody looks: servers are asked more often for a while."""
        return await self.call("watch", messages.NoParams(), messages.WatchResult)

    async def enroll(self, url: str, identity: str | None = None) -> messages.EnrollResult:
        """Take up a server."""
        params = messages.EnrollParams(url=url, identity=identity)
        return await self.call("enroll", params, messages.EnrollResult, timeout=LONG_TIMEOUT)

    async def invite(self, passphrase: str | None = None) -> messages.InviteResult:
        """Make an invitation to this circle. It is a secret, unless it is sealed with a passphrase."""
        return await self.call("invite", messages.InviteParams(passphrase=passphrase), messages.InviteResult)

    async def join(self, uri: str, passphrase: str | None = None) -> messages.JoinResult:
        """Join the circle that this invitation is for."""
        params = messages.JoinParams(uri=uri, passphrase=passphrase)
        return await self.call("join", params, messages.JoinResult, timeout=LONG_TIMEOUT)

    async def seal(self, passphrase: str | None) -> messages.SealResult:
        """Seal this wallet's keys where they lie with a passphrase, or keep them unsealed."""
        params = messages.SealParams(passphrase=passphrase)
        return await self.call("seal", params, messages.SealResult)

    async def wallets(self) -> messages.WalletsResult:
        """Ask for the wallets of the circle."""
        return await self.call("wallets", messages.NoParams(), messages.WalletsResult)

    async def leave(self, server: str, *, erase: bool = False) -> messages.LeaveResult:
        """Sync no longer with the server whose URL holds this text; with ``erase``, empty the account there too."""
        params = messages.LeaveParams(server=server, erase=erase)
        return await self.call("leave", params, messages.LeaveResult, timeout=LONG_TIMEOUT)

    async def leave_circle(self) -> messages.LeaveCircleResult:
        """Leave the circle: all its servers, and its keys are forgotten. What the wallet holds is kept."""
        return await self.call("leave_circle", messages.NoParams(), messages.LeaveCircleResult, timeout=LONG_TIMEOUT)

    async def rename(self, nickname: str) -> messages.WalletsResult:
        """Give this wallet another nickname."""
        return await self.call("rename", messages.RenameParams(nickname=nickname), messages.WalletsResult)

    async def forget(self, wallet: str) -> messages.WalletsResult:
        """Count no longer on the wallet of this name or id."""
        return await self.call("forget", messages.ForgetParams(wallet=wallet), messages.WalletsResult)

    async def rotate(self, keep: list[str], *, dry_run: bool = False) -> messages.RotateResult:
        """Roll the circle over to new keys, for this wallet and those named; with ``dry_run``, tell who that is."""
        params = messages.RotateParams(keep=keep, dry_run=dry_run)
        return await self.call("rotate", params, messages.RotateResult, timeout=LONG_TIMEOUT)

    async def approve(self, held: str, code: str | None = None) -> messages.HeldResult:
        """Carry out a mass delete that is held, or follow the roll-over that has this code."""
        params = messages.HeldParams(held=held, code=code)
        return await self.call("approve", params, messages.HeldResult, timeout=LONG_TIMEOUT)

    async def reject(self, held: str) -> messages.HeldResult:
        """Undo a mass delete that is held, or do not follow a roll-over."""
        return await self.call("reject", messages.HeldParams(held=held), messages.HeldResult, timeout=LONG_TIMEOUT)

    async def explain(self, *, last: bool = False) -> messages.ExplainResult:
        """Ask what the next sync would say, or what the last merges changed here, and why."""
        return await self.call("explain", messages.ExplainParams(last=last), messages.ExplainResult)

    async def history(self, limit: int = 100) -> messages.HistoryResult:
        """Ask for deleted values that can be had back, the newest first."""
        return await self.call("history", messages.HistoryParams(limit=limit), messages.HistoryResult)

    async def history_show(self, entry: int) -> messages.HistoryShowResult:
        """Ask for one deleted value, by its id. It may hold secrets of the wallet."""
        return await self.call("history_show", messages.HistoryShowParams(id=entry), messages.HistoryShowResult)

    async def restore(
        self, ids: list[int] | None = None, *, sync_id: str | None = None, before: frame.Time | None = None
    ) -> messages.RestoreResult:
        """Bring back these entries, all of one sync, or all that was deleted since a time. Just one of them."""
        params = messages.RestoreParams(ids=ids, sync_id=sync_id, before=before)
        return await self.call("restore", params, messages.RestoreResult, timeout=LONG_TIMEOUT)

    async def restore_blob(self, day: str, *, changed: bool = False) -> messages.RestoreBlobResult:
        """Have the whole state of this day back; with ``changed`` also what it holds with another value."""
        params = messages.RestoreBlobParams(day=day, changed=changed)
        return await self.call("restore_blob", params, messages.RestoreBlobResult, timeout=LONG_TIMEOUT)

    async def detach(self) -> messages.DetachResult:
        """Take all that walletsync added out of the wallet's database. The daemon ends after its answer."""
        return await self.call("detach", messages.NoParams(), messages.DetachResult, timeout=LONG_TIMEOUT)
