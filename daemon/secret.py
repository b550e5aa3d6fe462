"""A secret: bytes or text that shows itself to nobody but who asks for it by name.

``Secret(content)`` stands for its content wherever that is passed on, stored in a value or put into an exception.
Its ``repr``, ``str`` and ``format`` are always ``<secret>``; it cannot be pickled, copied, hashed or iterated; and
``reveal()`` is the only way to the content, so that a search for that word finds every use.

As a second net, long secrets that still exist are known here, and ``mask`` removes them from a text in the forms in
which code commonly writes bytes: as they are, hexadecimal, base64, and base32 of RFC 4648 and of Crockford. Short ones
(passphrases) are left out: to mask an ordinary word would tell a reader that it is the passphrase.
"""

import base64
import hmac
import weakref
from collections.abc import Iterator
from typing import ClassVar, Generic, NoReturn, SupportsIndex, TypeVar

Content = TypeVar("Content", bytes, str)

SHOWN = "<secret>"
SHORTEST_MASKED = 16  # bytes, or characters of text

_STANDARD_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_CROCKFORD = str.maketrans(_STANDARD_BASE32, _CROCKFORD_BASE32)

_living: "weakref.WeakValueDictionary[int, Secret[bytes] | Secret[str]]" = weakref.WeakValueDictionary()


class Secret(Generic[Content]):
    """Bytes or text that no log, message or traceback shows."""

    __slots__ = ("__weakref__", "_content")

    __hash__: ClassVar[None]  # type: ignore[assignment]  # a hash would tell equal secrets to whoever sees it

    def __init__(self, content: Content) -> None:
        self._content: Content = content
        if len(content) >= SHORTEST_MASKED:
            _living[id(self)] = self

    def reveal(self) -> Content:
        """Return the content. Who calls this answers for where it goes."""
        return self._content

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_as_bytes(self._content), _as_bytes(other._content))

    def __repr__(self) -> str:
        return SHOWN

    def __format__(self, specification: str) -> str:
        return SHOWN

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied; pass it on, or reveal() it where it must be written")


def mask(text: str) -> str:
    """Replace every long secret that still exists, in any common form, by ``<secret>``."""
    if len(text) < SHORTEST_MASKED:
        return text
    # valuerefs() lists the references in one step, so that another thread may make a secret meanwhile.
    for reference in _living.valuerefs():
        secret = reference()
        if secret is not None:
            for form in _forms(_as_bytes(secret.reveal())):
                text = text.replace(form, SHOWN)
    return text


def _as_bytes(content: bytes | str) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")


def _forms(content: bytes) -> Iterator[str]:
    yield content.decode("latin-1")
    yield content.decode("utf-8", "replace")
    yield repr(content)[2:-1]
    yield repr(content.decode("utf-8", "replace"))[1:-1]
    yield content.hex()
    yield content.hex().upper()
    yield base64.b64encode(content).decode().rstrip("=")
    yield base64.urlsafe_b64encode(content).decode().rstrip("=")
    base32 = base64.b32encode(content).decode().rstrip("=")
    yield base32
    yield base32.lower()
    yield base32.translate(_TO_CROCKFORD)
    yield base32.translate(_TO_CROCKFORD).lower()
