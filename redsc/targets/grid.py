"""What layers of one form took on a board, by their channels: measured on a grid, interpolated between."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

__all__ = ["Channels", "Grid"]

Channels = tuple[int, int]
"""Of the first operand, and of the second one that is no constant: without one of the result."""
_Cell = tuple[int, int, int, int]  # from, to on the first axis, then on the second


@dataclass(frozen=True, slots=True)
class Grid:
    """Thousandths of a cycle at measured points.

    Where both channels are one number (a depthwise layer, an addition) the points are a line, else rectangles.
    """

    points: Mapping[Channels, int]
    _axes: tuple[Sequence[int], Sequence[int]] = field(init=False, repr=False, compare=False)
    _known: dict[Channels, int | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        axes = zip(*self.points, strict=True)
        object.__setattr__(self, "_axes", tuple(sorted(set(axis)) for axis in axes))

    def at(self, channels: Channels) -> int | None:
        """Return the thousandths of a cycle of a layer, None where no measured points lie around it."""
        if channels not in self._known:
            self._known[channels] = self._interpolated(channels)
        return self._known[channels]

    def _interpolated(self, channels: Channels) -> int | None:
        """Linear along each axis, in the smallest rectangle with known corners, else on a line of two points."""
        for cell in self._cells(channels):
            low, high, left, right = cell
            corners = tuple(product(dict.fromkeys((low, high)), dict.fromkeys((left, right))))
            shares = _share(channels[0], low, high), _share(channels[1], left, right)
            if all(corner in self.points for corner in corners):
                return round(sum(_weight(corner, cell, shares) * self.points[corner] for corner in corners))
            ends = self.points.get((low, left)), self.points.get((high, right))
            if ends[0] is not None and ends[1] is not None and shares[0] == shares[1]:
                return round(ends[0] + shares[0] * (ends[1] - ends[0]))
        return None

    def _cells(self, channels: Channels) -> Iterator[_Cell]:
        """Yield the rectangles around a point, the smallest first."""
        first, second = (tuple(_spans(*pair)) for pair in zip(self._axes, channels, strict=True))
        cells = ((*one, *other) for one, other in product(first, second))
        yield from sorted(cells, key=lambda cell: (cell[1] - cell[0] + 1) * (cell[3] - cell[2] + 1))


def _spans(axis: Sequence[int], at: int) -> Iterator[tuple[int, int]]:
    """Yield from where to where on an axis is around a place; where it is known, only that."""
    below, above = bisect_right(axis, at), bisect_left(axis, at)
    if above < below:
        yield at, at
    yield from product(axis[:above], axis[below:])


def _share(at: int, low: int, high: int) -> float:
    return (at - low) / (high - low) if high > low else 0.0


def _weight(corner: Channels, cell: _Cell, shares: tuple[float, float]) -> float:
    low, _, left, _ = cell
    first = 1 - shares[0] if corner[0] == low else shares[0]
    return first * (1 - shares[1] if corner[1] == left else shares[1])
