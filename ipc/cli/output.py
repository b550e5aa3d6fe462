"""Where the command line writes: documents for scripts and text for people on standard output, complaints beside it.

What is for people goes through module ``console``, which is loaded where there is something for them: scripts read
documents, often, and need not wait for rich.
"""

import os
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from ipc.cli.words import clean

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ipc.cli.console import PeopleConsole


def print_document(document: object) -> None:
    """Write one JSON document to standard output, indented, in UTF-8 whatever the terminal speaks."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))


def complain(*lines: str) -> None:
    """Write an error to standard error: the first line says what was wrong, the others what would help."""
    console = _beside_output()
    head, *rest = lines
    console.say(("error: ", "bold red"), clean(head))
    for line in rest:
        console.say(f"  {clean(line)}")


def remark(*lines: str) -> None:
    """Say something to the person beside standard output, so that a script reads only what it asked for."""
    console = _beside_output()
    for line in lines:
        console.say(line)


def remark_part(part: "RenderableType") -> None:
    """Say something in the form of a table to the person beside standard output."""
    _beside_output().print(part)


def forget_stdout() -> None:
    """Let what is still to be written go nowhere, so that Python's last flush does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _beside_output() -> "PeopleConsole":
    from ipc.cli.console import PeopleConsole

    return PeopleConsole(stderr=True)
