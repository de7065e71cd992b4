"""What several reports for people have: tables, facts, and lists of names that may be long."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from redsc.colors import uses_color
from redsc.errors import printable

__all__ = ["FACT_COLUMN", "listed", "print_facts", "print_table"]

FACT_COLUMN = 8  # of a line that begins with the name of a fact
_FILE_WIDTH = 400  # where the output is no terminal, no line is broken


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header; columns of numbers, and of nothing, are aligned to the right.

    On a narrow terminal texts of several words are broken, names and numbers are not.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    rows = [[printable(cell) for cell in row] for row in rows]
    for index, name in enumerate(header):
        cells = [row[index] for row in rows if row[index]]
        numeric = bool(rows) and all(cell[:1].isdigit() for cell in cells)
        is_text = index > 0 and not numeric and any(" " in cell for cell in cells)
        least = None if is_text else max(map(len, (name, *cells)))
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", min_width=least)
    for row in rows:  # as Text: nothing in a user's file is markup
        table.add_row(*map(Text, row))
    console = Console(highlight=False, color_system="auto" if uses_color(sys.stdout) else None, width=_width())
    needed = console.measure(table, options=console.options.update(width=_FILE_WIDTH)).minimum
    console.width = max(console.width, needed)  # a line that the terminal breaks is better than a cut number
    with console.capture() as printed:
        console.print(table)
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))


def print_facts(lines: Iterable[str]) -> None:
    """Print lines that begin with the name of a fact, or with blanks; on a terminal long ones are broken."""
    for line in lines:
        print(textwrap.fill(line, _width(), subsequent_indent=" " * FACT_COLUMN, break_on_hyphens=False))


def listed(names: Sequence[str], most: int) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _width() -> int:
    """Return how many columns a line may have."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _FILE_WIDTH
