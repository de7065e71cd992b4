"""Channel rules of ops that follow channels on whichever axis they are: elementwise, moving, cutting, multiplying.

What works along one of several axes that are open keeps that one whole, so it decides for the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

import numpy as np

from redsc.ir import Node, Shape, Value, op_def
from redsc.ir.ops.cut import sliced_axes
from redsc.ir.rules import (
    Along,
    Joins,
    Multiplies,
    Normalizes,
    Reduces,
    Reshapes,
    Slices,
    Splits,
    Ties,
    Transposes,
)
from redsc.passes.spaces.finder import MOST_CHANNELS, Finder, Grid

__all__ = [
    "Found",
    "along",
    "joins",
    "multiplies",
    "normalizes",
    "reduces",
    "reshaped",
    "reshapes",
    "slices",
    "splits",
    "ties",
    "transposes",
]

Found = Grid | Sequence[Grid] | None


def ties(finder: Finder, node: Node, _rule: Ties) -> Found:
    """Operands that have the axes of the channels in full have the same ones; a broadcast one has none."""
    shape = node.outputs[0].type.shape
    values = [value for value in node.present_inputs() if not value.is_constant]
    grids = [grid for value in values if (grid := _wide_grid(finder, value, shape))]
    others = [value for value in values if not _wide_grid(finder, value, shape)]
    spanned = {axis for value in others for axis in _spanned(value, shape)}
    common = [axis for axis in range(len(shape)) if all(axis in grid.axes for grid in grids)]
    free = [axis for axis in common if axis not in spanned]
    for value in others:
        finder.freeze_value(value, f"{node.op} {node.name!r} broadcasts it")
    if not grids or not free:
        finder.stop(values, f"{node.op} {node.name!r} joins them with others")
        return None
    return _tied(finder, node, [finder.keep_axes(grid, free) for grid in grids], len(shape))


def _tied(finder: Finder, node: Node, grids: Sequence[Grid], rank: int) -> Grid:
    """Tie channels on the same axes of values of a rank; constants that have these axes follow."""
    first = grids[0]
    for grid in grids[1:]:
        reason = f"{node.op} {node.name!r} joins them with others"
        finder.unify(first.channels.reshape(-1), grid.channels.reshape(-1), reason)
    for value in node.present_inputs():
        if value.is_constant:
            finder.set_grid(value, _shifted(first, len(value.type.shape) - rank))
    return first


def _wide_grid(finder: Finder, value: Value, shape: Shape) -> Grid | None:
    """Return the channels of an operand on the axes of a result that it has in full, None where it has others."""
    grid = finder.grid(value)
    if grid is None:
        return None
    grid, own = _shifted(grid, len(shape) - len(value.type.shape)), _stretched(value, len(shape))
    return grid if all(own[axis] == shape[axis] for axis in grid.axes) else None


def _spanned(value: Value, shape: Shape) -> list[int]:
    """Return the axes of a result along which an operand is not broadcast."""
    own = _stretched(value, len(shape))
    return [axis for axis, size in enumerate(shape) if own[axis] == size > 1]


def _stretched(value: Value, rank: int) -> Shape:
    return (*(1,) * (rank - len(value.type.shape)), *value.type.shape)


def _shifted(grid: Grid, by: int) -> Grid:
    return Grid(grid.channels, tuple(axis + by for axis in grid.axes))


def multiplies(finder: Finder, node: Node, _rule: Multiplies) -> Found:
    """Both operands have the channels along which matrices are stacked; rows or columns pass where they are alone.

    A level without one of the channels that are summed would be another network than one in which these are silent:
    they stay.
    """
    left, right = (_side(finder, node, index) for index in (0, 1))
    rank = len(node.outputs[0].type.shape)
    if left and right and left.axes == right.axes:
        return _tied(finder, node, [left, right], rank)
    is_left = left is not None and (right is None or left.axes[0] <= right.axes[0])
    (grid, other), value = ((left, right), node.operand(1)) if is_left else ((right, left), node.operand(0))
    if grid is None:
        return None
    if other is not None:
        finder.freeze_value(value, f"{node.op} {node.name!r} multiplies them with others")
    stacks = [axis for axis in grid.axes if axis < rank - 2]
    if not value.is_constant and any(_stretched(value, rank)[axis] > 1 for axis in stacks):
        finder.stop(node.present_inputs(), f"{node.op} {node.name!r} multiplies them with others")
        return None
    return _tied(finder, node, [grid], rank) if stacks else grid


def _side(finder: Finder, node: Node, index: int) -> Grid | None:
    """Return the channels of an operand on the axes of the result; freeze those that are summed."""
    value, is_turned = node.operand(index), (node.attrs.adj_x, node.attrs.adj_y)[index]
    grid, rank, own = finder.grid(value), len(node.outputs[0].type.shape), len(value.type.shape)
    if grid is None or value.is_constant:
        return None
    stacks = [axis for axis in grid.axes if axis < own - 2]
    if stacks:
        return _shifted(finder.keep_axes(grid, stacks), rank - own)
    alone = own - 2 + (index != is_turned)
    if alone in grid.axes:
        return Grid(finder.keep_axes(grid, [alone]).channels, (rank - 2 + index,))
    finder.stop([value], f"{node.op} {node.name!r} sums over them, a product of two activations")
    return None


def transposes(finder: Finder, node: Node, rule: Transposes) -> Found:
    """Channels move with their axes."""
    grid, perm = finder.grid(op_def(node.op).source(node)), node.operand(rule.perm).data
    if grid is None or perm is None:
        return None
    places = [perm.reshape(-1).tolist().index(axis) for axis in grid.axes]
    return Grid(grid.channels.transpose(np.argsort(places)), tuple(sorted(places)))


def reshapes(finder: Finder, node: Node, _rule: Reshapes) -> Found:
    """Channels are merged with whole axes before and after them, or cut into several axes."""
    source = op_def(node.op).source(node)
    grid = finder.grid(source)
    return None if grid is None else reshaped(grid, source.type.shape, node.outputs[0].type.shape)


def reshaped(grid: Grid, before: Shape, after: Shape) -> Grid | None:
    """Return channels on the axes of another shape of the same elements, None where it cuts them into unlike rows.

    Axes between two places at which both shapes have an edge are those that become one another. A channel alone,
    which is never cut, is put on the last axis.
    """
    if not after:
        return None
    if grid.channels.size == 1:
        return Grid(grid.channels.reshape(1).repeat(after[-1]), (len(after) - 1,))
    steps, new_steps = _steps(before), _steps(after)
    if not prod(after) or not all(_cuts_whole(steps[a], steps[a] * before[a], new_steps) for a in grid.axes):
        return None
    edges = sorted({*steps} & {*new_steps})

    def section(step: int) -> int:
        return max(edge for edge in (1, *edges) if edge <= step)

    touched = {section(steps[axis]) for axis in grid.axes}
    full = [size if section(step) in touched else 1 for size, step in zip(before, steps, strict=True)]
    made = [size if section(step) in touched else 1 for size, step in zip(after, new_steps, strict=True)]
    if prod(full) > MOST_CHANNELS:
        return None
    own = [size if axis in grid.axes else 1 for axis, size in enumerate(before)]
    channels = np.broadcast_to(grid.channels.reshape(own), full).reshape(made)
    axes = tuple(axis for axis, step in enumerate(new_steps) if section(step) in touched)
    return Grid(channels.reshape([after[axis] for axis in axes]), axes)


def _steps(shape: Shape) -> list[int]:
    """Return how many elements apart the indices of every axis are."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _cuts_whole(step: int, end: int, steps: Sequence[int]) -> bool:
    """Whether axes of these steps merge whole an axis from `step` to `end`, or cut it into equal rows."""
    return all(step % s == 0 or s % end == 0 or (s % step == 0 and end % s == 0) for s in steps)


