"""What several reports for people have: tables, and lists of names that may be long."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from redsc.colors import uses_color
from redsc.errors import printable

__all__ = ["listed", "print_table"]

_FILE_WIDTH = 400  # where the output is no terminal, nothing is cut


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header; columns of numbers, and of nothing, are aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(header):
        numeric = all(row[index][:1].isdigit() for row in rows if row[index])
        table.add_column(name, justify="right" if numeric and rows else "left", no_wrap=True)
    for row in rows:  # as Text: nothing in a user's file is markup
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(highlight=False, color_system="auto" if uses_color(sys.stdout) else None)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    with console.capture() as printed:
        console.print(table)
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))


def listed(names: Sequence[str], most: int) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
