"""One bucket of an object store: look at an object, read it, and write it on a condition. All of this blocks.

This is the only module that knows obstore. Its exceptions end here, as Trouble.

Nothing is taken from the environment but what ``credentials_of`` takes: obstore would read endpoints, session tokens
and proxies from there by itself, and so reach another account than the one that the URL names.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BufferedReader
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotModifiedError, PreconditionError
from obstore.store import S3Store

from daemon.secret import Secret
from daemon.server.base import Failure, FailureKind
from daemon.server.urls import BucketUrl

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import ClientConfig, S3Credential

DEFAULT_REGION = "us-east-1"  # what object stores call their only region, if they have no other name for it
PIECE_BYTES = 1 << 18
_CONTENT = "sha512"
_CONTENT_TEXT = re.compile(r"[0-9a-f]{128}")
_STATUS = re.compile(r"status code: ([0-9]{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,64})</Code>")
_NOBODYS_PROXY = "http://127.0.0.1:9"


class Trouble(Exception):  # noqa: N818 - the name states the case
    """The object store did not do it, or what it did is not known; the failure says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair of an object store, and the token that goes with a temporary one."""

    access_key_id: str
    secret_access_key: Secret[str]
    session_token: Secret[str] | None = None


def credentials_of(environment: Mapping[str, str]) -> Credentials | None:
    """Take credentials from the variables that all tools for S3 read. ``None`` if there are none."""
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    token = environment.get("AWS_SESSION_TOKEN")
    if not key or not secret:
        return None
    return Credentials(key, Secret(secret), Secret(token) if token else None)


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it looks from outside: the store's tag, its size, and the SHA-512 that its writer noted on it."""

    e_tag: str
    size: int
    content: str | None


class Bucket:
    """The objects of one bucket. ``timeout`` is for one request in all, in seconds."""

    def __init__(self, url: BucketUrl, credentials: Credentials, proxy: str | None, timeout: float) -> None:
        self._name = url.bucket
        self._endpoint = url.endpoint or f"https://s3.{url.region}.amazonaws.com"
        self._store = S3Store(
            url.bucket,
            endpoint=self._endpoint.rstrip("/"),
            aws_endpoint_url_s3=self._endpoint.rstrip("/"),
            region=url.region or DEFAULT_REGION,
            virtual_hosted_style_request=False,
            skip_signature=False,
            conditional_put="etag",
            credential_provider=lambda: _given(credentials),
            client_options=_client_options(self._endpoint, proxy, timeout),
            # The daemon repeats what failed, with delays of its own.
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=timeout)},
        )

    def look(self, key: str) -> Seen | None:
        """Look at an object; ``None`` if there is none. Raises Trouble."""
        with self._translated():
            try:
                result = obstore.get(self._store, key, options={"head": True})
            except FileNotFoundError:
                self._check_bucket(key)
                return None
            return _seen(result)

    def _check_bucket(self, key: str) -> None:
        """Tell a missing bucket from a missing object, which the answer to a look does not. Raises Trouble."""
        try:
            obstore.get(self._store, key)
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise

    def read(self, key: str) -> tuple[Seen, Iterator[bytes]] | None:
        """Begin to read an object; ``None`` if there is none. The pieces, too, raise Trouble."""
        with self._translated():
            try:
                result = obstore.get(self._store, key)
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None
            return _seen(result), self._pieces(result)

    def _pieces(self, result: "obstore.GetResult") -> Iterator[bytes]:
        with self._translated():
            for piece in result.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)

    def write(self, key: str, file: BufferedReader | bytes, content: str, replaced: str | None) -> str | None:
        """Write an object where there is none, or in place of the one with the tag ``replaced``. Raises Trouble.

        Returns the new tag; ``None`` if the condition does not hold. One request, so that it is all or nothing.
        """
        mode: PutMode = "create" if replaced is None else {"e_tag": replaced}
        attributes = {"Content-Type": "application/octet-stream", _CONTENT: content}
        with self._translated():
            try:
                result = obstore.put(self._store, key, file, mode=mode, attributes=attributes, use_multipart=False)
            except (AlreadyExistsError, PreconditionError, NotModifiedError) as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None
            return result["e_tag"] or ""

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise Trouble(self._failure(str(error))) from error

    def _failure(self, text: str) -> Failure:
        """Say what obstore's message means. It is not shown: it names the account's public key."""
        code = _code_of(text)
        status = int(found[1]) if (found := _STATUS.search(text)) else None
        words = ", ".join(filter(None, [f"status {status}" if status else "", code]))
        match status, code:
            case _, "NoSuchBucket":
                return Failure(FailureKind.GONE, f"there is no bucket {self._name!r} at {self._endpoint}")
            case 413, _:
                return Failure(FailureKind.TOO_LARGE, f"the object store takes no blob that large ({words})")
            case ((429 | 503), _):
                return Failure(FailureKind.BUSY, f"the object store is busy ({words})")
            case 501, _:
                return Failure(FailureKind.REFUSED, f"the object store has no conditional writes ({words})")
            case None, _ if "redirect" in text:
                return Failure(
                    FailureKind.REFUSED, f"the bucket {self._name!r} is in another region: name it in the URL"
                )
            case None, _:
                return Failure(FailureKind.UNREACHABLE, f"{self._endpoint} cannot be reached, or stopped answering")
            case number, _ if number >= 500:
                return Failure(FailureKind.UNREACHABLE, f"the object store is in trouble ({words})")
            case ((401 | 403), _):
                return Failure(FailureKind.REFUSED, f"the object store does not let these credentials in ({words})")
            case _:
                return Failure(FailureKind.REFUSED, f"the object store refuses ({words})")


def _code_of(text: str) -> str:
    found = _CODE.search(text)
    return found[1] if found else ""


def _given(credentials: Credentials) -> "S3Credential":
    token = credentials.session_token
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key.reveal(),
        "token": None if token is None else token.reveal(),
        "expires_at": None,
    }


def _client_options(endpoint: str, proxy: str | None, timeout: float) -> "ClientConfig":
    options: ClientConfig = {
        "allow_http": endpoint.startswith("http://"),  # the URL's rules let that pass on this machine only
        "connect_timeout": timedelta(seconds=min(20.0, timeout)),
        "timeout": timedelta(seconds=timeout),
        "user_agent": "walletsync",
        "proxy_url": proxy or _NOBODYS_PROXY,
    }
    if proxy is None:
        # A proxy that is never used is the only way to keep obstore from one that the environment names.
        options["proxy_excludes"] = urlsplit(endpoint).hostname or ""
    return options


def _seen(result: "obstore.GetResult") -> Seen:
    content = result.attributes.get(_CONTENT)
    is_hash = isinstance(content, str) and _CONTENT_TEXT.fullmatch(content)
    return Seen(result.meta["e_tag"] or "", result.meta["size"], content if is_hash else None)
