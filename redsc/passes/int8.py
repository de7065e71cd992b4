"""What an op needs to run in int8, read from its entry in the op table. No op is known by name here."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

import numpy as np

from redsc.ir import Array, DType, Graph, Node, Quant, Value, op_def
from redsc.ir.rules import Fixed, Grouped, Produces, SameScale, Signature

__all__ = [
    "Role",
    "annotate",
    "fixed_quant",
    "int8_signature",
    "is_float_node",
    "quantize_array",
    "role_of",
    "tied_values",
    "weight_axis",
    "why_not_int8",
]

_BECOMES = {DType.FLOAT32: (DType.INT8, DType.INT32)}  # activations and weights int8, biases int32


class Role(Enum):
    """What an operand is for its node."""

    DATA = "data"
    WEIGHT = "weight"
    BIAS = "bias"


def is_float_node(node: Node) -> bool:
    """Whether an operand or a result is float."""
    return any(_is_float(value) for value in (*node.present_inputs(), *node.outputs))


def int8_signature(node: Node) -> Signature | None:
    """Return the row of the op's signatures in which every float of this node is an integer, or None."""
    for row in op_def(node.op).signatures:
        fits = len(node.inputs) <= len(row.inputs) and all(
            value is None or wanted in _BECOMES.get(value.type.dtype, (value.type.dtype,))
            for value, wanted in zip(node.inputs, row.inputs, strict=False)
        )
        result = node.outputs[0].type.dtype
        if fits and row.output is (DType.INT8 if result is DType.FLOAT32 else result):
            return row
    return None


def role_of(node: Node, index: int) -> Role:
    """Return the role of a float operand; what is no weight and no bias is data."""
    rule = op_def(node.op).channels
    if isinstance(rule, (Produces, Grouped)):
        if index == rule.weight:
            return Role.WEIGHT
        if index in rule.followers:
            return Role.BIAS
    return Role.DATA


def weight_axis(node: Node) -> int:
    """Return the axis of the weight that counts output channels."""
    rule = op_def(node.op).channels
    assert isinstance(rule, (Produces, Grouped))
    return rule.out_axis if isinstance(rule, Produces) else rule.axis


def fixed_quant(node: Node) -> Quant | None:
    """Return the quantisation that the kernel prescribes for its outputs, or None."""
    rule = op_def(node.op).quant
    return Quant.per_tensor(rule.scale, rule.zero_point) if isinstance(rule, Fixed) else None


def tied_values(node: Node) -> tuple[Value, ...]:
    """Return the float values that must agree in scale for this node to run in int8."""
    op = op_def(node.op)
    if not isinstance(op.quant, SameScale):
        return ()
    return tuple(value for value in (*op.data_inputs(node), *node.outputs) if _is_float(value))


def why_not_int8(node: Node, keep_float: Collection[str] = ()) -> str | None:
    """Return why a node cannot run in int8 whatever the scales are, or None."""
    if node.name in keep_float:
        return "it is kept float by request"
    if int8_signature(node) is None:
        return f"there is no int8 kernel for {node.op}"
    for index, value in enumerate(node.inputs):
        if value is not None and _is_float(value):
            role = role_of(node, index)
            if role is not Role.DATA and not value.is_constant:
                return f"its {role.value} is no constant"
    return None


def annotate(graph: Graph, quants: dict[str, Quant]) -> Graph:
    """Return a copy of a graph in which float values carry the quantisation that `quants` has for their names."""
    copies: dict[Value, Value] = {}

    def copy(value: Value) -> Value:
        if value not in copies:
            quant = quants.get(value.name, value.type.quant)
            if value.data is not None:
                copies[value] = Value.constant(value.name, value.data, quant)
            else:
                copies[value] = Value(value.name, type(value.type)(value.type.shape, value.type.dtype, quant))
        return copies[value]

    result = Graph(graph.name, inputs=[copy(value) for value in graph.inputs])
    for node in graph.nodes:
        inputs = [None if value is None else copy(value) for value in node.inputs]
        result.append(node.op, inputs, [copy(value) for value in node.outputs], node.attrs, node.origin)
    result.outputs = [copy(value) for value in graph.outputs]
    return result


def quantize_array(data: Array, quant: Quant, dtype: DType = DType.INT8, low: int | None = None) -> Array:
    """Return the integers nearest to real numbers, saturated; `low` is the least of them (-127 for weights)."""
    shape = [1] * data.ndim
    if quant.is_per_channel:
        shape[quant.axis] = -1
    scales = np.array(quant.scales).reshape(shape) if data.ndim else np.float64(quant.scale)
    zero_points = np.broadcast_to(np.array(quant.zero_points), len(quant.scales))
    zero_points = zero_points.reshape(shape) if data.ndim else zero_points[0]
    limits = np.iinfo(dtype.numpy)
    steps = np.rint(data.astype(np.float64) / scales) + zero_points
    result: Array = np.clip(steps, limits.min if low is None else low, limits.max).astype(dtype.numpy)
    return result


def _is_float(value: Value) -> bool:
    return value.type.dtype is DType.FLOAT32
