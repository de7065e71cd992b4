"""One small graph per op and signature: what every op and element type is tried with in the real runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from math import sqrt
from typing import Any

import numpy as np

from redsc.ir import (
    LSTM,
    NO_ATTRS,
    OPS,
    Activation,
    ArgExtreme,
    Array,
    BatchMatMul,
    Block,
    Concatenation,
    Conv2D,
    CumSum,
    DepthwiseConv2D,
    Div,
    DType,
    FullyConnected,
    Gather,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Lstm,
    Mean,
    MirrorMode,
    MirrorPad,
    Mul,
    Pack,
    Padding,
    Pool2D,
    Quant,
    Reduce,
    Reshape,
    Resize,
    Shape,
    ShapeOf,
    Softmax,
    Split,
    Squeeze,
    StridedSlice,
    Sub,
    Svdf,
    TransposeConv,
    Unpack,
    Value,
    Variable,
)
from redsc.ir.ops import keeps_nothing
from redsc.ir.rules import Fixed, OwnScale
from redsc.ir.signatures import Signature

__all__ = ["SAMPLES", "Sample", "pure_cases", "sample_graph", "sample_inputs", "signature_cases"]


@dataclass(frozen=True, slots=True)
class Weight:
    """A random constant; in int8 it has a scale per index of `axis`, as a bias it may have one `scale`."""

    shape: Shape
    axis: int | None = None
    symmetric: bool = False
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class Below:
    """A graph input of indices below a limit."""

    shape: Shape
    limit: int


Operand = Shape | Array | Weight | Below | None


@dataclass(frozen=True, slots=True)
class Sample:
    """Operands of one node: a shape is a graph input, an array a constant; `positive` says what it can digest."""

    operands: tuple[Operand, ...]
    attrs: Any = NO_ATTRS
    positive: bool = False


def _ints(*numbers: int | tuple[int, ...]) -> Array:
    return np.array(numbers, np.int32)


_IMAGE: Shape = (1, 4, 6, 3)
_SAME2 = Pool2D(Padding.SAME, 2, 2, 2, 2, Activation.RELU)
_PLAIN = partial(Weight, symmetric=True)
_AXIS, _BEGIN = np.array(2, np.int32), _ints(0, 1, 2, 0)

_FAMILIES: dict[tuple[str, ...], Sample] = {
    ("RELU", "RELU6", "ELU", "HARD_SWISH", "LOGISTIC", "TANH", "ABS", "LOG_SOFTMAX", "L2_NORMALIZATION"): Sample(
        (_IMAGE,)
    ),
    ("CEIL", "COS", "EXP", "FLOOR", "NEG", "ROUND", "SIN", "SQUARE", "LOGICAL_NOT", "ZEROS_LIKE"): Sample(
        (_IMAGE,)
    ),
    ("LOG", "SQRT", "RSQRT"): Sample((_IMAGE,), positive=True),
    ("CAST", "QUANTIZE", "DEQUANTIZE"): Sample((_IMAGE,)),
    ("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"): Sample((_IMAGE, (1, 1, 1, 3))),
    ("LOGICAL_AND", "LOGICAL_OR", "EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"): Sample(
        (_IMAGE, (4, 6, 3))
    ),
    ("FLOOR_DIV", "FLOOR_MOD"): Sample((_IMAGE, (1, 4, 6, 1)), positive=True),
    ("SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL"): Sample((_IMAGE, _ints(1, -1)), Reduce(keep_dims=True)),
    ("ARG_MAX", "ARG_MIN"): Sample((_IMAGE, _ints(-1)), ArgExtreme()),
    ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"): Sample((_IMAGE,), _SAME2),
}

SAMPLES: dict[str, Sample] = {
    **{name: sample for names, sample in _FAMILIES.items() for name in names},
    "CONV_2D": Sample((_IMAGE, Weight((5, 3, 3, 3), 0), Weight((5,))), Conv2D()),
    "DEPTHWISE_CONV_2D": Sample((_IMAGE, Weight((1, 3, 3, 3), 3), Weight((3,))), DepthwiseConv2D()),
    "FULLY_CONNECTED": Sample(((2, 6), Weight((4, 6), symmetric=True), Weight((4,))), FullyConnected()),
    "TRANSPOSE_CONV": Sample(
        (_ints(1, 8, 11, 5), Weight((5, 3, 3, 3), 0), _IMAGE, Weight((5,))),
        TransposeConv(Padding.SAME, 2, 2, Activation.RELU),
    ),
    "BATCH_MATMUL": Sample(((2, 3, 4), (2, 5, 4)), BatchMatMul(adj_y=True)),
    "RESIZE_BILINEAR": Sample((_IMAGE, _ints(7, 9)), Resize(half_pixel_centers=True)),
    "RESIZE_NEAREST_NEIGHBOR": Sample((_IMAGE, _ints(8, 12)), Resize()),
    "ADD": Sample((_IMAGE, (1, 1, 1, 3))),
    "SUB": Sample((_IMAGE, (1, 4, 6, 1)), Sub(Activation.RELU)),
    "MUL": Sample((_IMAGE, (1, 1, 1, 3)), Mul()),
    "DIV": Sample((_IMAGE, _IMAGE), Div(Activation.RELU6), positive=True),
    "ADD_N": Sample((_IMAGE, _IMAGE, _IMAGE)),
    "SELECT_V2": Sample(((1, 4, 6, 1), _IMAGE, _IMAGE)),
    "PRELU": Sample((_IMAGE, Weight((1, 1, 3)))),
    "SOFTMAX": Sample((_IMAGE,), Softmax(0.5)),
    "LEAKY_RELU": Sample((_IMAGE,), LeakyRelu(0.25)),
    "MEAN": Sample((_IMAGE, _ints(1, 2)), Mean(keep_dims=True)),
    "CUMSUM": Sample((_IMAGE, np.array(2, np.int32)), CumSum(exclusive=True, reverse=True)),
    "RESHAPE": Sample((_IMAGE,), Reshape((1, 8, 9))),
    "SQUEEZE": Sample(((1, 4, 1, 3),), Squeeze((0, -2))),
    "EXPAND_DIMS": Sample(((4, 6, 3), np.array(-2, np.int32))),
    "TRANSPOSE": Sample((_IMAGE, _ints(0, 3, 1, 2))),
    "PAD": Sample((_IMAGE, _ints((0, 0), (1, 2), (0, 1), (0, 0)))),
    "PADV2": Sample((_IMAGE, _ints((0, 0), (1, 2), (0, 1), (1, 0)), Weight((1,)))),
    "MIRROR_PAD": Sample((_IMAGE, _ints((0, 0), (1, 2), (0, 1), (0, 0))), MirrorPad(MirrorMode.SYMMETRIC)),
    "SPACE_TO_BATCH_ND": Sample((_IMAGE, _ints(2, 3), _ints((0, 0), (0, 0)))),
    "BATCH_TO_SPACE_ND": Sample(((4, 2, 3, 3), _ints(2, 2), _ints((1, 0), (0, 2)))),
    "SPACE_TO_DEPTH": Sample((_IMAGE,), Block(2)),
    "DEPTH_TO_SPACE": Sample(((1, 2, 3, 12),), Block(2)),
    "BROADCAST_TO": Sample(((1, 1, 6, 3), _ints(2, 4, 6, 3))),
    "FILL": Sample((_ints(2, 3), Weight(()))),
    "SHAPE": Sample((_IMAGE,), ShapeOf()),
    "BROADCAST_ARGS": Sample((Below((1,), 9), _ints(3, 1))),
    "CONCATENATION": Sample((_IMAGE, (1, 4, 6, 2), (1, 4, 6, 1)), Concatenation(-1)),
    "PACK": Sample((_IMAGE, _IMAGE), Pack(2, 3)),
    "UNPACK": Sample((_IMAGE,), Unpack(4, 1)),
    "SPLIT": Sample((_AXIS, _IMAGE), Split(3)),
    "SPLIT_V": Sample((_IMAGE, _ints(1, 2), np.array(-1, np.int32)), Split(2)),
    "SLICE": Sample((_IMAGE, _BEGIN, _ints(1, 2, -1, 2))),
    "STRIDED_SLICE": Sample(
        (_IMAGE, _ints(0, -1, 1, 2), _ints(1, 0, 9, -9), _ints(1, -2, 3, -1)), StridedSlice(shrink_axis_mask=1)
    ),
    "GATHER": Sample((_IMAGE, _ints(3, 0, 3)), Gather(axis=1)),
    "GATHER_ND": Sample((_IMAGE, _ints((0, 3), (0, 1)))),
    "REVERSE_V2": Sample((_IMAGE, _ints(2, -1))),
    "DYNAMIC_UPDATE_SLICE": Sample((_IMAGE, (1, 2, 2, 3), Below((4,), 3))),
    "EMBEDDING_LOOKUP": Sample((Below((4,), 7), Weight((7, 5)))),
    "READ_VARIABLE": Sample((Weight(_IMAGE),), Variable("state")),
    "ASSIGN_VARIABLE": Sample((_IMAGE,), Variable("state")),
    "SVDF": Sample(
        ((2, 6), _PLAIN((8, 6)), _PLAIN((8, 5)), Weight((4,), scale=0.0002)), Svdf(2, Activation.RELU, 0.02)
    ),
    LSTM: Sample(
        ((2, 3, 6), *[_PLAIN((4, 6))] * 4, *[_PLAIN((4, 4))] * 4, *[Weight((4,))] * 4),
        Lstm(cell_clip=10.0, cell_scale=2.0**-11),
    ),
}

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
    source = builder.input("x", _IMAGE, dtype, _quant(dtype, 0.04))
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
