"""Forms of numbers that tflite-micro does not take, brought into those that it does.

1. uint8 activations (TFLite up to 2019) are int8 ones moved by 128: scale and meaning stay.
2. uint8 weights have a zero point of their own, int8 kernels know none: they become symmetric, per channel where
   the op may. Channels that fit into 127 old steps stay as they are, the others lose at most one old step.
3. Hybrid models have int8 weights under float activations: the weights become floats that note their int8 form.
4. float16 constants become float32, and a DEQUANTIZE of a constant is one.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from redsc.errors import MalformedModel
from redsc.ir import Array, DType, Node, Quant, Shape, TensorType, Value, op_def
from redsc.ir.rules import Grouped, Produces

__all__ = [
    "FLOAT16",
    "as_int8",
    "unpack_constant",
    "widened",
    "with_real_constants",
    "with_symmetric_weights",
]

FLOAT16 = 1  # TensorType.FLOAT16, schema.fbs
_MIDDLE = 128
_LARGEST = 127


def widened(name: str, raw: bytes, shape: Shape) -> Value:
    """Return a float16 constant as float32."""
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
    return Value.constant(value.name, (value.data.astype(np.int16) - _MIDDLE).astype(np.int8), moved)


def unpack_constant(node: Node) -> bool:
    """Make the output of a DEQUANTIZE of a constant a constant; return whether the node was one."""
    source, output = node.operand(0), node.outputs[0]
    if node.op != "DEQUANTIZE" or not source.is_constant:
        return False
    real = _real(source)
    output.data, output.type = real.data, replace(real.type, shape=output.type.shape)
    return True


def with_real_constants(node: Node) -> Node:
    """Return a node over floats with floats in place of its quantised constants (rule 3)."""
    if op_def(node.op).source(node).type.dtype is not DType.FLOAT32:
        return node
    packed = [v is not None and v.is_constant and v.type.dtype is DType.INT8 for v in node.inputs]
    if not any(packed):
        return node
    inputs = [
        _real(v) if v is not None and is_packed else v for v, is_packed in zip(node.inputs, packed, strict=True)
    ]
    return replace(node, inputs=tuple(inputs))


def _real(value: Value) -> Value:
    """Return the real numbers of a constant; a symmetric int8 form stays as a note."""
    quant, data = value.type.quant, value.data
    assert data is not None
    if quant is None or value.type.dtype is DType.FLOAT32:
        return Value.constant(value.name, data.astype(np.float32))
    shape = [1] * data.ndim
    if quant.is_per_channel:
        shape[quant.axis] = len(quant.scales)
    points = np.broadcast_to(np.array(quant.zero_points), len(quant.scales)).reshape(shape)
    real = ((data.astype(np.float64) - points) * np.array(quant.scales).reshape(shape)).astype(np.float32)
    is_symmetric = value.type.dtype is DType.INT8 and not any(quant.zero_points)
    return Value.constant(value.name, real, quant if is_symmetric else None)


def with_symmetric_weights(node: Node) -> Node:
    """Return a linear layer whose int8 weights have the zero point 0 (rule 2)."""
    rule = op_def(node.op).channels
    if not isinstance(rule, Produces | Grouped):
        return node
    weight, source = node.operand(rule.weight), op_def(node.op).source(node)
    if weight.type.dtype is not DType.INT8 or weight.type.quant is None or not any(weight.type.quant.zero_points):
        return node
    if not weight.is_constant or source.type.quant is None:
        return node
    axis = rule.out_axis if isinstance(rule, Produces) else rule.axis
    real = _real(weight).data
    assert real is not None
    others = tuple(i for i in range(real.ndim) if i != axis or node.op == "FULLY_CONNECTED")
    largest = np.abs(real).max(axis=others).reshape(-1)
    scales = np.maximum(largest / _LARGEST, max(weight.type.quant.scales)).astype(np.float32)
    quant = Quant(tuple(scales.tolist()), (0,), axis if len(scales) > 1 else 0)
    shape = [-1 if i == axis and len(scales) > 1 else 1 for i in range(real.ndim)]
    data = np.rint(real / scales.astype(np.float64).reshape(shape)).astype(np.int8)
    inputs = list(node.inputs)
    inputs[rule.weight] = Value.constant(weight.name, data, quant)
    for place in rule.followers:
        bias = inputs[place] if place < len(inputs) else None
        if bias is not None and bias.type.dtype is DType.INT32:
            inputs[place] = _rescaled(bias, scales * np.float32(source.type.quant.scale))
    return replace(node, inputs=tuple(inputs))


def _rescaled(bias: Value, scales: Array) -> Value:
    """Return an int32 bias in steps of other scales."""
    real, bounds = _real(bias).data, np.iinfo(np.int32)
    assert real is not None
    data = (
        np.rint(real.astype(np.float64) / scales.astype(np.float64)).clip(bounds.min, bounds.max).astype(np.int32)
    )
    return Value.constant(bias.name, data, Quant(tuple(float(s) for s in scales), (0,)))
