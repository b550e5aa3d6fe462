"""An object store on a loopback port: moto's, which keeps conditions as Amazon's does, with faults on demand.

One server serves a whole test module; each test makes a bucket of its own.
"""

import io
import itertools
import logging
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from obstore.store import S3Store
from werkzeug.serving import make_server

from daemon.secret import Secret
from daemon.server.s3 import Credentials

if TYPE_CHECKING:
    from obstore import Attributes

CREDENTIALS = Credentials("test", Secret("a secret for the double"))

Environ = dict[str, Any]

# moto keeps its buckets for as long as the process runs, whatever server it is asked through.
_BUCKET_NUMBERS = itertools.count()


@dataclass
class ObjectStore:
    """The store's faults, and what it was asked. A fault of one request goes with the next request of its method."""

    port: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)
    # Faults that last until they are switched off.
    refusal: tuple[str, str] | None = None  # status line and code, for every request
    ignores_conditions: bool = False
    forgets_notes: bool = False
    same_tag: bool = False
    is_stalled: bool = False
    # Faults of one request.
    loses_next_answer_of: str | None = None  # a method: it is done, and answered by an error
    fails_next: str | None = None  # a method: it is not done
    before_next_put: Callable[[], None] | None = None
    _end_of_stall: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def new_bucket(self) -> str:
        """Make a bucket, and forget all faults and requests. Returns its URL without a prefix."""
        name = f"bucket-{next(_BUCKET_NUMBERS)}"
        self.refusal = self.loses_next_answer_of = self.fails_next = self.before_next_put = None
        self.ignores_conditions = self.forgets_notes = self.same_tag = self.is_stalled = False
        request = urllib.request.Request(f"{self.endpoint}{name}", method="PUT")
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()
        self.requests.clear()
        return f"s3://{name}/"

    def put(self, bucket: str, key: str, body: bytes, note: str | None = None) -> None:
        """Write an object as another program would: without a condition."""
        attributes: Attributes = {} if note is None else {"sha512": note}
        obstore.put(self._client(bucket), key, body, attributes=attributes, use_multipart=False)

    def get(self, bucket: str, key: str) -> bytes:
        """Read an object."""
        return bytes(obstore.get(self._client(bucket), key).bytes())

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object."""
        obstore.delete(self._client(bucket), key)

    def _client(self, bucket: str) -> S3Store:
        return S3Store(
            urlsplit(bucket).netloc,
            endpoint=self.endpoint.rstrip("/"),
            region="us-east-1",
            access_key_id="another",
            secret_access_key="secret",
            client_options={"allow_http": True},
        )

    def end_stall(self) -> None:
        """Let go of the requests that were stalled."""
        self.is_stalled = False
        ended, self._end_of_stall = self._end_of_stall, threading.Event()
        ended.set()

    def answer(self, application: Callable[..., Iterable[bytes]], environ: Environ, start: Any) -> Iterable[bytes]:
        """Answer one request, faults first."""
        method = environ["REQUEST_METHOD"]
        self.requests.append((method, environ["PATH_INFO"]))
        if self.is_stalled:
            self._end_of_stall.wait(10)
        if self.fails_next == method:
            self.fails_next = None
            return _refuse(environ, start, "500 Internal Server Error", "InternalError")
        if self.refusal is not None:
            return _refuse(environ, start, *self.refusal)
        if method == "PUT" and self.before_next_put is not None:
            others, self.before_next_put = self.before_next_put, None
            others()
        if self.ignores_conditions:
            environ.pop("HTTP_IF_MATCH", None)
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if self.same_tag:
            # A store that gives every content one tag keeps conditions by that tag.
            environ.pop("HTTP_IF_MATCH", None)
        if self.loses_next_answer_of == method:
            self.loses_next_answer_of = None
            b"".join(application(environ, lambda *_: None))
            return _refuse(environ, start, "500 Internal Server Error", "InternalError")
        return application(environ, self._changed(start))

    def _changed(self, start: Any) -> Any:
        def changed(status: str, headers: list[tuple[str, str]], *more: object) -> object:
            if self.forgets_notes:
                headers = [(name, value) for name, value in headers if not name.lower().startswith("x-amz-meta-")]
            if self.same_tag:
                headers = [(name, '"always"' if name.lower() == "etag" else value) for name, value in headers]
            return start(status, headers, *more)

        return changed


def _refuse(environ: Environ, start: Any, status: str, code: str) -> Iterable[bytes]:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code></Error>'.encode()
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Serve an object store from threads of its own."""
    store = ObjectStore()
    application = DomainDispatcherApplication(create_backend_app)

    def answer(environ: Environ, start: Any) -> Iterable[bytes]:
        # Read whole, or a refusal would leave the rest of it to be taken for the next request.
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        return store.answer(application, environ, start)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, answer, threaded=True)
    store.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield store
    finally:
        store.end_stall()
        server.shutdown()
        thread.join()
        server.server_close()