def reduces(finder: Finder, node: Node, rule: Reduces) -> Found:
    """Channels pass but for those that are reduced."""
    axes = _named_axes(node, rule.axes)
    grid = _beside(finder, node, axes)
    if grid is None:
        finder.stop(op_def(node.op).data_inputs(node), f"{node.op} {node.name!r} reduces over them")
    return grid if grid is None or getattr(node.attrs, "keep_dims", False) else _without(grid, axes)


def along(finder: Finder, node: Node, rule: Along) -> Found:
    """Channels pass beside the axes that an op works along; GATHER may put others there."""
    axes = _named_axes(node, rule.axes)
    grid = _beside(finder, node, axes)
    if grid is None:
        finder.stop(node.present_inputs(), f"{node.op} {node.name!r} works along them")
        return finder.grid(op_def(node.op).source(node))
    more = len(node.outputs[0].type.shape) - len(op_def(node.op).source(node).type.shape)
    return Grid(grid.channels, tuple(axis + more * (axis > min(axes)) for axis in grid.axes))


def normalizes(finder: Finder, node: Node, rule: Normalizes) -> Found:
    """Channels pass on another axis than the last."""
    source = op_def(node.op).source(node)
    grid = _beside(finder, node, {len(source.type.shape) - 1})
    if grid is None:
        finder.stop([source], rule.reason)
    return finder.grid(source) if grid is None else grid


