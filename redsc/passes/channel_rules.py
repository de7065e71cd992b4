"""What each channel rule of `redsc.ir.rules` means: a handler returns the channels of the output, None to freeze.

A handler that returns a list says it for every output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from redsc.ir import Node, Value, op_def
from redsc.ir.ops_cut import sliced_axes
from redsc.ir.rules import (
    Along,
    Barrier,
    Contracts,
    Grouped,
    Joins,
    LooksUp,
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
from redsc.passes.finder import MOST_CHANNELS, NO_CHANNELS, Channels, Finder
from redsc.passes.spaces import makes_channels

__all__ = ["visit"]


class _Carried(NamedTuple):
    """Channels, and the axis of an output that carries them."""

    channels: Channels
    axis: int = -1


_Found = _Carried | Sequence[_Carried] | None


def _produces(finder: Finder, node: Node, rule: Produces) -> _Found:
    """New channels along the weight's output axis; its input axis follows the channels that come in."""
    weight, quant = node.operand(rule.weight), node.operand(rule.weight).type.quant
    out = finder.new_channels(weight.type.shape[rule.out_axis], node.name)
    if not weight.is_constant or (quant and quant.is_per_channel and quant.axis != rule.out_axis):
        reason = f"{node.op} {node.name!r} has no constant weight per output channel"
        finder.stop(node.present_inputs(), reason)
        finder.freeze(out, reason)
        return _Carried(out)
    depth = weight.type.shape[rule.in_axis]
    if rule.has_groups:
        finder.tie_rows(out, len(out) * depth // op_def(node.op).source(node).type.shape[-1])
    finder.set_layout(weight, rule.in_axis, _rows_read(finder, node, depth))
    finder.set_layout(weight, rule.out_axis, out)
    _tie_followers(finder, node, rule.followers, out)
    return _Carried(out)


def _grouped(finder: Finder, node: Node, rule: Grouped) -> _Found:
    """Output channel c * m + i belongs to input channel c; weight and bias follow the output."""
    size, depth = node.outputs[0].type.shape[-1], op_def(node.op).source(node).type.shape[-1]
    source = _rows_read(finder, node, depth)
    out = finder.new_channels(size, node.name) if makes_channels(node) else np.repeat(source, size // depth)
    finder.set_layout(node.operand(rule.weight), rule.out_axis, out)
    _tie_followers(finder, node, rule.followers, out)
    return _Carried(out)


def _contracts(finder: Finder, node: Node, rule: Contracts) -> _Found:
    """The weights follow the channels that come in; those of the result stay."""
    for index in rule.weights:
        weight = node.operand(index)
        finder.set_layout(weight, rule.in_axis, _rows_read(finder, node, weight.type.shape[rule.in_axis]))
        if not weight.is_constant:
            finder.stop(node.present_inputs(), f"{node.op} {node.name!r} has no constant weight")
    out = finder.new_channels(node.outputs[0].type.shape[-1], node.name)
    finder.freeze(out, f"{node.op} {node.name!r} makes them: {rule.reason}")
    return _Carried(out)


def _rows_read(finder: Finder, node: Node, length: int) -> Channels:
    """Return the channels of the rows of elements that a layer reads; freeze those that it reads otherwise."""
    row = _row(finder, _incoming(finder, node), length)
    if row is None:
        finder.stop(op_def(node.op).data_inputs(node), f"{node.op} {node.name!r} reads parts of them")
        return NO_CHANNELS
    return row


def _tie_followers(finder: Finder, node: Node, followers: Iterable[int], channels: Channels) -> None:
    for index in followers:
        if index < len(node.inputs) and node.inputs[index] is not None:
            finder.set_layout(node.operand(index), len(node.operand(index).type.shape) - 1, channels)


def _ties(finder: Finder, node: Node, _rule: Ties) -> _Found:
    """Every operand with as many channels as the output has the same channels; a broadcast one has none."""
    channels = node.outputs[0].type.shape[-1] if node.outputs[0].type.shape else 1
    wide = [v for v in node.present_inputs() if v.type.shape and v.type.shape[-1] == channels]
    for value in node.present_inputs():
        if value not in wide:
            finder.freeze(finder.layout(value), f"{node.op} {node.name!r} broadcasts it")
    return _tie(finder, node, wide)


def _tie(finder: Finder, node: Node, values: Iterable[Value]) -> _Found:
    """Give values the same channels; constants follow the others."""
    tied: Channels | None = None
    for value in sorted(values, key=lambda v: v.is_constant):
        if value.is_constant and tied is not None:
            finder.set_layout(value, len(value.type.shape) - 1, tied)
        elif tied is None:
            tied = finder.layout(value)
        else:
            finder.unify(tied, finder.layout(value), f"{node.op} {node.name!r} joins them with others")
    return None if tied is None else _Carried(tied)


def _passes(finder: Finder, node: Node, _rule: Passes) -> _Found:
    return _Carried(_incoming(finder, node))


def _pads(finder: Finder, node: Node, rule: Pads) -> _Found:
    """Padded channels are new ones, before and after those that come in."""
    source, amounts = _incoming(finder, node), node.operand(rule.paddings).data
    if amounts is None or not len(source):
        return None
    before, after = (finder.new_channels(int(amount), node.name) for amount in amounts.reshape(-1)[-2:])
    return _Carried(np.concatenate([before, source, after]))


def _reduces(finder: Finder, node: Node, rule: Reduces) -> _Found:
    return None if _is_last(node, rule.axes) else _Carried(_incoming(finder, node))


def _along(finder: Finder, node: Node, rule: Along) -> _Found:
    if _is_last(node, rule.axes):
        finder.stop(node.present_inputs(), f"{node.op} {node.name!r} works along them")
    return _Carried(_incoming(finder, node))


def _looks_up(finder: Finder, node: Node, rule: LooksUp) -> _Found:
    """A table of numbers is read element by element, at indices that have channels."""
    if node.operand(0).is_constant and len(node.operand(0).type.shape) == 1:
        return _Carried(finder.layout(node.operand(rule.indices)))
    return _along(finder, node, Along(rule.axis))


def _joins(finder: Finder, node: Node, rule: Joins) -> _Found:
    """Along the last axis the channels follow one another, along another axis all are the same."""
    inputs = list(node.present_inputs())
    rank = len(node.outputs[0].type.shape)
    if node.attrs.axis % rank != rank - 1:
        return _tie(finder, node, inputs)
    if rule.stacks:
        finder.stop(node.present_inputs(), f"{node.op} {node.name!r} stacks them along a new axis")
        return None
    for value in inputs:
        if not len(finder.layout(value)):
            finder.fresh(value, f"{node.op} {node.name!r} joins a constant")
    return _Carried(np.concatenate([finder.layout(value) for value in inputs]))


def _splits(finder: Finder, node: Node, rule: Splits) -> _Found:
    """Along the last axis every piece takes its part; equal pieces must stay equal, and are tied."""
    channels = _incoming(finder, node)
    if not _is_last(node, rule.axis):
        return _Carried(channels)
    if len(node.outputs[0].type.shape) != len(op_def(node.op).source(node).type.shape):
        finder.stop(node.present_inputs(), f"{node.op} {node.name!r} takes them apart")
        return None
    sizes = [value.type.shape[-1] for value in node.outputs]
    if rule.sizes is None and len(channels) == sum(sizes):
        finder.tie_rows(channels, sizes[0])
    return [_Carried(piece) for piece in np.split(channels, np.cumsum(sizes)[:-1])]


def _slices(finder: Finder, node: Node, _rule: Slices) -> _Found:
    taken = sliced_axes(node)[-1]
    if isinstance(taken, int) or taken.step not in (None, 1):
        finder.stop(node.present_inputs(), f"{node.op} {node.name!r} picks some of them")
        return None
    return _Carried(_incoming(finder, node)[taken])


def _transposes(finder: Finder, node: Node, rule: Transposes) -> _Found:
    found, perm = _channel_axis(finder, node), node.operand(rule.perm).data
    if found is None or perm is None:
        return None
    return _Carried(found.channels, perm.reshape(-1).tolist().index(found.axis))


def _reshapes(finder: Finder, node: Node, _rule: Reshapes) -> _Found:
    """Channels are merged with whole axes before and after them, or cut into rows that are tied.

    A channel has `run` elements side by side. On an axis of the output, indices are `step` elements apart.
    """
    found, before, after = _channel_axis(finder, node), node.operand(0).type.shape, node.outputs[0].type.shape
    if found is None or not prod(after):
        return None
    run = prod(before[found.axis + 1 :])
    for axis in reversed(range(len(after))):
        length, step = after[axis], prod(after[axis + 1 :])
        repeats, rest = divmod(length * step, len(found.channels) * run)
        if run % step == rest == 0 and length <= MOST_CHANNELS:
            return _Carried(np.tile(np.repeat(found.channels, run // step), repeats), axis)
        if run == step and length > 1 and len(found.channels) % length == 0:
            return _Carried(finder.tie_rows(found.channels, length), axis)
    return None


def _regroups(finder: Finder, node: Node, _rule: Regroups) -> _Found:
    row = _row(finder, _incoming(finder, node), node.outputs[0].type.shape[-1])
    return None if row is None else _Carried(row)


def _remembers(finder: Finder, node: Node, _rule: Remembers) -> _Found:
    """What a variable holds stays as it is, and so do all channels that are tied to it."""
    finder.stop((*node.present_inputs(), *node.outputs), "it is state, which all levels share")
    return [_Carried(finder.new_channels((1, *value.type.shape)[-1], value.name)) for value in node.outputs]


def _barrier(finder: Finder, node: Node, rule: Barrier) -> _Found:
    finder.stop(node.present_inputs(), rule.reason)
    return _Carried(_incoming(finder, node))


def _incoming(finder: Finder, node: Node) -> Channels:
    """Return the channels of the data that a node reads."""
    return finder.layout(op_def(node.op).source(node))


def _channel_axis(finder: Finder, node: Node) -> _Carried | None:
    """Return the channels of the data that a node reads if one axis has some, whichever it is."""
    known = finder.axes.get(op_def(node.op).source(node).name, {})
    if len(known) != 1:
        return None
    ((axis, channels),) = known.items()
    return _Carried(channels, axis)


def _row(finder: Finder, channels: Channels, length: int) -> Channels | None:
    """Return the channels of a row of elements: those of several pixels, or of an equal part of one's channels."""
    count = len(channels)
    if not count or length > MOST_CHANNELS or (length % count and count % length):
        return None
    return finder.tie_rows(channels, length) if count > length else np.tile(channels, length // count)


def _is_last(node: Node, where: int | str) -> bool:
    """Whether the axes in an operand or attribute include the last of the data, or are not known."""
    rank = len(op_def(node.op).source(node).type.shape)
    if isinstance(where, str):
        return bool(getattr(node.attrs, where) % rank == rank - 1)
    axes = node.operand(where).data
    return axes is None or any(int(axis) % rank == rank - 1 for axis in axes.reshape(-1))


_RULES: dict[type[Any], Callable[[Finder, Node, Any], _Found]] = {
    Produces: _produces,
    Grouped: _grouped,
    Contracts: _contracts,
    Ties: _ties,
    Passes: _passes,
    Pads: _pads,
    Reduces: _reduces,
    Along: _along,
    LooksUp: _looks_up,
    Joins: _joins,
    Splits: _splits,
    Slices: _slices,
    Transposes: _transposes,
    Reshapes: _reshapes,
    Regroups: _regroups,
    Remembers: _remembers,
    Barrier: _barrier,
}


def visit(finder: Finder, node: Node) -> None:
    """Tie the channels that a node makes to those that it reads, or freeze both."""
    rule, reason, found = op_def(node.op).channels, _why_not(finder, node), None
    if reason is None:
        found = _RULES[type(rule)](finder, node, rule)
    every = [found] * len(node.outputs) if found is None or isinstance(found, _Carried) else found
    for output, carried in zip(node.outputs, every, strict=True):
        shape = output.type.shape
        if carried is None or not shape or len(carried.channels) != shape[carried.axis]:
            reason = reason or f"{node.op} {node.name!r} changes their number"
            finder.stop(node.present_inputs(), reason)
            finder.fresh(output, f"{node.op} {node.name!r} makes it")
        else:
            finder.set_layout(output, carried.axis % len(shape), carried.channels)


def _why_not(finder: Finder, node: Node) -> str | None:
    """Return why the channels that a node reads cannot be followed through it, None if its rule knows."""
    op = op_def(node.op)
    if any(value.type.shape[-1] > MOST_CHANNELS for value in node.outputs if value.type.shape):
        return f"{node.op} {node.name!r} makes more than {MOST_CHANNELS:,} of them"
    if isinstance(op.channels, (Produces, Grouped, Transposes, Reshapes, Remembers)):
        return None
    read = ((value, axis) for value in op.data_inputs(node) for axis in finder.axes.get(value.name, ()))
    if any(not value.is_constant and axis != len(value.type.shape) - 1 for value, axis in read):
        return f"{node.op} {node.name!r} reads them along another axis"
    return None
