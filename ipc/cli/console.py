"""Text for people, on a terminal or wherever it is sent. What scripts read needs nothing of this, nor of rich.

Nothing written for people is read as markup. Colours are for terminals; rich leaves them out elsewhere.
"""

from typing import NoReturn

from rich.console import Console, RenderableType
from rich.text import Text
from rich.theme import Theme

_THEME = Theme({"progress.elapsed": "default", "progress.spinner": "default"})  # rich has yellow, lost on white


class PeopleConsole(Console):
    """Standard output for people. A reader who went away is ``BrokenPipeError``, as elsewhere in Python."""

    def __init__(self, *, stderr: bool = False, quiet: bool = False) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, stderr=stderr, quiet=quiet, theme=_THEME)

    def show(self, part: RenderableType) -> None:
        """Print something for people. Lines of text stay whole, however long: addresses are copied from them."""
        self.print(part, soft_wrap=isinstance(part, str | Text))

    def say(self, *parts: str | tuple[str, str]) -> None:
        """Print a line of text in parts, some of which have a style."""
        self.show(Text.assemble(*parts))

    def on_broken_pipe(self) -> NoReturn:
        """Tell the top of the program."""
        raise BrokenPipeError
