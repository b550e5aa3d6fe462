"""What the double of the GNU Taler sync server does: its order of checks, both dialects, its bugs, faults on demand.

``TalerDouble`` is the server without any I/O; ``support.taler_double`` puts it behind sockets or an httpx client.

A request is answered in two steps, as the real server does it: ``begin`` judges the header, and answers at once or
accepts the body; ``finish`` takes the body. Two uploads that both were accepted before either finished meet the real
server's bug: the loser of two first uploads is told 304.
"""

import hashlib
import json
import struct
import zlib
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from support.taler_messages import Accepted, Account, Backup, Delivery, Request, Response

from ipc import base32

if TYPE_CHECKING:
    from collections.abc import Callable

ZEROS = bytes(64)
MEBIBYTE = 1 << 20
HTML_404 = b"<html><title>404: not found</title></html>"
HTML_PAGE = b"<html><body>Under maintenance</body></html>"
TEN_GIGABYTES = 10 * 1000**3


class TalerDouble:
    """The server. ``free`` makes accounts without asking for money; the other arguments are what ``/config`` says."""

    def __init__(
        self, *, quoted: bool = True, free: bool = True, megabytes: int | None = 16, fee: str = "KUDOS:0.1"
    ) -> None:
        self.quoted = quoted
        self.free = free
        self.megabytes = megabytes
        self.fee = fee
        self.name = "sync"
        self.version = "2:0:0"
        self.account_by_key: dict[bytes, Account] = {}
        self.requests: deque[Request] = deque(maxlen=100)
        # Faults that last until they are switched off.
        self.conditional_get_is_mended = False
        self.forged = False
        self.html = False
        self.announces_ten_gigabytes = False
        self.proxy_limit: int | None = None
        self.status: int | None = None
        self.status_headers: dict[str, str] = {}
        self.is_down = False
        # Faults of one request: the next of the method is delivered so.
        self.next_delivery_by_method: dict[str, Delivery] = {}
        # Runs once, between the header and the body of the next upload.
        self.before_body: Callable[[], None] | None = None
        self._orders = 0

    # What tests and operators do to it.

    def account(self, public_key: bytes) -> Account:
        """Return an account, which need not exist for the server."""
        return self.account_by_key.setdefault(public_key, Account())

    def open_account(self, public_key: bytes) -> None:
        """Make an account without a backup."""
        self.account(public_key).exists = True

    def pay(self, order: str) -> None:
        """Pay an order, as a wallet would."""
        for account in self.account_by_key.values():
            if order in account.paid_by_order:
                account.paid_by_order[order] = True
                return
        raise KeyError(order)

    def collect_garbage(self, public_key: bytes) -> None:
        """Delete an account and its backup, as ``sync-dbinit -g`` does once it expired."""
        self.account_by_key.pop(public_key)

    def lose_backup(self, public_key: bytes) -> None:
        """Delete a backup, but not its account."""
        self.account(public_key).backup = None

    def put_back(self, public_key: bytes, index: int) -> None:
        """Put an account back to an older backup, as an operator's restore does."""
        account = self.account(public_key)
        account.backup = account.history[index]

    def put(self, public_key: bytes, backup: Backup) -> None:
        """Store a backup behind everyone's back, well signed or not."""
        self.open_account(public_key)
        self._keep(public_key, backup)

    # Requests.

    def handle(self, request: Request, body: bytes = b"") -> Response:
        """Answer a whole request."""
        begun = self.begin(request)
        return self.finish(begun, body) if isinstance(begun, Accepted) else begun

    def begin(self, request: Request) -> Response | Accepted:
        """Judge a request's header."""
        self.requests.append(request)
        delivery = self.next_delivery_by_method.pop(request.method, Delivery.WHOLE)
        if delivery is Delivery.DROPPED:
            return Response(500, delivery=delivery)
        begun = self._begin(request)
        begun = replace(begun, delivery=delivery)
        if isinstance(begun, Response) and _json_is_wanted_small(request, begun):
            return replace(begun, header=begun.header | {"Content-Encoding": "deflate"}, body=zlib.compress(begun.body))
        return begun

    def _begin(self, request: Request) -> Response | Accepted:
        if self.status is not None:
            return Response(self.status, self.status_headers)
        if self.html:
            return Response(200, {"Content-Type": "text/html"}, HTML_PAGE)
        if request.method == "GET" and request.path == "/config":
            return self._config()
        if not request.path.startswith("/backups/") or request.method not in ("GET", "POST"):
            return Response(404, {"Content-Type": "text/html"}, HTML_404)
        text = request.path.removeprefix("/backups/")
        key = _decoded(text, 32)
        if key is None:
            return _error(400, 26, "malformed account key", text)
        return self._get(key, request) if request.method == "GET" else self._post(key, request)

    def _config(self) -> Response:
        config: dict[str, object] = {"name": self.name, "liability_limit": "KUDOS:0", "annual_fee": self.fee}
        if self.megabytes is not None:
            config["storage_limit_in_megabytes"] = self.megabytes
        config["version"] = self.version
        return Response(200, {"Content-Type": "application/json"}, json.dumps(config, indent=2).encode())

    def _get(self, key: bytes, request: Request) -> Response:
        condition = request.header.get("if-none-match")
        known = None
        if condition is not None and not self.quoted:
            known = _decoded(condition, 64)
            if known is None:
                return _error(400, 6101, "malformed If-None-Match")
        if condition is not None and self.quoted and self.conditional_get_is_mended:
            known = self._tagged(condition)
        account = self.account_by_key.get(key)
        if account is None or not account.exists:
            return _error(404, 6100, "account unknown")
        if account.backup is None:
            return Response(204)
        if known == account.backup.digest:
            return Response(304)
        return self._current(account.backup, 200)

    def _current(self, backup: Backup, status: int) -> Response:
        digest = base32.encode(backup.digest)
        signature = bytes(64) if self.forged else backup.signature
        return Response(
            status,
            {
                "ETag": f'"{digest}"' if self.quoted else digest,
                "Sync-Signature": base32.encode(signature),
                "Sync-Previous": base32.encode(backup.previous),
            },
            backup.body,
            length=TEN_GIGABYTES if self.announces_ten_gigabytes else None,
        )

    def _post(self, key: bytes, request: Request) -> Response | Accepted:
        """Steps 2 to 10 of the server's checks, in its order."""
        upload = self._upload(key, request.header)
        if isinstance(upload, Response):
            return upload
        account = self.account(key)
        account.exists = account.exists or self.free
        if not account.exists:
            return self._payment(account, request) or upload
        refused = self._refuse_state(account, upload)
        if refused is None and request.query.get("pay"):
            refused = self._payment(account, request)
        return refused or upload

    def _upload(self, key: bytes, header: dict[str, str]) -> Response | Accepted:
        refused = self._refuse_length(header.get("content-length"))
        if refused is not None:
            return refused
        old = ZEROS if "if-match" not in header else self._tagged(header["if-match"])
        if old is None:
            return _error(400, 6102, "malformed If-Match")
        signature = _decoded(header.get("sync-signature", ""), 64)
        if signature is None:
            return _error(400, 6103, "malformed Sync-Signature")
        new = self._tagged(header.get("if-none-match", ""))
        if new is None:
            return _error(400, 6101, "malformed If-None-Match")
        if not _is_signed(key, old, new, signature):
            return _error(403, 6104, "invalid signature")
        return Accepted(key, old, new, signature)

    def _refuse_length(self, text: str | None) -> Response | None:
        if text is None:
            return _error(400, 6105, "Content-Length missing")
        if not text.isdecimal():
            return Response(400, {"Content-Type": "text/html"}, b"<html>bad request</html>")
        if self.proxy_limit is not None and int(text) > self.proxy_limit:
            return Response(413, {"Content-Type": "text/html"}, b"<html>413 Request Entity Too Large</html>")
        if self.megabytes is not None and int(text) // MEBIBYTE >= self.megabytes:
            return _error(413, 6106, "too big")
        return None

    def _refuse_state(self, account: Account, upload: Accepted) -> Response | None:
        if account.backup is None:
            return _error(500, 56, "failed to fetch previous backup") if upload.old != ZEROS else None
        if account.backup.digest == upload.new:
            return Response(304)
        if account.backup.digest != upload.old:
            return self._current(account.backup, 409)
        return None

    def _payment(self, account: Account, request: Request) -> Response | None:
        """Ask for a payment; ``None`` once the newest order is paid."""
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        order = next(reversed(account.paid_by_order), None)
        if order is not None and account.paid_by_order[order] and "fresh" not in query:
            account.exists = True
            return None
        if order is None or "fresh" in query:
            self._orders += 1
            order = f"ORDER-{self._orders:04}"
            account.paid_by_order[order] = False
        return Response(402, {"Taler": f"taler://pay/merchant.example.org/{order}/"})

    def finish(self, upload: Accepted, body: bytes) -> Response:
        """Take an upload's body: steps 11 to 13."""
        if self.before_body is not None:
            others, self.before_body = self.before_body, None
            others()
        return replace(self._finish(upload, body), delivery=upload.delivery)

    def _finish(self, upload: Accepted, body: bytes) -> Response:
        if hashlib.sha512(body).digest() != upload.new:
            return _error(400, 6108, "body does not match hash")
        current = self.account(upload.key).backup
        if upload.old == ZEROS:
            if current is not None:
                return Response(304)  # the server's bug: a unique violation that it takes for "nothing to do"
        elif current is None:
            return _error(404, 6111, "previous backup unknown")
        elif current.digest != upload.old:
            return self._current(current, 409)
        self._keep(upload.key, Backup(body, upload.old, upload.signature))
        return Response(204)

    def _keep(self, key: bytes, backup: Backup) -> None:
        account = self.account(key)
        account.backup = backup
        account.history.append(backup)

    def _tagged(self, text: str) -> bytes | None:
        if self.quoted:
            if len(text) < 2 or not text[0] == text[-1] == '"':
                return None
            text = text[1:-1]
        return _decoded(text, 64)


def _json_is_wanted_small(request: Request, response: Response) -> bool:
    is_json = response.header.get("Content-Type") == "application/json"
    return is_json and "deflate" in request.header.get("accept-encoding", "")


def _decoded(text: str, size: int) -> bytes | None:
    try:
        return base32.decode(text, size)
    except ValueError:
        return None


def _is_signed(key: bytes, old: bytes, new: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(key).verify(struct.pack(">II", 136, 1450) + old + new, signature)
    except BadSignatureError:
        return False
    return True


def _error(status: int, code: int, hint: str, detail: str | None = None) -> Response:
    body: dict[str, object] = {"code": code, "hint": hint}
    if detail is not None:
        body["detail"] = detail
    return Response(status, {"Content-Type": "application/json"}, json.dumps(body).encode())
