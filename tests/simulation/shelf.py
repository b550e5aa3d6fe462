"""A server of the simulation: one sealed blob, all that lay there before, and how it fails."""

import hashlib
from dataclasses import dataclass, field


@dataclass
class Shelf:
    """One account on one server."""

    url: str
    identity: str
    blob: bytes | None = None
    uploads: int = 0
    history: list[bytes] = field(default_factory=list)

    @property
    def revision(self) -> str | None:
        return None if self.blob is None else hashlib.sha512(self.blob).hexdigest()

    def take(self, blob: bytes) -> str:
        """Hold this blob from now on; return its revision."""
        self.blob = blob
        self.history.append(blob)
        self.uploads += 1
        return hashlib.sha512(blob).hexdigest()

    def go_back(self, draw: int) -> None:
        """Hold a blob again that lay here before."""
        self.blob = self.history[draw % len(self.history)]

    def wipe(self) -> None:
        """Hold nothing."""
        self.blob = None
