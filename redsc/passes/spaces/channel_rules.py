"""What each channel rule of `redsc.ir.rules` means: a handler returns the channels of the output, None to freeze.

A handler that returns a list says it for every output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from redsc.ir import Node, Value, op_def, starts_anew
from redsc.ir.rules import (
    Along,
    Barrier,
    Contracts,
    Grouped,
    Joins,
    LooksUp,
    Multiplies,
    Normalizes,
    Pads,
    Passes,
    Produces,
    Reduces,
    Regroups,
    Remembers,
    Reshapes,
    Slices,
    Splits,
    Ties,
    Transposes,
)
from redsc.passes.spaces.channel_axes import (
    Found,
    along,
    joins,
    multiplies,
    normalizes,
    reduces,
    reshaped,
    reshapes,
    slices,
    splits,
    ties,
    transposes,
)
from redsc.passes.spaces.finder import MOST_CHANNELS, NO_CHANNELS, Channels, Finder, Grid
from redsc.passes.spaces.space import makes_channels

__all__ = ["visit"]


def _produces(finder: Finder, node: Node, rule: Produces) -> Found:
    """New channels along the weight's output axis; its input axis follows the channels that come in."""
    weight, quant = node.operand(rule.weight), node.operand(rule.weight).type.quant
    out = finder.new_channels(weight.type.shape[rule.out_axis], node.name)
    if not weight.is_constant or (quant and quant.is_per_channel and quant.axis != rule.out_axis):
        reason = f"{node.op} {node.name!r} has no constant weight per output channel"
        finder.stop(node.present_inputs(), reason)
        finder.freeze(out, reason)
        return Grid(out)
    depth = weight.type.shape[rule.in_axis]
    if rule.has_groups:
        finder.tie_rows(out, len(out) * depth // op_def(node.op).source(node).type.shape[-1])
    finder.set_layout(weight, rule.in_axis, _rows_read(finder, node, depth))
    finder.set_layout(weight, rule.out_axis, out)
    _tie_followers(finder, node, rule.followers, out)
    return Grid(out)


def _grouped(finder: Finder, node: Node, rule: Grouped) -> Found:
    """Output channel c * m + i belongs to input channel c; weight and bias follow the output."""
    size, depth = node.outputs[0].type.shape[-1], op_def(node.op).source(node).type.shape[-1]
    source = _rows_read(finder, node, depth)
    out = finder.new_channels(size, node.name) if makes_channels(node) else np.repeat(source, size // depth)
    finder.set_layout(node.operand(rule.weight), rule.out_axis, out)
    _tie_followers(finder, node, rule.followers, out)
    return Grid(out)


def _contracts(finder: Finder, node: Node, rule: Contracts) -> Found:
    """The weights follow the channels that come in; those of the result stay where they are state."""
    out = finder.new_channels(node.outputs[0].type.shape[-1], node.name)
    for index in rule.weights:
        weight = node.operand(index)
        finder.set_layout(weight, rule.in_axis, _rows_read(finder, node, weight.type.shape[rule.in_axis]))
    if any(not node.operand(index).is_constant for index in (*rule.weights, *rule.recurrent)):
        finder.stop(node.present_inputs(), f"{node.op} {node.name!r} has no constant weight")
        finder.freeze(out, f"{node.op} {node.name!r} has no constant weight")
    if not starts_anew(node):
        finder.freeze(out, f"{node.op} {node.name!r} makes them: {rule.reason}")
        return Grid(out)
    for index in (*rule.weights, *rule.recurrent):
        finder.set_layout(node.operand(index), rule.out_axis, out)
    for index in rule.recurrent:
        finder.set_layout(node.operand(index), rule.in_axis, out)
    _tie_followers(finder, node, rule.followers, out)
    return Grid(out)


def _rows_read(finder: Finder, node: Node, length: int) -> Channels:
    """Return the channels of the rows of elements that a layer reads; freeze those that it reads otherwise."""
    source = op_def(node.op).source(node)
    grid, shape = finder.grid(source), source.type.shape
    rows = reshaped(grid, shape, (source.type.elements // length, length)) if grid and length else None
    if rows is None or 1 not in rows.axes:
        finder.stop(op_def(node.op).data_inputs(node), f"{node.op} {node.name!r} reads parts of them")
        return NO_CHANNELS
    return finder.keep_axes(rows, [1]).channels


def _tie_followers(finder: Finder, node: Node, followers: Iterable[int], channels: Channels) -> None:
    for index in followers:
        if index < len(node.inputs) and node.inputs[index] is not None:
            finder.set_layout(node.operand(index), len(node.operand(index).type.shape) - 1, channels)


def _passes(finder: Finder, node: Node, _rule: Passes) -> Found:
    return Grid(_incoming(finder, node))


def _pads(finder: Finder, node: Node, rule: Pads) -> Found:
    """Padded channels are new ones, before and after those that come in."""
    source, amounts = _incoming(finder, node), node.operand(rule.paddings).data
    if amounts is None or not len(source):
        return None
    before, after = (finder.new_channels(int(amount), node.name) for amount in amounts.reshape(-1)[-2:])
    return Grid(np.concatenate([before, source, after]))


def _looks_up(finder: Finder, node: Node, rule: LooksUp) -> Found:
    """A table of numbers is read element by element, at indices that have channels."""
    if node.operand(0).is_constant and len(node.operand(0).type.shape) == 1:
        return Grid(finder.layout(node.operand(rule.indices)))
    return along(finder, node, Along(rule.axis))


def _regroups(finder: Finder, node: Node, _rule: Regroups) -> Found:
    row = _row(finder, _incoming(finder, node), node.outputs[0].type.shape[-1])
    return None if row is None else Grid(row)


def _remembers(finder: Finder, node: Node, _rule: Remembers) -> Found:
    """What a variable holds stays as it is, and so do all channels that are tied to it."""
    finder.stop((*node.present_inputs(), *node.outputs), "it is state, which all levels share")
    return [Grid(finder.new_channels((1, *value.type.shape)[-1], value.name)) for value in node.outputs]


def _barrier(finder: Finder, node: Node, rule: Barrier) -> Found:
    finder.stop(node.present_inputs(), rule.reason)
    return Grid(_incoming(finder, node))


def _incoming(finder: Finder, node: Node) -> Channels:
    """Return the channels of the data that a node reads."""
    return finder.layout(op_def(node.op).source(node))


def _row(finder: Finder, channels: Channels, length: int) -> Channels | None:
    """Return the channels of a row of elements: those of several pixels, or of an equal part of one's channels."""
    count = len(channels)
    if not count or length > MOST_CHANNELS or (length % count and count % length):
        return None
    return finder.tie_rows(channels, length) if count > length else np.tile(channels, length // count)


_RULES: dict[type[Any], Callable[[Finder, Node, Any], Found]] = {
    Produces: _produces,
    Grouped: _grouped,
    Contracts: _contracts,
    Multiplies: multiplies,
    Normalizes: normalizes,
    Ties: ties,
    Passes: _passes,
    Pads: _pads,
    Reduces: reduces,
    Along: along,
    LooksUp: _looks_up,
    Joins: joins,
    Splits: splits,
    Slices: slices,
    Transposes: transposes,
    Reshapes: reshapes,
    Regroups: _regroups,
    Remembers: _remembers,
    Barrier: _barrier,
}


_ON_LAST_AXIS = (Passes, Pads, LooksUp, Regroups, Barrier)


def visit(finder: Finder, node: Node) -> None:
    """Tie the channels that a node makes to those that it reads, or freeze both."""
    rule, reason, found = op_def(node.op).channels, _why_not(finder, node), None
    if reason is None:
        found = _RULES[type(rule)](finder, node, rule)
    every = [found] * len(node.outputs) if found is None or isinstance(found, Grid) else found
    for output, grid in zip(node.outputs, every, strict=True):
        if grid is None or not _fits(grid, output):
            reason = reason or f"{node.op} {node.name!r} changes their number"
            finder.stop(node.present_inputs(), reason)
            finder.fresh(output, f"{node.op} {node.name!r} makes it")
        else:
            axes = tuple(axis % len(output.type.shape) for axis in grid.axes)
            finder.set_grid(output, Grid(grid.channels, axes))


def _fits(grid: Grid, output: Value) -> bool:
    """Whether an output has axes as long as there are channels."""
    shape = output.type.shape
    return bool(shape) and grid.channels.shape == tuple(shape[axis] for axis in grid.axes)


def _why_not(finder: Finder, node: Node) -> str | None:
    """Return why the channels that a node reads cannot be followed through it, None if its rule knows."""
    op = op_def(node.op)
    if any(value.type.shape[-1] > MOST_CHANNELS for value in node.outputs if value.type.shape):
        return f"{node.op} {node.name!r} makes more than {MOST_CHANNELS:,} of them"
    if not isinstance(op.channels, _ON_LAST_AXIS):
        return None
    read = ((value, finder.grid(value)) for value in op.data_inputs(node) if not value.is_constant)
    if any(grid is not None and grid.axes[-1] != len(value.type.shape) - 1 for value, grid in read):
        return f"{node.op} {node.name!r} reads them along another axis"
    return None
