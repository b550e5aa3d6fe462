"""Why a blob could not be read.

There is one error, since the reader's next step is nearly always the same: stop using this server, never upload over
its blob, and tell a person. The reason says what to tell.
"""

from enum import StrEnum


class Reason(StrEnum):
    """What is wrong with a blob, as far as it can be told."""

    NOT_A_BLOB = "not_a_blob"  # the file is something else
    FOREIGN = "foreign"  # another key, account, server or kind than the one expected
    TAMPERED = "tampered"  # ours, but changed after it was sealed
    TRUNCATED = "truncated"  # its end is missing
    TOO_LARGE = "too_large"  # it exceeds a limit of this reader
    NEWER = "newer"  # of a later major version: this program must be updated
    MALFORMED = "malformed"  # sealed with our key, but not by the rules of the format


class BlobUnreadable(Exception):  # noqa: N818 - the words of the design
    """A blob cannot be read, for this reason; the message is one sentence for a person.

    Messages hold no values, keys or secrets; of a set they may hold the name.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def malformed(message: str) -> BlobUnreadable:
    """Make the error of a blob that breaks the rules of the format."""
    return BlobUnreadable(Reason.MALFORMED, f"the blob is malformed: {message}")


def too_large(message: str) -> BlobUnreadable:
    """Make the error of a blob that exceeds a limit."""
    return BlobUnreadable(Reason.TOO_LARGE, f"the blob exceeds a limit: {message}")
