"""What a server answered when it was asked for its blob, as the keeper takes it in."""

from dataclasses import dataclass
from pathlib import Path

from daemon.blob.keys import ServerKeys


@dataclass(frozen=True)
class Spooled:
    """A sealed blob as it was fetched: the file, its revision and size, and the keys to open it with.

    ``identity`` is that of the server that it was sealed for, where that is not the one it is taken in from.
    """

    path: Path
    revision: str
    sealed_bytes: int
    keys: ServerKeys
    identity: str | None = None


class NoBlobThere:
    """The server holds no blob."""


class SameBlob:
    """The server still holds the blob that was joined last."""


Answer = Spooled | NoBlobThere | SameBlob
