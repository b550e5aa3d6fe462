"""Passphrases: asked for on the terminal without showing them, or one line of standard input. Never an argument."""

import sys

import click

from ipc.cli.entered import line_entered
from ipc.cli.exits import CommandFailed, ExitCode

_MOST_CHARACTERS = 1024


def new_passphrase(question: str) -> str:
    """Ask for a passphrase twice, or read it from standard input where that is no terminal. Raises CommandFailed."""
    return _asked(question, twice=True)


def known_passphrase(question: str) -> str:
    """Ask for a passphrase once, or read it from standard input where that is no terminal. Raises CommandFailed."""
    return _asked(question, twice=False)


def _asked(question: str, *, twice: bool) -> str:
    if sys.stdin.isatty():
        again: str | bool = "The same again" if twice else False
        passphrase: str = click.prompt(question, hide_input=True, confirmation_prompt=again, err=True)
    else:
        passphrase = line_entered(_MOST_CHARACTERS).rstrip("\r\n")
    if not passphrase:
        message = "there is no passphrase: standard input has no line for it"
        raise CommandFailed(ExitCode.USAGE, message, "Call it on a terminal, or write the passphrase into the pipe.")
    if not passphrase.isprintable():
        raise CommandFailed(ExitCode.USAGE, "the passphrase has control characters, or is no text in this encoding")
    return passphrase
