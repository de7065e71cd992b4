"""The applier: make a graph in which every channel space keeps the channels it is told to, in that order.

Permuting and slicing are the same act; `permute.py` and `slice.py` say which channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from redsc.ir import Array, DepthwiseConv2D, Graph, Node, Quant, Reshape, TensorType, Value, op_def
from redsc.ir.ops.cut import sliced_axes
from redsc.ir.rules import Pads, Slices, Splits
from redsc.passes.spaces.space import ChannelGroups, Layout, kept_indices

__all__ = ["gather_axes", "gather_channels"]

Kept = Callable[[Value], Mapping[int, Array]]


def gather_channels(graph: Graph, groups: ChannelGroups, keep: Mapping[int, Array]) -> Graph:
    """Return a new graph; `keep[space id]` lists the channels that stay. Spaces not named keep all.

    Constants are views where the kept channels are a prefix, so slicing copies nothing.
    """
    sizes = {space.id: space.size for space in groups.spaces}
    copies: dict[Value, Value] = {}

    def kept(value: Value) -> dict[int, Array]:
        layouts = groups.axes.get(value.name, {}).items()
        return {axis: kept_indices(layout, keep, sizes) for axis, layout in layouts if _touches(layout, keep)}

    def copy(value: Value) -> Value:
        if value not in copies:
            copies[value] = gather_axes(value, kept(value))
        return copies[value]

    result = Graph(graph.name, inputs=[copy(value) for value in graph.inputs])
    for node in graph.nodes:
        outputs = [copy(value) for value in node.outputs]
        inputs = [None if value is None else copy(value) for value in node.inputs]
        for index, numbers in _written_numbers(node, outputs, kept):
            inputs[index] = _follow(node, index, copy(node.operand(index)), numbers)
        result.append(node.op, inputs, outputs, _attrs(node, inputs[0], outputs), node.origin)
    result.outputs = [copy(value) for value in graph.outputs]
    return result


def _touches(layout: Layout, keep: Mapping[int, Array]) -> bool:
    return any(segment.space in keep for segment in layout)


def gather_axes(value: Value, axes: Mapping[int, Array], name: str | None = None) -> Value:
    """Return a copy of a value, under its name or another one, in which each axis keeps the given indices."""
    name = value.name if name is None else name
    quant = value.type.quant
    if quant and quant.is_per_channel and quant.axis in axes:
        quant = _gather_quant(quant, axes[quant.axis])
    if value.data is None:
        shape = list(value.type.shape)
        for axis, indices in axes.items():
            shape[axis] = len(indices)
        return Value(name, TensorType(tuple(shape), value.type.dtype, quant))
    data = value.data
    for axis, indices in axes.items():
        data = _take(data, indices, axis)
    return Value.constant(name, data, quant)


def _take(data: Array, indices: Array, axis: int) -> Array:
    if np.array_equal(indices, np.arange(len(indices))):
        return data[(slice(None),) * axis + (slice(0, len(indices)),)]
    return data.take(indices, axis)


def _gather_quant(quant: Quant, indices: Array) -> Quant:
    places = indices.tolist()
    scales = tuple(map(quant.scales.__getitem__, places))
    zero_points = quant.zero_points
    if len(zero_points) > 1:
        zero_points = tuple(map(zero_points.__getitem__, places))
    return Quant(scales, zero_points, quant.axis if len(scales) > 1 else 0)


def _written_numbers(node: Node, outputs: Sequence[Value], kept: Kept) -> Iterator[tuple[int, list[int]]]:
    """Yield the constant operands that repeat sizes of the outputs or places in the data, with what they must hold.

    `kept` gives the indices that stay of the axes of a value; -1 as a size stands for the rest.
    """
    op, rule = op_def(node.op), op_def(node.op).channels
    if op.shape_operand is not None:
        yield op.shape_operand, _but_rest(node, op.shape_operand, outputs[0].type.shape)
    if isinstance(rule, Splits) and rule.sizes is not None and isinstance(rule.axis, int):
        axis = _numbers(node, rule.axis)[0]
        yield rule.sizes, _but_rest(node, rule.sizes, [value.type.shape[axis] for value in outputs])
    if isinstance(rule, Slices):
        yield from _written_places(node, rule, kept)
    if isinstance(rule, Pads):
        yield rule.paddings, _written_paddings(node, rule, kept)


def _written_places(node: Node, rule: Slices, kept: Kept) -> Iterator[tuple[int, list[int]]]:
    """Yield begin and end of a slice of channels, where the channels change."""
    source, taken = op_def(node.op).source(node), sliced_axes(node)
    for index in (rule.begin, rule.end):
        numbers = None if index is None else _numbers(node, index)
        for axis, indices in kept(source).items():
            part = taken[axis]
            if numbers is not None and isinstance(part, slice):
                place = part.indices(source.type.shape[axis])[0 if index == rule.begin else 1]
                numbers[axis] = int((indices < place).sum())
        if index is not None and numbers is not None:
            yield index, numbers


def _written_paddings(node: Node, rule: Pads, kept: Kept) -> list[int]:
    """Return the paddings, where channels that padding makes go without these."""
    numbers, shape = _numbers(node, rule.paddings), node.outputs[0].type.shape
    indices = kept(node.outputs[0]).get(len(shape) - 1)
    if indices is None:
        return numbers
    end = shape[-1] - numbers[-1]
    return [*numbers[:-2], int((indices < numbers[-2]).sum()), int((indices >= end).sum())]


def _but_rest(node: Node, index: int, sizes: Sequence[int]) -> list[int]:
    return [-1 if old == -1 else size for old, size in zip(_numbers(node, index), sizes, strict=True)]


def _numbers(node: Node, index: int) -> list[int]:
    return [int(number) for number in np.asarray(node.operand(index).data).reshape(-1)]


def _follow(node: Node, index: int, value: Value, numbers: Sequence[int]) -> Value:
    """Return a constant that holds these numbers: the same one where it does."""
    if _numbers(node, index) == list(numbers):
        return value
    data = np.asarray(value.data)
    shared = len(node.operand(index).uses) > 1
    name = f"{node.outputs[0].name}/{value.name}" if shared else value.name
    return Value.constant(name, np.array(numbers, data.dtype).reshape(data.shape))


def _attrs(node: Node, source: Value | None, outputs: Sequence[Value]) -> Any:
    """Return the node's attributes; those that repeat sizes follow the operands."""
    if isinstance(node.attrs, Reshape):
        return replace(node.attrs, new_shape=outputs[0].type.shape)
    if isinstance(node.attrs, DepthwiseConv2D) and source is not None:
        return replace(node.attrs, depth_multiplier=outputs[0].type.shape[-1] // source.type.shape[-1])
    return node.attrs
