"""Where the command line writes: documents for scripts and text for people on standard output, complaints beside it.

Nothing written for people is read as markup. Colours are for terminals; rich leaves them out elsewhere.
"""

import os
import sys
from typing import NoReturn

import click
import msgspec
from rich.console import Console, RenderableType
from rich.text import Text
from rich.theme import Theme

from ipc.cli.words import clean

_THEME = Theme({"progress.elapsed": "default", "progress.spinner": "default"})  # rich has yellow, lost on white


class PeopleConsole(Console):
    """Standard output for people. A reader who went away is ``BrokenPipeError``, as elsewhere in Python."""

    def __init__(self, *, stderr: bool = False, quiet: bool = False) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, stderr=stderr, quiet=quiet, theme=_THEME)

    def on_broken_pipe(self) -> NoReturn:
        """Tell the top of the program."""
        raise BrokenPipeError


def print_document(document: object) -> None:
    """Write one JSON document to standard output, indented, in UTF-8 whatever the terminal speaks."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))


def complain(*lines: str) -> None:
    """Write an error to standard error: the first line says what was wrong, the others what would help."""
    console = PeopleConsole(stderr=True)
    head, *rest = lines
    console.print(Text.assemble(("error: ", "bold red"), clean(head)), soft_wrap=True)
    for line in rest:
        console.print(Text(f"  {clean(line)}"), soft_wrap=True)


def remark(*lines: str) -> None:
    """Say something to the person beside standard output, so that a script reads only what it asked for."""
    console = PeopleConsole(stderr=True)
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def remark_part(part: RenderableType) -> None:
    """Say something in the form of a table to the person beside standard output."""
    PeopleConsole(stderr=True).print(part)


def forget_stdout() -> None:
    """Let what is still to be written go nowhere, so that Python's last flush does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
