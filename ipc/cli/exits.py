"""The exit codes of walletsync, and the one exception that ends a command with one.

Scripts rely on these numbers: each says what its reader should do about it, and none is used for two things.
"""

from enum import IntEnum

from ipc import frame


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    FAULT = 1  # a fault of ours
    USAGE = 2  # the command was called in a way that cannot work
    NOT_RUNNING = 3  # no daemon answers
    REFUSED = 4  # the daemon understood, and will not
    CONFIGURATION_UNUSABLE = 5  # configuration or secrets
    WALLET_UNFIT = 6  # the wallet database or its profile
    HOME_TAKEN = 7  # another daemon has this home or its wallet
    SYNC_FAILED = 8  # a sync ended with an error on at least one server
    SYNC_WAITS = 9  # a sync waits for a person: payment, held, rotation


_EXIT_CODE_BY_REFUSAL = {
    frame.INTERNAL_ERROR: ExitCode.FAULT,
    frame.PARSE_ERROR: ExitCode.FAULT,
    frame.INVALID_REQUEST: ExitCode.FAULT,
    frame.SECRETS_UNUSABLE: ExitCode.CONFIGURATION_UNUSABLE,
    frame.WALLET_UNFIT: ExitCode.WALLET_UNFIT,
}


def exit_code_of_refusal(error_code: int) -> ExitCode:
    """Return how a command ends to which the daemon answered with this error code.

    A fault of the daemon's, or a call that our own client put wrongly, is a fault of ours, and no refusal.
    """
    return _EXIT_CODE_BY_REFUSAL.get(error_code, ExitCode.REFUSED)


class CommandFailed(Exception):  # noqa: N818 - it is how a command ends, not an error of the program
    """A command cannot do what was asked: one sentence for a person, what would help, and the exit code."""

    def __init__(self, code: ExitCode, message: str, *advice: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice
