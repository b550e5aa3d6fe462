"""What is entered through standard input where that is no terminal: one line at a time."""

import sys

from ipc.cli.exits import CommandFailed, ExitCode


def line_entered(most_characters: int) -> str:
    """Read the next line of standard input, as it is. Raises CommandFailed where it is no text."""
    try:
        return sys.stdin.readline(most_characters)
    except UnicodeDecodeError as error:
        raise CommandFailed(ExitCode.USAGE, f"standard input is no text in {error.encoding}") from error
