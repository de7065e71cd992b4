"""Forms of numbers that tflite-micro does not take, brought into those that it does.

1. uint8 activations (TFLite up to 2019) are int8 ones moved by 128: scale and meaning stay.
2. uint8 weights have a zero point of their own, int8 kernels know none: they become symmetric, per channel where
   the op may. Channels that fit into 127 old steps stay as they are, the others lose at most one old step.
3. Hybrid models have int8 weights under float activations: the weights become floats that note their int8 form.
4. float16 constants become float32, and a DEQUANTIZE of a constant is one.

What several nodes read is brought into its new form once: `made` keeps it.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from redsc.errors import MalformedModel
from redsc.ir import Array, DType, Node, Quant, Shape, TensorType, Value, op_def, real_values
from redsc.ir.rules import Grouped, Produces

__all__ = [
    "FLOAT16",
    "Made",
    "as_int8",
    "unpack_constant",
    "widened",
    "with_real_constants",
    "with_symmetric_weights",
]

FLOAT16 = 1  # TensorType.FLOAT16, schema.fbs

Made = dict[tuple[object, ...], Value]
_MIDDLE = 128
_LARGEST = 127


def widened(name: str, raw: bytes, shape: Shape) -> Value:
    """Return a float16 constant as float32.

    Raises:
        MalformedModel: its data are too short for its shape.
    """
    if len(raw) < 2 * prod(shape):
        raise MalformedModel(f"tensor {name!r} has {len(raw)} B of data, its type needs {2 * prod(shape)}")
    return Value.constant(name, np.frombuffer(raw[: 2 * prod(shape)], "<f2").reshape(shape).astype(np.float32))


def as_int8(value: Value) -> Value:
    """Return a quantised uint8 tensor as int8, any other one as it is."""
    quant = value.type.quant
    if value.type.dtype is not DType.UINT8 or quant is None:
        return value
    moved = replace(quant, zero_points=tuple(point - _MIDDLE for point in quant.zero_points))
    if value.data is None:
        return Value(value.name, TensorType(value.type.shape, DType.INT8, moved))
    return Value.constant(value.name, np.asarray(value.data.astype(np.int16) - _MIDDLE, np.int8), moved)


def unpack_constant(node: Node, made: Made) -> bool:
    """Make the output of a DEQUANTIZE of a constant a constant; return whether the node was one."""
    source, output = node.operand(0), node.outputs[0]
    if node.op != "DEQUANTIZE" or not source.is_constant:
        return False
    real = _real(source, made)
    output.data, output.type = real.data, replace(real.type, shape=output.type.shape)
    return True


def with_real_constants(node: Node, made: Made) -> Node:
    """Return a node over floats with floats in place of its quantised constants (rule 3)."""
    if op_def(node.op).source(node).type.dtype is not DType.FLOAT32:
        return node
    packed = [v is not None and v.is_constant and v.type.dtype is DType.INT8 for v in node.inputs]
    if not any(packed):
        return node
    inputs = [
        _real(v, made) if v is not None and is_packed else v
        for v, is_packed in zip(node.inputs, packed, strict=True)
    ]
    return replace(node, inputs=tuple(inputs))


def _real(value: Value, made: Made) -> Value:
    """Return the real numbers of a constant; a symmetric int8 form stays as a note."""
    if (value,) not in made:
        is_symmetric = value.type.dtype is DType.INT8 and value.type.quant and not any(value.type.quant.zero_points)
        made[value,] = Value.constant(
            value.name, real_values(value).astype(np.float32), value.type.quant if is_symmetric else None
        )
    return made[value,]


def with_symmetric_weights(node: Node, made: Made) -> Node:
    """Return a linear layer whose int8 weights have the zero point 0 (rule 2)."""
    rule = op_def(node.op).channels
    if not isinstance(rule, Produces | Grouped):
        return node
    weight, source = node.operand(rule.weight), op_def(node.op).source(node)
    if weight.type.dtype is not DType.INT8 or weight.type.quant is None or not any(weight.type.quant.zero_points):
        return node
    if not weight.is_constant or source.type.quant is None:
        return node
    symmetric = _symmetric(weight, None if node.op == "FULLY_CONNECTED" else rule.out_axis, made)
    inputs = list(node.inputs)
    inputs[rule.weight] = symmetric
    for place in rule.followers:
        bias = inputs[place] if place < len(inputs) else None
        if bias is not None and bias.is_constant and bias.type.dtype is DType.INT32:
            inputs[place] = _rescaled(bias, symmetric, source.type.quant.scale, made)
    return replace(node, inputs=tuple(inputs))


def _symmetric(weight: Value, axis: int | None, made: Made) -> Value:
    """Return int8 weights in steps around zero: one size for all, or one per index of an axis."""
    key = (weight, axis)
    if key not in made:
        real = real_values(weight)
        others = tuple(i for i in range(real.ndim) if i != axis)
        largest = np.abs(real).max(axis=others, keepdims=True)
        assert weight.type.quant is not None
        scales = np.maximum(largest / _LARGEST, max(weight.type.quant.scales)).astype(np.float32)
        data = np.rint(real / scales.astype(np.float64)).astype(np.int8)
        made[key] = Value.constant(weight.name, data, _quant(scales, axis))
    return made[key]


def _rescaled(bias: Value, weight: Value, source_scale: float, made: Made) -> Value:
    """Return an int32 bias in steps of a source and new weights."""
    key = (bias, weight, source_scale)
    if key not in made:
        assert weight.type.quant is not None
        scales = np.array(weight.type.quant.scales, np.float32) * np.float32(source_scale)
        bounds, steps = np.iinfo(np.int32), real_values(bias).reshape(-1) / scales.astype(np.float64)
        data = np.rint(steps).clip(bounds.min, bounds.max).astype(np.int32).reshape(bias.type.shape)
        made[key] = Value.constant(bias.name, data, _quant(scales, 0))
    return made[key]


def _quant(scales: Array, axis: int | None) -> Quant:
    found = tuple(scales.reshape(-1).tolist())
    return Quant(found, (0,), axis if axis is not None and len(found) > 1 else 0)
