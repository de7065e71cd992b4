"""One small graph per op and signature: what every op and element type is tried with in the real runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from math import sqrt
from typing import Any

import numpy as np

from redsc.ir import NO_ATTRS, OPS, Array, DType, Graph, GraphBuilder, Quant, Value, Variable
from redsc.ir.ops import keeps_nothing
from redsc.ir.rules import Fixed, OwnScale
from redsc.ir.signatures import Signature
from tests.sample_operands import IMAGE, SAMPLES, Below, Operand, Weight

__all__ = ["pure_cases", "sample_graph", "sample_inputs", "signature_cases"]

_SCALED = (DType.INT8, DType.INT16)
_ZERO_POINTS = {DType.INT8: -5}


def signature_cases() -> Iterator[tuple[str, Signature]]:
    """Yield every op with each of its signatures."""
    for name, op in OPS.items():
        for row in op.signatures:
            yield name, row


def pure_cases() -> Iterator[tuple[str, Signature]]:
    """Yield the same of the ops whose outputs depend on their operands alone, and that do nothing else."""
    kept = {name for name, op in OPS.items() if op.is_stateful or op.keeps is not keeps_nothing}
    return ((name, row) for name, row in signature_cases() if name not in kept)


def sample_graph(name: str, row: Signature) -> Graph:
    """Return a graph of one node; one that keeps state is read before it is assigned: y[t] = x[t - 1]."""
    if OPS[name].is_stateful:
        return _delay(row)
    builder, random = GraphBuilder(), np.random.default_rng(0)
    sample, op = SAMPLES[name], OPS[name]
    values = [
        _value(builder, random, f"{name}_{index}", operand, row.inputs[min(index, len(row.inputs) - 1)], op.quant)
        for index, operand in enumerate(sample.operands)
    ]
    _scale_bias(values)
    attrs = _without_scales(op.attrs() if sample.attrs is NO_ATTRS else sample.attrs, row)
    pieces = getattr(attrs, "num", getattr(attrs, "num_splits", 1))
    outputs = builder.split_op(
        name,
        *values,
        attrs=attrs,
        names=[f"{name}_out{index}" for index in range(pieces)],
        dtype=row.output,
        quant=_output_quant(row.output, op.quant, name),
    )
    return builder.output(*outputs)


def _without_scales(attrs: Any, row: Signature) -> Any:
    """Return attributes for elements of a type: floats have no scales."""
    scales = [item for item in fields(attrs) if item.name in ("state_scale", "cell_scale")]
    return replace(attrs, **{item.name: item.default for item in scales if row.output is DType.FLOAT32})


def _delay(row: Signature) -> Graph:
    builder, random = GraphBuilder(), np.random.default_rng(0)
    dtype = row.output
    source = builder.input("x", IMAGE, dtype, _quant(dtype, 0.04))
    start = Value("start", source.type)
    initial = builder.constant("initial", _random(random, start, None, False), source.type.quant)
    read = builder.op(
        "READ_VARIABLE", initial, attrs=Variable("state"), name="y", dtype=dtype, quant=_quant(dtype, 0.04)
    )
    builder.split_op("ASSIGN_VARIABLE", source, attrs=Variable("state"), names=())
    return builder.output(read)


def sample_inputs(graph: Graph, count: int = 3) -> list[list[Array]]:
    """Return inputs that the op of a sample graph can digest."""
    *_, node = graph.nodes
    random, sample = np.random.default_rng(1), SAMPLES[node.op]
    limits = {
        id(value): operand.limit
        for value, operand in zip(node.inputs, sample.operands, strict=True)
        if isinstance(operand, Below)
    }
    return [
        [_random(random, value, limits.get(id(value)), sample.positive) for value in graph.inputs]
        for _ in range(count)
    ]


def _value(
    builder: GraphBuilder, random: np.random.Generator, name: str, operand: Operand, dtype: DType, rule: object
) -> Value | None:
    scale = 0.05 if isinstance(rule, OwnScale) and name.endswith("1") else 0.04
    quant = _wide_quant(name, dtype) or _quant(dtype, scale)
    match operand:
        case tuple():
            return builder.input(name, operand, dtype, quant)
        case Below():
            return builder.input(name, operand.shape, dtype)
        case np.ndarray():
            return builder.constant(name, operand)
        case Weight():
            return builder.constant(name, *_weight(random, operand, dtype, quant))
    return None


def _weight(
    random: np.random.Generator, weight: Weight, dtype: DType, quant: Quant | None
) -> tuple[Array, Quant | None]:
    if dtype is DType.FLOAT32:
        return np.asarray(random.standard_normal(weight.shape) / sqrt(9), np.float32), None
    data = random.integers(-100, 100, weight.shape, dtype.numpy)
    if dtype is DType.INT32:
        return np.asarray(data), Quant.per_tensor(weight.scale) if weight.scale else None
    if weight.axis is None:
        return data, Quant.per_tensor(0.01) if weight.symmetric else quant
    scales = np.linspace(0.005, 0.02, weight.shape[weight.axis]).astype(np.float32)
    return data, Quant(tuple(scales.tolist()), (0,), weight.axis)


def _scale_bias(values: list[Value | None]) -> None:
    """Give an int32 bias the scales of the products that it is added to."""
    scaled = [value.type.quant for value in values if value is not None and value.type.quant]
    bias = values[-1]
    if bias is None or bias.data is None or bias.type.dtype is not DType.INT32 or len(scaled) != 2:
        return
    weight, source = sorted(scaled, key=lambda quant: -len(quant.scales))
    if bias.data.ndim == 1 and bias.type.quant is None and len(values) > 2:
        weight, source = (weight, source) if weight.is_per_channel else (scaled[1], scaled[0])
        scales = tuple(float(np.float32(scale * source.scale)) for scale in weight.scales)
        values[-1] = Value.constant(bias.name, bias.data, Quant(scales, (0,)))


def _quant(dtype: DType, scale: float) -> Quant | None:
    return Quant.per_tensor(scale, _ZERO_POINTS.get(dtype, 0)) if dtype in _SCALED else None


def _wide_quant(name: str, dtype: DType) -> Quant | None:
    return Quant.per_tensor(0.001) if name.startswith("QUANTIZE") and dtype is DType.INT32 else None


def _output_quant(dtype: DType, rule: object, name: str) -> Quant | None:
    if isinstance(rule, Fixed) and dtype is DType.INT8:
        return Quant.per_tensor(rule.scale, rule.zero_point)
    if isinstance(rule, Fixed) and dtype is DType.INT16 and rule.int16:
        return Quant.per_tensor(*rule.int16)
    fine = name == "DIV"  # of coarse quotients tflite-micro's kernel makes any number
    return _wide_quant(name, dtype) or _quant(dtype, 0.01 if fine else 0.1 if isinstance(rule, OwnScale) else 0.04)


def _random(random: np.random.Generator, value: Value, limit: int | None, positive: bool) -> Array:
    kind = value.type
    if kind.dtype is DType.FLOAT32:
        data = random.standard_normal(kind.shape, np.float32)
        return np.asarray(np.abs(data) + np.float32(0.1) if positive else data)
    if kind.dtype is DType.BOOL:
        return random.integers(0, 2, kind.shape).astype(np.bool_)
    low, high = (-1000, 1000) if kind.dtype in (DType.INT32, DType.INT64) else _range(kind.dtype)
    if positive:
        low = (kind.quant.zero_point if kind.quant else 0) + 1
    if limit is not None:
        low, high = 0, limit
    return random.integers(low, high, kind.shape, kind.dtype.numpy)


def _range(dtype: DType) -> tuple[int, int]:
    limits = np.iinfo(dtype.numpy)
    return int(limits.min), int(limits.max)