def joins(finder: Finder, node: Node, rule: Joins) -> Found:
    """Along the last axis the channels follow one another, on any other axis all are the same."""
    values = list(node.present_inputs())
    rank, inner = len(node.outputs[0].type.shape), len(values[0].type.shape)
    axis, grids = node.attrs.axis % rank, [finder.grid(value) for value in values if not value.is_constant]
    if rule.stacks and axis == rank - 1:
        finder.stop(values, f"{node.op} {node.name!r} stacks them along a new axis")
        return None
    if axis == rank - 1 and all(grid is None or grid.axes == (axis,) for grid in grids):
        return _in_a_row(finder, node, values)
    named = {axis} if not rule.stacks else set[int]()
    common = [a for a in range(inner) if all(grid and a in grid.axes for grid in grids) and a not in named]
    if not common:
        finder.stop(values, f"{node.op} {node.name!r} joins them with others")
        return None
    tied = _tied(finder, node, [finder.keep_axes(grid, common) for grid in grids if grid], inner)
    return Grid(tied.channels, tuple(a + (rule.stacks and a >= axis) for a in tied.axes))


def _in_a_row(finder: Finder, node: Node, values: Sequence[Value]) -> Grid:
    for value in values:
        if not len(finder.layout(value)):
            finder.fresh(value, f"{node.op} {node.name!r} joins a constant")
    return Grid(np.concatenate([finder.layout(value) for value in values]))


def splits(finder: Finder, node: Node, rule: Splits) -> Found:
    """Every piece takes its part of the channels; equal pieces must stay equal, and are tied."""
    source, axes = op_def(node.op).source(node), _named_axes(node, rule.axis)
    is_apart = len(node.outputs[0].type.shape) != len(source.type.shape)
    grid, whole = _beside(finder, node, axes), finder.grid(source)
    if grid is not None:
        return _without(grid, axes) if is_apart else grid
    if whole is None or is_apart:
        finder.stop([source], f"{node.op} {node.name!r} takes them apart")
        return None
    (axis,) = whole.axes
    sizes = [value.type.shape[axis] for value in node.outputs]
    if rule.sizes is None:
        finder.tie_rows(whole.channels, sizes[0])
    return [Grid(piece, (axis,)) for piece in np.split(whole.channels, np.cumsum(sizes)[:-1])]


def slices(finder: Finder, node: Node, _rule: Slices) -> Found:
    """A run of the channels is taken, or all of those on another axis."""
    source, taken = op_def(node.op).source(node), sliced_axes(node)
    gone = {axis for axis, part in enumerate(taken) if isinstance(part, int)}
    cut = {axis for axis, part in enumerate(taken) if not _takes_all(part, source.type.shape[axis])}
    grid, whole = _beside(finder, node, cut), finder.grid(source)
    if grid is None and whole is not None:
        (axis,), channels = whole.axes[-1:], finder.keep_axes(whole, whole.axes[-1:]).channels
        part = taken[axis]
        if isinstance(part, int) or part.step not in (None, 1):
            finder.stop([source], f"{node.op} {node.name!r} picks some of them")
            return None
        grid = Grid(channels[part], (axis,))
    return None if grid is None else _without(grid, gone)


def _takes_all(part: slice | int, size: int) -> bool:
    return isinstance(part, slice) and part.indices(size) == (0, size, 1)


def _named_axes(node: Node, where: int | str) -> set[int]:
    """Return the axes in an operand or attribute: all of them where they are not known."""
    rank = len(op_def(node.op).source(node).type.shape)
    if isinstance(where, str):
        return {getattr(node.attrs, where) % rank}
    axes = node.operand(where).data
    return set(range(rank)) if axes is None else {int(axis) % rank for axis in axes.reshape(-1)}


def _beside(finder: Finder, node: Node, axes: Collection[int]) -> Grid | None:
    """Return the channels of the data on other axes than these, None where there are none."""
    grid = finder.grid(op_def(node.op).source(node))
    left = [axis for axis in grid.axes if axis not in axes] if grid else []
    return finder.keep_axes(grid, left) if grid and left else None


def _without(grid: Grid, axes: Collection[int]) -> Grid:
    """Return channels on the axes of a shape that these are gone from."""
    return Grid(grid.channels, tuple(axis - sum(gone < axis for gone in axes) for axis in grid.axes))
