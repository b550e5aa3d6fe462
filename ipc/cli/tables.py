"""The tables of the command line: one look, and contents that cannot pass for anything else.

Long contents are folded inside their column, never cut: an address that is cut is of no use.
"""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from ipc.cli.words import clean

Cell = str | Text

# Colours that can be read on white and on black. Words always say the same, for those who see no colours.
GOOD = "green"
ATTENTION = "magenta"
BAD = "red"


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], numbers: Sequence[str] = ()) -> Table:
    """Make a table. ``numbers`` names the columns whose contents are set to the right, and stay whole."""
    made = Table(header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    cells = [[as_text(cell) for cell in row] for row in rows]
    for index, column in enumerate(columns):
        is_number = column in numbers
        narrowest = max((row[index].cell_len for row in cells), default=0) if is_number else None
        made.add_column(column, justify="right" if is_number else "left", overflow="fold", min_width=narrowest)
    for row in cells:
        made.add_row(*row)
    return made


def facts(rows: Sequence[tuple[str, Cell]]) -> Table:
    """Make a list of names and what they stand for, without lines."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, as_text(value))
    return made


def as_text(cell: Cell) -> Text:
    """Take text as it is: no markup, no control characters."""
    return cell if isinstance(cell, Text) else Text(clean(cell))
