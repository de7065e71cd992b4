"""The state of the walk that finds channel spaces: every channel has a number, channels that are tied share one.

A reshape may cut channels into several axes, as heads and the channels of each. A level can cut along one of them
only; which one is open until a later op decides it: a product of activations for the axes that its matrices are
stacked along, all others, and the end of the walk, for the last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from redsc.ir import Value

__all__ = ["MOST_CHANNELS", "NO_CHANNELS", "Channels", "Finder", "Grid", "Origin"]

MOST_CHANNELS = 1 << 18  # of an axis, and of all layers; a microcontroller has no memory for the weights of more

Channels = npt.NDArray[np.int64]  # the number of the channel at every index of an axis
NO_CHANNELS: Channels = np.empty(0, np.int64)


class Grid(NamedTuple):
    """Channels that lie on one or more axes of a value: an array with an axis for each of `axes`, ascending."""

    channels: Channels
    axes: tuple[int, ...] = (-1,)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where channels come from: a layer, or another value with channels of its own. Their numbers are in a row."""

    name: str
    first: int
    size: int


@dataclass(slots=True)
class Finder:
    """The state of one walk.

    A node's channel rule is arithmetic on numbers: what joins two tensors joins their arrays of numbers, what
    repeats, cuts or moves channels does so with the numbers. Where two tensors must have the same channels, these
    are tied by union-find. `find_spaces` then reads off the spaces.

    `axes` has the axis of every value that has channels, `grids` those of values of which it is open which one that
    is. `frozen` lists channels that must stay, in the order in which that was found; `stopped` has the values of
    which this holds whatever is tied to them later.
    """

    parents: list[int] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    frozen: list[tuple[Channels, str]] = field(default_factory=list)
    axes: dict[str, dict[int, Channels]] = field(default_factory=dict)
    grids: dict[Value, Grid] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)

    def new_channels(self, size: int, name: str) -> Channels:
        """Make channels that are tied to nothing; none where they are too many to follow."""
        first = len(self.parents)
        if first + size > MOST_CHANNELS:
            return NO_CHANNELS
        self.origins.append(Origin(name, first, size))
        self.parents.extend(range(first, first + size))
        return np.arange(first, first + size)

    def layout(self, value: Value) -> Channels:
        """Return the channels of a value's last axis; none where it has none or they are not followed.

        Where it was open on which axis they are, that is decided by it.
        """
        self.settle(value)
        return self.axes.get(value.name, {}).get(len(value.type.shape) - 1, NO_CHANNELS)

    def set_layout(self, value: Value, axis: int, channels: Channels) -> None:
        """Give channels, if there are any, to an axis; with those it has already they are tied."""
        if not len(channels):
            return
        known = self.axes.setdefault(value.name, {})
        if value.name in self.stopped:
            self.freeze(channels, self.stopped[value.name])
        if axis in known:
            self.unify(known[axis], channels, f"{value.name!r} is shared by layers that differ")
        else:
            known[axis] = channels

    def grid(self, value: Value) -> Grid | None:
        """Return the channels of a value on all axes that may be cut, None where it has none."""
        if value in self.grids:
            return self._narrowed(self.grids[value])
        known = self.axes.get(value.name, {})
        if len(known) != 1:
            return None
        ((axis, channels),) = known.items()
        return Grid(channels, (axis,))

    def set_grid(self, value: Value, grid: Grid) -> None:
        """Give channels to axes of a value; a constant that is broadcast along some has them on the others.

        With those that it has already they are tied.
        """
        found, known = self._narrowed(grid), self.grid(value)
        if len(found.axes) == 1:
            self.settle(value)
            if self._has(value, found.axes[0]):
                self.set_layout(value, found.axes[0], found.channels)
        elif known is None:
            self.grids[value] = found
            if value.name in self.stopped:
                self.freeze(found.channels.reshape(-1), self.stopped[value.name])
        else:
            numbers = (known.channels.reshape(-1), found.channels.reshape(-1))
            self.unify(*numbers, f"{value.name!r} is shared by layers that differ")

    def keep_axes(self, grid: Grid, axes: Iterable[int]) -> Grid:
        """Tie what lies side by side on the other axes; return what is left on these, of which there is one."""
        kept = tuple(axis for axis in axes if axis in grid.axes)
        moved = np.moveaxis(grid.channels, [grid.axes.index(axis) for axis in kept], range(len(kept)))
        columns = moved.reshape(math.prod(moved.shape[: len(kept)]), -1)
        for column in columns.T[1:]:
            self.unify(columns[:, 0], column, "")
        left: Channels = columns[:, 0].reshape(moved.shape[: len(kept)])
        return Grid(left, kept)

    def settle(self, value: Value) -> None:
        """Decide that an open value has its channels on the last of the axes that are open."""
        grid = self.grids.pop(value, None)
        if grid is not None:
            found = self._narrowed(grid)
            last = self.keep_axes(found, found.axes[-1:])
            if self._has(value, last.axes[0]):
                self.set_layout(value, last.axes[0], last.channels)

    def _has(self, value: Value, axis: int) -> bool:
        """Whether an axis is there, and more than a broadcast."""
        return axis >= 0 and (not value.is_constant or value.type.shape[axis] > 1)

    def _narrowed(self, grid: Grid) -> Grid:
        """Return channels without the axes along which all are tied; one axis is left."""
        for axis in grid.axes:
            place = grid.axes.index(axis)
            if len(grid.axes) > 1 and self._is_tied_along(grid.channels, place):
                grid = Grid(grid.channels.take([0], place).squeeze(place), _others(grid.axes, place))
        return grid

    def _is_tied_along(self, channels: Channels, place: int) -> bool:
        numbers, where = np.unique(channels, return_inverse=True)
        roots = np.array([self._root(number) for number in numbers.tolist()])[where.reshape(-1)]
        rows = np.moveaxis(roots.reshape(channels.shape), place, 0)
        return bool((rows == rows[0]).all())

    def fresh(self, value: Value, reason: str) -> None:
        """Give a value channels of its own that stay as they are."""
        shape = value.type.shape
        if shape:
            channels = self.new_channels(shape[-1], value.name)
            self.freeze(channels, reason)
            self.set_layout(value, len(shape) - 1, channels)

    def freeze(self, channels: Channels, reason: str) -> None:
        """Keep channels as they are; the first reason counts."""
        self.frozen.append((channels, reason))

    def freeze_value(self, value: Value, reason: str) -> None:
        """Keep the channels of every axis of a value."""
        for channels in self.axes.get(value.name, {}).values():
            self.freeze(channels, reason)
        if value in self.grids:
            self.freeze(self.grids[value].channels.reshape(-1), reason)

    def unify(self, a: Channels, b: Channels, reason: str) -> None:
        """Tie channels one by one; where one side is not followed, the other is frozen."""
        if len(a) != len(b):
            self.freeze(np.concatenate([a, b]), reason)
            return
        for pair in zip(a.tolist(), b.tolist(), strict=True):
            first, second = sorted(map(self._root, pair))
            self.parents[second] = first

    def tie_rows(self, channels: Channels, length: int) -> Channels:
        """Cut an axis into rows of a length that divides it, tie their channels, return those of one row."""
        first = channels[:length]
        for row in channels.reshape(-1, length)[1:]:
            self.unify(first, row, "")
        return first

    def stop(self, values: Iterable[Value], reason: str) -> None:
        """Freeze all channels of values, also those that a later node ties to them."""
        for value in values:
            self.stopped.setdefault(value.name, reason)
            self.freeze_value(value, reason)

    def representatives(self) -> Channels:
        """Return, for every channel, the least number of those it is tied to."""
        return np.array([self._root(channel) for channel in range(len(self.parents))], np.int64)

    def _root(self, channel: int) -> int:
        while self.parents[channel] != channel:
            self.parents[channel] = channel = self.parents[self.parents[channel]]
        return channel


def _others(axes: tuple[int, ...], place: int) -> tuple[int, ...]:
    return axes[:place] + axes[place + 1 :]
