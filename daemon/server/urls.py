"""What a server's URL means: its kind, its normal form, and as much of its identity as it tells.

- ``file:///path/``: a folder. Its identity lies in the folder itself, so the URL does not tell it.
- ``https://host/path/``: a GNU Taler sync server. ``http://`` only where nobody can listen in: on this machine, and
  to an ``.onion`` address. Scheme, lower-case host, port unless it is the default, path with a trailing slash; that
  is its identity too. No user info, query or fragment: keys are derived from it, and it is shown and logged.
- ``s3://bucket/prefix/?endpoint=URL&region=NAME``: an S3-compatible object store. The identity is bucket, prefix and
  endpoint; the region only says how to reach it. Credentials are never part of it.

Two spellings that mean the same address have the same normal form, and a normal form is its own normal form:
otherwise two devices would derive different keys for one account. What has no single normal form (names outside
ASCII, relative path segments) is therefore refused, with what to write instead.
"""

import ipaddress
import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

_LONGEST_URL = 2000
_DEFAULT_PORT_BY_SCHEME = {"http": 80, "https": 443}
_PATH_CHARACTERS = "!$&'()*+,;=:@"
_HOST_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_KINDS = "a server is file:///folder/, https://host/path/ or s3://bucket/prefix/?region=NAME"


class UrlError(ValueError):
    """The URL names no server that we could use. The message says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class FolderUrl:
    """A folder, by its absolute path on this device, which is text in UTF-8: it is told, noted and watched by it."""

    path: str

    @property
    def url(self) -> str:
        """The normal form, fit to be shown and remembered."""
        path = quote(self.path.rstrip("/") + "/", safe="/" + _PATH_CHARACTERS)
        return f"file://{path}"

    @property
    def identity(self) -> str | None:
        """``None``: only the folder itself knows."""
        return None


@dataclass(frozen=True, slots=True)
class TalerUrl:
    """The base address of a GNU Taler sync server, in its normal form."""

    url: str
    host: str

    @property
    def identity(self) -> str | None:
        """The base address itself."""
        return self.url

    @property
    def is_onion(self) -> bool:
        """Whether it can be reached through Tor only."""
        return self.host.endswith(".onion")

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return _is_loopback(self.host)


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """A bucket of an object store. ``prefix`` is empty or ends with a slash. One of the last two is always there."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None

    @property
    def url(self) -> str:
        """The normal form, fit to be shown and remembered."""
        return self._with_query({"endpoint": self.endpoint, "region": self.region})

    @property
    def identity(self) -> str | None:
        """Bucket, prefix and endpoint."""
        return self._with_query({"endpoint": self.endpoint})

    def _with_query(self, values: Mapping[str, str | None]) -> str:
        query = "&".join(f"{name}={quote(value, safe=':/')}" for name, value in values.items() if value is not None)
        return f"s3://{self.bucket}/{self.prefix}" + (f"?{query}" if query else "")


_FOLDER_IDENTITY = re.compile("folder:[0-9A-Z]+")
ServerUrl = FolderUrl | TalerUrl | BucketUrl


def parse_server_url(text: str) -> ServerUrl:
    """Read a server's URL.

    Raises UrlError, whose message never repeats what could be a password.
    """
    text = text.strip()
    if not text.isprintable() or len(text) > _LONGEST_URL:
        raise UrlError(f"that is no URL: it has unprintable characters, or more than {_LONGEST_URL} characters")
    if text.startswith("/") and not text.startswith("//"):
        raise UrlError(f"{text!r} is a path; as a server it is written {FolderUrl(posixpath.normpath(text)).url}")
    parts = _split(text)
    match parts.scheme:
        case "file":
            return _folder(parts)
        case "https" | "http":
            return _taler(parts)
        case "s3":
            return _bucket(parts)
        case "":
            raise UrlError(f"that URL has no scheme: {_KINDS}")
        case scheme:
            raise UrlError(f"{scheme}:// is no kind of server: {_KINDS}")


def parse_identity(text: str) -> str:
    """Return a server's identity in its normal form, since keys are derived from it. Raises UrlError."""
    if _FOLDER_IDENTITY.fullmatch(text):
        return text
    try:
        identity = parse_server_url(text).identity
    except UrlError as error:
        raise UrlError(f"that is no server's identity: {error}") from None
    if identity is None:
        raise UrlError(
            "a folder that is not enrolled here is named by its identity: folder: and the line of its walletsync.id"
        )
    return identity


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        raise UrlError(f"that is no URL: {_KINDS}") from None


def _folder(parts: SplitResult) -> FolderUrl:
    if parts.netloc not in ("", "localhost"):
        raise UrlError("a folder's URL names no host: write file:/// with three slashes and the absolute path")
    _refuse(parts, "a folder's URL", {"a query (a question mark is %3F)": parts.query, "a fragment": parts.fragment})
    path = _text(parts.path)
    if not path.startswith("/") or "\0" in path:
        raise UrlError("a folder's URL holds an absolute path: file:///home/me/folder/")
    if ".." in path.split("/"):
        raise UrlError("a folder's URL holds the path as it is, without '..'")
    # normpath keeps two leading slashes, which POSIX leaves open and Linux takes for one.
    return FolderUrl("/" + posixpath.normpath(path).lstrip("/"))


