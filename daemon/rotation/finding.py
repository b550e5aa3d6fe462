"""What a blob is that an account holds, as far as roll-overs go: a state, a note, or nothing that its key opens."""

from dataclasses import dataclass
from pathlib import Path

from daemon.blob.errors import BlobUnreadable
from daemon.blob.keys import ServerKeys
from daemon.blob.seal import kind_of
from daemon.rotation.note import Note, open_note
from daemon.rotation.steps import Found


@dataclass(frozen=True)
class UnreadableNote:
    """A blob of kind "moved" that cannot be read, and why: it is damaged, or of a newer format."""

    why: str


def find(spool: Path, keys: ServerKeys, identity: str) -> Note | UnreadableNote | Found:
    """Look into a blob that was fetched. That it is a state says its header only: joining it proves it."""
    with spool.open("rb") as source:
        try:
            if kind_of(source, keys.blob_key, keys.account.public_key, identity) == "state":
                return Found.STATE
        except BlobUnreadable:
            return Found.GARBAGE
        source.seek(0)
        try:
            return open_note(source, keys, identity)
        except BlobUnreadable as error:
            return UnreadableNote(error.message)
