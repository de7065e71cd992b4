"""What an op needs to run in int8, read from its entry in the op table. No op is known by name here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import Enum

import numpy as np

from redsc.ir import Array, DType, Graph, Node, Quant, Value, copy_graph, op_def
from redsc.ir.rules import Contracts, Fixed, Grouped, Produces, RawIntegers, SameInputScales, SameScale
from redsc.ir.scale_limits import why_scales_fail

__all__ = [
    "Role",
    "annotate",
    "fixed_quant",
    "has_int8_kernel",
    "is_float_node",
    "is_int8",
    "quantize_array",
    "role_of",
    "tied_values",
    "weight_axis",
    "weight_of_bias",
    "why_float",
    "why_not_int8",
    "without_annotations",
]


class Role(Enum):
    """What an operand is for its node."""

    DATA = "data"
    WEIGHT = "weight"
    BIAS = "bias"


_INTEGERS = {Role.DATA: DType.INT8, Role.WEIGHT: DType.INT8, Role.BIAS: DType.INT32}


def is_int8(graph: Graph) -> bool:
    """Whether a network computes in int8; hybrid files, with int8 weights only, do not."""
    return any(value.type.dtype is DType.INT8 for value in graph.activations())


def is_float_node(node: Node) -> bool:
    """Whether an operand or a result is float."""
    return any(_is_float(value) for value in (*node.present_inputs(), *node.outputs))


def has_int8_kernel(node: Node) -> bool:
    """Whether the op has a signature in which every float of this node is an integer."""
    inputs = [
        None if value is None else _INTEGERS[role_of(node, index)] if _is_float(value) else value.type.dtype
        for index, value in enumerate(node.inputs)
    ]
    outputs = {DType.INT8 if _is_float(value) else value.type.dtype for value in node.outputs}
    op = op_def(node.op)
    takes = any(row.takes(inputs) and outputs <= {row.output} for row in op.signatures)
    return takes and not isinstance(op.quant, RawIntegers)


def role_of(node: Node, index: int) -> Role:
    """Return the role of a float operand; what is no weight and no bias is data."""
    rule = op_def(node.op).channels
    if isinstance(rule, (Produces, Grouped)):
        if index == rule.weight:
            return Role.WEIGHT
        if index in rule.followers:
            return Role.BIAS
    if isinstance(rule, Contracts):
        if index in (*rule.weights, *rule.recurrent):
            return Role.WEIGHT
        if index in rule.followers:
            return Role.BIAS
    return Role.DATA


def weight_of_bias(node: Node, index: int) -> Value:
    """Return the weight whose products a bias is added to."""
    rule = op_def(node.op).channels
    if isinstance(rule, Contracts):
        return node.operand(rule.weights[rule.followers.index(index)])
    assert isinstance(rule, (Produces, Grouped))
    return node.operand(rule.weight)


def weight_axis(node: Node) -> int:
    """Return the axis of the weight that counts output channels."""
    rule = op_def(node.op).channels
    assert isinstance(rule, (Produces, Grouped))
    return rule.out_axis


def fixed_quant(node: Node) -> Quant | None:
    """Return the quantisation that the kernel prescribes for its outputs, or None."""
    rule = op_def(node.op).quant
    return Quant.per_tensor(rule.scale, rule.zero_point) if isinstance(rule, Fixed) else None


def tied_values(node: Node) -> tuple[Value, ...]:
    """Return the float values that must agree in scale for this node to run in int8."""
    op = op_def(node.op)
    outputs = node.outputs if isinstance(op.quant, SameScale) else ()
    if not isinstance(op.quant, (SameScale, SameInputScales)):
        return ()
    return tuple(value for value in (*op.data_inputs(node), *outputs) if _is_float(value))


def why_not_int8(node: Node, keep_float: Collection[str] = ()) -> str | None:
    """Return why a node cannot run in int8 whatever the scales are, or None."""
    if node.name in keep_float:
        return "it is kept float by request"
    if not has_int8_kernel(node):
        return f"there is no int8 kernel for {node.op}"
    for index, value in enumerate(node.inputs):
        if value is not None and _is_float(value):
            role = role_of(node, index)
            if role is not Role.DATA and not value.is_constant:
                return f"its {role.value} is no constant"
    return None


def why_float(node: Node, keep_float: Collection[str] = ()) -> str | None:
    """Return why a float node stays float, or None."""
    reason = why_not_int8(node, keep_float)
    if reason:
        return reason
    for index, value in enumerate(node.inputs):
        if value is not None and _needs_scale(value) and role_of(node, index) is not Role.BIAS:
            return f"no scale is known for {value.name!r}"
    unknown = [value.name for value in node.outputs if _needs_scale(value)]
    return f"no scale is known for {unknown[0]!r}" if unknown else why_scales_fail(node)


def _needs_scale(value: Value) -> bool:
    return value.type.dtype is DType.FLOAT32 and value.type.quant is None


def annotate(graph: Graph, quants: Mapping[str, Quant | None]) -> Graph:
    """Return a copy of a graph in which float values carry the quantisation that `quants` has for their names."""

    def copy(value: Value) -> Value:
        quant = quants.get(value.name, value.type.quant)
        if value.data is not None:
            return Value.constant(value.name, value.data, quant)
        return Value(value.name, replace(value.type, quant=quant))

    return copy_graph(graph, copy)


def without_annotations(graph: Graph) -> Graph:
    """Return a copy of a graph whose float values know of no int8 form: it is to stay float."""
    return annotate(graph, {value.name: None for value in graph.values() if _is_float(value)})


def quantize_array(data: Array, quant: Quant, dtype: DType = DType.INT8) -> Array:
    """Return the integers nearest to real numbers, saturated."""
    shape = [1] * data.ndim
    if quant.is_per_channel:
        shape[quant.axis] = -1
    scales = np.array(quant.scales).reshape(shape)
    zero_points = np.broadcast_to(np.array(quant.zero_points), len(quant.scales)).reshape(shape)
    limits = np.iinfo(dtype.numpy)
    steps = np.rint(data.astype(np.float64) / scales) + zero_points
    return np.asarray(np.clip(steps, limits.min, limits.max), dtype.numpy)


def _is_float(value: Value) -> bool:
    return value.type.dtype is DType.FLOAT32