def _text(path: str) -> str:
    """Return what a path spells. Raises UrlError where that is no text, and so could be neither told nor noted."""
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise UrlError("a folder's URL spells a path in UTF-8, which this one does not: rename the folder") from None


def _taler(parts: SplitResult) -> TalerUrl:
    url, host = _web_address(parts, "a sync server's URL")
    if parts.scheme == "http" and not (_is_loopback(host) or host.endswith(".onion")):
        raise UrlError(f"http:// would show everyone on the way whose wallet this is: write https:// for {host}")
    return TalerUrl(url, host)


def _bucket(parts: SplitResult) -> BucketUrl:
    _refuse_user(parts, "an s3:// URL", "the credentials belong in the environment of walletsyncd (AWS_ACCESS_KEY_ID)")
    _refuse(parts, "an s3:// URL", {"a fragment": parts.fragment})
    if not _BUCKET.fullmatch(parts.netloc):
        raise UrlError(f"{parts.netloc!r} is no bucket name: 3 to 63 of a-z, 0-9, '-' and '.'; no port")
    segments = [segment for segment in unquote(parts.path).split("/") if segment]
    wrong = [segment for segment in segments if segment in (".", "..") or not _PREFIX_SEGMENT.fullmatch(segment)]
    if wrong:
        raise UrlError(f"{wrong[0]!r} cannot be part of a prefix: use A-Z, a-z, 0-9, '.', '_' and '-'")
    values = _query(parts, {"endpoint", "region"})
    region = values.get("region")
    if region is not None and not _REGION.fullmatch(region):
        raise UrlError(f"{region!r} is no region: they look like eu-central-1")
    endpoint = _endpoint(values["endpoint"]) if "endpoint" in values else None
    if endpoint is None and region is None:
        raise UrlError("an s3:// URL needs ?region=NAME at Amazon, or ?endpoint=URL of another object store")
    return BucketUrl(parts.netloc, "".join(segment + "/" for segment in segments), endpoint, region)


def _query(parts: SplitResult, known: Collection[str]) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    unknown = sorted({name for name, _ in pairs} - set(known))
    if unknown:
        raise UrlError(
            f"an s3:// URL takes {' and '.join(sorted(known))} only, not {unknown[0]!r}; credentials belong in "
            "the environment of walletsyncd"
        )
    if len(dict(pairs)) != len(pairs):
        raise UrlError("an s3:// URL names endpoint and region at most once each")
    return dict(pairs)


def _endpoint(text: str) -> str:
    parts = _split(text)
    if parts.scheme not in _DEFAULT_PORT_BY_SCHEME:
        raise UrlError("the endpoint of an s3:// URL is a URL itself: endpoint=https://host")
    url, host = _web_address(parts, "the endpoint of an s3:// URL")
    if parts.scheme == "http" and not _is_loopback(host):
        raise UrlError(f"http:// would show everyone on the way whose wallet this is: write endpoint=https://{host}")
    return url


def _web_address(parts: SplitResult, what: str) -> tuple[str, str]:
    """Return the normal form of an http or https address, and its host."""
    _refuse_user(parts, what, "leave it out")
    _refuse(parts, what, {"a query": parts.query, "a fragment": parts.fragment})
    host = _host(parts, what)
    netloc = f"[{host}]" if ":" in host else host
    port = _port(parts, what)
    if port not in (None, _DEFAULT_PORT_BY_SCHEME[parts.scheme]):
        netloc += f":{port}"
    return f"{parts.scheme}://{netloc}{_path(parts, what)}", host


def _refuse_user(parts: SplitResult, what: str, instead: str) -> None:
    if "@" in parts.netloc:
        raise UrlError(f"{what} has no user name or password: {instead}")


def _refuse(parts: SplitResult, what: str, found: Mapping[str, str]) -> None:
    for name, value in found.items():
        if value:
            raise UrlError(
                f"{what} has no place for {name}: {parts.scheme}://{parts.netloc}{parts.path} would be right"
            )


def _host(parts: SplitResult, what: str) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if not host:
        raise UrlError(f"{what} names a host: https://sync.example.org/")
    if not host.isascii():
        raise UrlError(f"{host!r} has letters outside ASCII: write the host name in its xn-- form")
    if "%" in host:
        raise UrlError(f"{host!r} is no host name and no address: leave the percent sign out")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    labels = host.split(".")
    # An address in an unusual spelling (127.1, 0x7f000001) would be another identity for the same host.
    looks_like_a_number = labels[-1].isdecimal() or labels[-1].startswith("0x")
    if looks_like_a_number or len(host) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise UrlError(f"{host!r} is no host name and no address")
    return host


def _port(parts: SplitResult, what: str) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise UrlError(f"{what} has a port that is none: ports go from 1 to 65535")
    return port


def _path(parts: SplitResult, what: str) -> str:
    segments = [unquote(segment, errors="surrogateescape") for segment in parts.path.split("/") if segment]
    if {".", ".."} & set(segments):
        raise UrlError(f"{what} holds the path as it is, without '.' and '..'")
    return "/" + "".join(quote(one, safe=_PATH_CHARACTERS, errors="surrogateescape") + "/" for one in segments)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
