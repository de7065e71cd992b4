"""The applier: make a graph in which every channel space keeps the channels it is told to, in that order.

Permuting and slicing are the same act; `permute.py` and `slice.py` say which channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from redsc.ir import Array, Graph, Node, Quant, Reshape, TensorType, Value, op_def
from redsc.ir.rules import Splits
from redsc.passes.spaces import ChannelGroups, Layout, kept_indices

__all__ = ["gather_channels"]


def gather_channels(graph: Graph, groups: ChannelGroups, keep: Mapping[int, Array]) -> Graph:
    """Return a new graph; `keep[space id]` lists the channels that stay. Spaces not named keep all.

    Constants are views where the kept channels are a prefix, so slicing copies nothing.
    """
    sizes = {space.id: space.size for space in groups.spaces}
    copies: dict[Value, Value] = {}

    def copy(value: Value) -> Value:
        if value not in copies:
            axes = {
                axis: kept_indices(layout, keep, sizes)
                for axis, layout in groups.axes.get(value.name, {}).items()
                if _touches(layout, keep)
            }
            copies[value] = _gather(value, axes)
        return copies[value]

    result = Graph(graph.name, inputs=[copy(value) for value in graph.inputs])
    for node in graph.nodes:
        outputs = [copy(value) for value in node.outputs]
        inputs = [None if value is None else copy(value) for value in node.inputs]
        for index, numbers in _written_sizes(node, outputs):
            inputs[index] = _follow(node, index, copy(node.operand(index)), numbers)
        result.append(node.op, inputs, outputs, _attrs(node, outputs[0]), node.origin)
    result.outputs = [copy(value) for value in graph.outputs]
    return result


def _touches(layout: Layout, keep: Mapping[int, Array]) -> bool:
    return any(segment.space in keep for segment in layout)


def _gather(value: Value, axes: Mapping[int, Array]) -> Value:
    """Return a copy of a value in which each axis keeps the given indices."""
    quant = value.type.quant
    if quant and quant.is_per_channel and quant.axis in axes:
        quant = _gather_quant(quant, axes[quant.axis])
    if value.data is None:
        shape = list(value.type.shape)
        for axis, indices in axes.items():
            shape[axis] = len(indices)
        return Value(value.name, TensorType(tuple(shape), value.type.dtype, quant))
    data = value.data
    for axis, indices in axes.items():
        data = _take(data, indices, axis)
    return Value.constant(value.name, data, quant)


def _take(data: Array, indices: Array, axis: int) -> Array:
    if np.array_equal(indices, np.arange(len(indices))):
        return data[(slice(None),) * axis + (slice(0, len(indices)),)]
    return data.take(indices, axis)


def _gather_quant(quant: Quant, indices: Array) -> Quant:
    scales = tuple(quant.scales[i] for i in indices)
    zero_points = quant.zero_points
    if len(zero_points) > 1:
        zero_points = tuple(zero_points[i] for i in indices)
    return Quant(scales, zero_points, quant.axis if len(scales) > 1 else 0)


def _written_sizes(node: Node, outputs: Sequence[Value]) -> Iterator[tuple[int, list[int]]]:
    """Yield the constant operands that repeat sizes of the outputs, with what they must hold."""
    op = op_def(node.op)
    if op.shape_operand is not None:
        yield op.shape_operand, list(outputs[0].type.shape)
    if isinstance(op.channels, Splits) and op.channels.sizes is not None and isinstance(op.channels.axis, int):
        axis = int(np.asarray(node.operand(op.channels.axis).data).reshape(-1)[0])
        yield op.channels.sizes, [value.type.shape[axis] for value in outputs]


def _follow(node: Node, index: int, value: Value, numbers: Sequence[int]) -> Value:
    """Return a constant that holds these numbers: the same one where it does, -1 stands for the rest."""
    data = np.asarray(value.data)
    if all(stored in (-1, wanted) for stored, wanted in zip(data.reshape(-1).tolist(), numbers, strict=True)):
        return value
    shared = len(node.operand(index).uses) > 1
    name = f"{node.outputs[0].name}/{value.name}" if shared else value.name
    return Value.constant(name, np.array(numbers, data.dtype).reshape(data.shape))


def _attrs(node: Node, output: Value) -> Any:
    """Return the node's attributes; a static shape among them follows the output."""
    return replace(node.attrs, new_shape=output.type.shape) if isinstance(node.attrs, Reshape) else node.attrs
