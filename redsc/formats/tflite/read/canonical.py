"""The one form in which a node or a type is kept that a file may write in several ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from redsc.ir import DType, Graph, Node, Quant, Reshape, Squeeze, Value, op_def
from redsc.ir.rules import RawIntegers

__all__ = ["canonical", "scale_plain_integers"]


def canonical(node: Node) -> Node:
    """Return the node in its canonical form; it is not yet part of a graph."""
    return _CANONICAL.get(node.op, _as_is)(node)


def scale_plain_integers(graph: Graph) -> None:
    """Say of int8 tensors without a scale that they are whole numbers, where kernels take them as such."""
    for value in graph.activations():
        nodes = [use.node for use in value.uses] + ([value.producer] if value.producer else [])
        is_plain = all(isinstance(op_def(node.op).quant, RawIntegers) for node in nodes)
        if is_plain and value.type.dtype is DType.INT8 and value.type.quant is None:
            value.type = replace(value.type, quant=Quant.per_tensor(1.0))


def _as_is(node: Node) -> Node:
    return node


def _resolve_reshape(node: Node) -> Node:
    """Drop the shape operand: the static output shape is in the attributes."""
    return replace(node, inputs=node.inputs[:1], attrs=Reshape(node.outputs[0].type.shape))


def _name_squeezed(node: Node) -> Node:
    """Name the axes that go: no name means every axis of size 1, which another width would change."""
    shape = node.operand(0).type.shape
    named = node.attrs.squeeze_dims or tuple(axis for axis, n in enumerate(shape) if n == 1)
    return replace(node, attrs=Squeeze(named))


def _vector_operand(node: Node) -> Node:
    """Give constant axes the rank of a vector: a scalar axis means the same."""
    axes = node.inputs[1]
    if axes is None or axes.data is None or axes.data.ndim == 1:
        return node
    name = f"{node.outputs[0].name}/{axes.name}"  # other nodes may read the scalar
    vector = Value.constant(name, np.asarray(axes.data).reshape(-1), axes.type.quant)
    return replace(node, inputs=(node.inputs[0], vector))


def _drop_empty_bias(node: Node) -> Node:
    """Leave a bias out for good: tflite-micro's depthwise kernel crashes on an operand number of -1."""
    return replace(node, inputs=node.inputs[:2]) if node.inputs[2:] == (None,) else node


_CANONICAL: dict[str, Callable[[Node], Node]] = {
    "RESHAPE": _resolve_reshape,
    "SQUEEZE": _name_squeezed,
    "DEPTHWISE_CONV_2D": _drop_empty_bias,
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL", "REVERSE_V2"), _vector_operand),
}
