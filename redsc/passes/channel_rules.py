"""What each channel rule of `redsc.ir.rules` means: a handler returns the channels of the output, None to freeze.

A handler that returns a list says it for every output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod
from typing import Any

from redsc.ir import Node, Value, op_def
from redsc.ir.rules import (
    Along,
    Barrier,
    Grouped,
    Joins,
    LooksUp,
    Passes,
    Produces,
    Reduces,
    Reshapes,
    Slices,
    Splits,
    Ties,
    Transposes,
)
from redsc.passes.finder import Finder
from redsc.passes.spaces import Layout, Segment

__all__ = ["visit"]


def _repeat(layout: Layout, times: int) -> Layout:
    """Return the layout of `times` rows laid side by side."""
    if len(layout) == 1:
        return (Segment(layout[0].space, layout[0].outer * times, layout[0].inner),)
    return layout * times


def _tie_followers(finder: Finder, node: Node, followers: Iterable[int], layout: Layout) -> None:
    for index in followers:
        if index < len(node.inputs) and node.inputs[index] is not None:
            finder.set_layout(node.operand(index), 0, layout)


def _produces(finder: Finder, node: Node, rule: Produces) -> Layout | None:
    """New channels along the weight's output axis; its input axis follows the channels that come in."""
    weight, source = node.operand(rule.weight), _incoming(finder, node)
    quant = weight.type.quant
    out = finder.new_space(weight.type.shape[rule.out_axis], node.name)
    depth, channels = weight.type.shape[rule.in_axis], finder.length(source)
    if not weight.is_constant or (quant and quant.is_per_channel and quant.axis != rule.out_axis):
        reason = f"{node.op} {node.name!r} has no constant weight per output channel"
        finder.stop(node, reason)
        finder.freeze(out, reason)
        return out
    if not channels or depth % channels:
        finder.freeze((*source, *out), f"{node.op} {node.name!r} is grouped")
        return out
    finder.set_layout(weight, rule.in_axis, _repeat(source, depth // channels))
    finder.set_layout(weight, rule.out_axis, out)
    _tie_followers(finder, node, rule.followers, out)
    return out


def _grouped(finder: Finder, node: Node, rule: Grouped) -> Layout | None:
    """Output channel c * m + i belongs to input channel c; weight and bias follow the output."""
    source = _incoming(finder, node)
    if not source:
        return None
    multiplier = node.outputs[0].type.shape[-1] // finder.length(source)
    out = tuple(Segment(s.space, s.outer, s.inner * multiplier) for s in source)
    finder.set_layout(node.operand(rule.weight), rule.out_axis, out)
    _tie_followers(finder, node, rule.followers, out)
    return out


def _ties(finder: Finder, node: Node, _rule: Ties) -> Layout | None:
    """Every operand with as many channels as the output has the same channels; a broadcast one has none."""
    channels = node.outputs[0].type.shape[-1] if node.outputs[0].type.shape else 1
    wide = [v for v in node.present_inputs() if v.type.shape and v.type.shape[-1] == channels]
    tied = _tie(finder, node, wide)
    for value in node.present_inputs():
        if value not in wide:
            finder.freeze(finder.layout(value), f"{node.op} {node.name!r} broadcasts it")
    return tied


def _tie(finder: Finder, node: Node, values: Iterable[Value]) -> Layout | None:
    """Give values the same channels; constants follow the others."""
    tied: Layout | None = None
    for value in sorted(values, key=lambda v: v.is_constant):
        if value.is_constant and tied is not None:
            finder.set_layout(value, len(value.type.shape) - 1, tied)
        elif tied is None:
            tied = finder.layout(value)
        else:
            finder.unify(tied, finder.layout(value), f"{node.op} {node.name!r} joins different blocks")
    return tied


def _passes(finder: Finder, node: Node, _rule: Passes) -> Layout | None:
    return _incoming(finder, node)


def _reduces(finder: Finder, node: Node, rule: Reduces) -> Layout | None:
    return None if _is_last(node, rule.axes) else _incoming(finder, node)


def _along(finder: Finder, node: Node, rule: Along) -> Layout | None:
    if _is_last(node, rule.axes):
        finder.stop(node, f"{node.op} {node.name!r} works along them")
    return _incoming(finder, node)


def _looks_up(finder: Finder, node: Node, rule: LooksUp) -> Layout | None:
    """A table of numbers is read element by element, at indices that have channels."""
    if node.operand(0).is_constant and len(node.operand(0).type.shape) == 1:
        return finder.layout(node.operand(rule.indices))
    return _along(finder, node, Along(rule.axis))


def _joins(finder: Finder, node: Node, rule: Joins) -> Layout | None:
    """Along the last axis one layout after the other, along another axis all the same."""
    inputs = list(node.present_inputs())
    rank = len(node.outputs[0].type.shape)
    if node.attrs.axis % rank != rank - 1:
        return _tie(finder, node, inputs)
    if rule.stacks:
        finder.stop(node, f"{node.op} {node.name!r} stacks them along a new axis")
        return None
    for value in inputs:
        if not finder.layout(value):
            finder.fresh(value, f"{node.op} {node.name!r} joins a constant")
    return tuple(segment for value in inputs for segment in finder.layout(value))


def _splits(finder: Finder, node: Node, rule: Splits) -> Layout | list[Layout | None] | None:
    """Along the last axis every piece keeps whole segments; equal pieces must stay equal and become one."""
    layout = _incoming(finder, node)
    if not _is_last(node, rule.axis):
        return layout
    pieces = None
    if len(node.outputs[0].type.shape) == len(op_def(node.op).source(node).type.shape):
        pieces = _cut(finder, layout, [value.type.shape[-1] for value in node.outputs])
    if pieces is None:
        finder.stop(node, f"{node.op} {node.name!r} cuts through them")
        return None
    if rule.sizes is None:
        for piece in pieces[1:]:
            finder.unify(pieces[0], piece, f"{node.op} {node.name!r} cuts them into unlike pieces")
    return list(pieces)


def _cut(finder: Finder, layout: Layout, lengths: Iterable[int]) -> list[Layout] | None:
    """Return the layouts of the pieces of an axis, or None where a cut does not fall between rows of channels."""
    pieces: list[Layout] = []
    rest = list(layout)
    for length in lengths:
        piece: list[Segment] = []
        while length and rest:
            segment = rest.pop(0)
            row = finder.sizes[segment.space] * segment.inner
            rows = min(segment.outer, length // row)
            if not rows:
                return None
            piece.append(replace(segment, outer=rows))
            length -= rows * row
            if rows < segment.outer:
                rest.insert(0, replace(segment, outer=segment.outer - rows))
        if length:
            return None
        pieces.append(tuple(piece))
    return pieces


def _slices(finder: Finder, node: Node, rule: Slices) -> Layout | None:
    before, after = op_def(node.op).source(node).type.shape, node.outputs[0].type.shape
    strides = None if rule.strides is None else node.operand(rule.strides).data
    shrunk = 0 if rule.shrink is None else getattr(node.attrs, rule.shrink) >> len(before) - 1 & 1
    if not after or shrunk or after[-1] != before[-1] or (strides is not None and strides[-1] != 1):
        finder.stop(node, f"{node.op} {node.name!r} takes some of them")
        return None
    return _incoming(finder, node)


def _transposes(finder: Finder, node: Node, rule: Transposes) -> Layout | None:
    perm = node.operand(rule.perm).data
    if perm is None or int(perm[-1]) != len(perm) - 1:
        finder.stop(node, f"{node.op} {node.name!r} moves them to another axis")
        return None
    return _incoming(finder, node)


def _reshapes(finder: Finder, node: Node, _rule: Reshapes) -> Layout | None:
    """Channels stay if the last axis does, or if it is merged with whole axes before it."""
    before, after = node.operand(0).type.shape, node.outputs[0].type.shape
    layout = _incoming(finder, node)
    if not before or not after:
        return None
    for axis in range(len(before) - 1, -1, -1):
        if prod(before[axis:]) == after[-1]:
            return _repeat(layout, after[-1] // before[-1])
    return None


def _barrier(finder: Finder, node: Node, rule: Barrier) -> Layout | None:
    finder.stop(node, rule.reason)
    return _incoming(finder, node)


def _incoming(finder: Finder, node: Node) -> Layout:
    """Return the channels of the data that a node reads."""
    return finder.layout(op_def(node.op).source(node))


def _is_last(node: Node, where: int | str) -> bool:
    """Whether the axes in an operand or attribute include the last of the data, or are not known."""
    rank = len(op_def(node.op).source(node).type.shape)
    if isinstance(where, str):
        return bool(getattr(node.attrs, where) % rank == rank - 1)
    axes = node.operand(where).data
    return axes is None or any(int(axis) % rank == rank - 1 for axis in axes.reshape(-1))


_RULES: dict[type[Any], Callable[[Finder, Node, Any], Layout | list[Layout | None] | None]] = {
    Produces: _produces,
    Grouped: _grouped,
    Ties: _ties,
    Passes: _passes,
    Reduces: _reduces,
    Along: _along,
    LooksUp: _looks_up,
    Joins: _joins,
    Splits: _splits,
    Slices: _slices,
    Transposes: _transposes,
    Reshapes: _reshapes,
    Barrier: _barrier,
}


def visit(finder: Finder, node: Node) -> None:
    """Tie the channels that a node makes to those that it reads, or freeze both."""
    rule = op_def(node.op).channels
    layouts = _RULES[type(rule)](finder, node, rule)
    if not isinstance(layouts, list):
        layouts = [layouts] * len(node.outputs)
    for output, layout in zip(node.outputs, layouts, strict=True):
        if layout is None or not output.type.shape or finder.length(layout) != output.type.shape[-1]:
            finder.stop(node, f"{node.op} {node.name!r} changes their number")
            finder.fresh(output, f"{node.op} {node.name!r} makes it")
        else:
            finder.set_layout(output, len(output.type.shape) - 1, layout)
