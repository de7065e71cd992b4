"""The tables of a page: texts, with the numbers behind them for sorting and for bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redsc.report.level import LevelReport
from redsc.report.network import NodeReport

__all__ = ["Cell", "Table", "Width", "node_table", "text_table", "widths"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, with its number where it is one, and how large that is beside the largest of its column."""

    text: str
    number: float | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows; `numeric` says of every column whether it has numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def numeric(self) -> list[bool]:
        """Whether a column is one of numbers."""
        return [any(row[index].number is not None for row in self.rows) for index in range(len(self.header))]


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return the table of texts; what begins with a digit is a number."""
    return Table(tuple(header), tuple(tuple(Cell(text, _leading_number(text)) for text in row) for row in rows))


def node_table(nodes: Sequence[NodeReport], live_bytes: Sequence[int]) -> Table:
    """Return a row per node; columns of which nothing is known are left out.

    `live_bytes` are those of the arena, before the first step and in every step.
    """
    columns = {
        "step": [Cell(str(step), step) for step in range(1, len(nodes) + 1)],
        "node": [Cell(node.name) for node in nodes],
        "operator": [Cell(node.op) for node in nodes],
        "result": [Cell(" x ".join(map(str, node.shape))) for node in nodes],
        "MACs": _bars([node.macs for node in nodes]),
        "constants B": _bars([node.constant_bytes for node in nodes]),
        "RAM in use B": _bars(live_bytes[1:]),
        "~us": _bars([node.latency_us for node in nodes], ",.1f"),
        "SQNR dB": [Cell(_known(node.sqnr_db, ".1f"), node.sqnr_db) for node in nodes],
    }
    known = {name: cells for name, cells in columns.items() if any(cell.text for cell in cells)}
    return Table(tuple(known), tuple(zip(*known.values(), strict=True)))


def _bars(numbers: Sequence[float | None], form: str = ",") -> list[Cell]:
    largest = max((number or 0 for number in numbers), default=0) or 1
    return [Cell(_known(number, form), number, round((number or 0) / largest, 3)) for number in numbers]


def _known(number: float | None, form: str) -> str:
    return "" if number is None else format(number, form)


def _leading_number(text: str) -> float | None:
    digits = "".join(char for char in text.split(" ")[0] if char.isdigit() or char == ".")
    return float(digits) if text[:1].isdigit() and digits.count(".") < 2 else None


@dataclass(frozen=True, slots=True)
class Width:
    """A channel space: its whole width, and for every level the width with its share in percent."""

    name: str
    size: int
    levels: tuple[tuple[str, int, float], ...]


def widths(spaces: Mapping[str, int], levels: Sequence[LevelReport]) -> list[Width]:
    """Return how wide every level is in every channel space."""
    return [
        Width(
            name,
            size,
            tuple(
                (level.name, level.widths.get(name, size), round(100 * level.widths.get(name, size) / size, 1))
                for level in levels
            ),
        )
        for name, size in spaces.items()
    ]
