"""What can go wrong between a frontend and the daemon, by what its reader should do about it.

    IpcError
      NotRunning          nobody listens: start the daemon
      NoAnswer            somebody listens, but did not answer in time or went away: look at the daemon
      Refused             the daemon answered that it will not: the message says why
      BadAnswer           what answered does not speak this protocol: one side is too old, too new or broken
      SocketUnusable      the daemon's side: nothing can listen at this path
        AlreadyListening  because another daemon does

``Refusal`` is the other side of ``Refused``: a handler raises it, and it is an answer, no fault.
"""

from typing import Any

from ipc.frame import REFUSED


class IpcError(Exception):
    """A call, or the opening of a socket, came to nothing. The message is one sentence for a person."""


class NotRunning(IpcError):  # noqa: N818 - it says how it stands, as its siblings do
    """No daemon listens there. Nothing was sent."""


class NoAnswer(IpcError):  # noqa: N818
    """A daemon is there and gave no answer. Whether it carried the request out is not known."""


class Refused(IpcError):  # noqa: N818
    """The daemon answered with an error: a code of ``ipc.frame``, one sentence, and details for programs."""

    def __init__(self, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class BadAnswer(IpcError):  # noqa: N818
    """What came back is no message of this protocol."""


class SocketUnusable(IpcError):  # noqa: N818
    """The daemon cannot listen at this path. The message names the path, what is wrong, and what would be right."""


class AlreadyListening(SocketUnusable):
    """Another daemon listens there. It was not disturbed."""


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """Raised by a handler that will not do what was asked; the caller gets exactly this as ``Refused``."""

    def __init__(self, message: str, *, code: int = REFUSED, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
