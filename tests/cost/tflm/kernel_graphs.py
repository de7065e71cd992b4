"""Graphs with every kernel in every way in which it allocates: the samples, and variants of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from redsc.ir import (
    Add,
    BatchMatMul,
    Conv2D,
    CumSum,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Gather,
    Graph,
    GraphBuilder,
    Mean,
    Padding,
    Quant,
    Shape,
    TransposeConv,
    Value,
)
from tests.op_samples import sample_graph, signature_cases

__all__ = ["GRAPHS"]

Build = Callable[[GraphBuilder, DType], list[Value]]
F32, I8, I32 = DType.FLOAT32, DType.INT8, DType.INT32


def activation_quant(dtype: DType) -> Quant | None:
    return Quant.per_tensor(0.5) if dtype is I8 else None


def source(b: GraphBuilder, dtype: DType, shape: Shape, name: str = "x") -> Value:
    return b.input(name, shape, dtype, activation_quant(dtype))


def indices(b: GraphBuilder, data: Any) -> Value:
    return b.constant("indices", np.array(data, np.int32))


def linear(
    b: GraphBuilder,
    op: str,
    before: list[Value],
    shape: Shape,
    attrs: Any,
    *,
    axis: int,
    per_channel: bool,
    bias: bool,
) -> Value:
    """Append a layer with zero weights; the scales of an int8 layer are 0.25, one per channel where asked."""
    dtype, channels = before[-1].type.dtype, shape[axis]
    is_int8 = dtype is I8
    count = channels if per_channel else 1
    weight_quant = Quant((0.25,) * count, (0,) * count, axis) if is_int8 else None
    bias_quant = Quant((0.125,) * count, (0,) * count) if is_int8 else None
    weight = b.constant("weight", np.zeros(shape, dtype.numpy), weight_quant)
    operands = [before[0], weight, *before[1:]]
    if bias:
        operands.append(b.constant("bias", np.zeros(channels, (I32 if is_int8 else F32).numpy), bias_quant))
    return b.op(op, *operands, attrs=attrs, dtype=dtype, quant=activation_quant(dtype))


def conv(*, per_channel: bool, bias: bool) -> Build:
    def build(b: GraphBuilder, dtype: DType) -> list[Value]:
        x = [source(b, dtype, (1, 5, 5, 3))]
        return [linear(b, "CONV_2D", x, (7, 3, 3, 3), Conv2D(), axis=0, per_channel=per_channel, bias=bias)]

    return build


def depthwise(*, per_channel: bool, bias: bool) -> Build:
    def build(b: GraphBuilder, dtype: DType) -> list[Value]:
        x, attrs = [source(b, dtype, (1, 5, 5, 3))], DepthwiseConv2D(depth_multiplier=2)
        shape = (1, 3, 3, 6)
        return [linear(b, "DEPTHWISE_CONV_2D", x, shape, attrs, axis=3, per_channel=per_channel, bias=bias)]

    return build


def dense(*, per_channel: bool, bias: bool) -> Build:
    def build(b: GraphBuilder, dtype: DType) -> list[Value]:
        x = [source(b, dtype, (1, 9))]
        return [
            linear(b, "FULLY_CONNECTED", x, (5, 9), FullyConnected(), axis=0, per_channel=per_channel, bias=bias)
        ]

    return build


def transpose_conv(*, per_channel: bool, bias: bool) -> Build:
    def build(b: GraphBuilder, dtype: DType) -> list[Value]:
        before = [indices(b, [1, 10, 10, 7]), source(b, dtype, (1, 5, 5, 3))]
        attrs = TransposeConv(Padding.SAME, 2, 2)
        shape = (7, 3, 3, 3)
        return [linear(b, "TRANSPOSE_CONV", before, shape, attrs, axis=0, per_channel=per_channel, bias=bias)]

    return build


def matmul(*, adj_x: bool, adj_y: bool) -> Build:
    def build(b: GraphBuilder, dtype: DType) -> list[Value]:
        left = source(b, dtype, (2, 5, 3) if adj_x else (2, 3, 5))
        shape = (7, 5) if adj_y else (5, 7)
        right = b.constant("right", np.zeros(shape, dtype.numpy), activation_quant(dtype))
        return [b.op("BATCH_MATMUL", left, right, attrs=BatchMatMul(adj_x, adj_y), quant=left.type.quant)]

    return build


def mean(b: GraphBuilder, dtype: DType) -> list[Value]:
    x = source(b, dtype, (1, 4, 4, 3))
    y = b.op("RELU", x, quant=x.type.quant)
    z = b.op("MEAN", y, indices(b, [1, 2]), attrs=Mean(), quant=x.type.quant)
    return [b.op("RELU6", z, quant=x.type.quant)]


def add_n(b: GraphBuilder, dtype: DType) -> list[Value]:
    operands = [source(b, dtype, (1, 4), name) for name in "abcdefg"]
    return [b.op("ADD_N", *operands, quant=operands[0].type.quant)]


def cumsum(b: GraphBuilder, dtype: DType) -> list[Value]:
    x = source(b, dtype, (3, 4))
    return [b.op("CUMSUM", x, indices(b, 1), attrs=CumSum(), quant=x.type.quant)]


def lookup(b: GraphBuilder, dtype: DType) -> list[Value]:
    table = b.constant("table", np.zeros((9, 5), dtype.numpy), activation_quant(dtype))
    return [b.op("FLOOR", b.op("EMBEDDING_LOOKUP", source(b, I32, (4,)), table, dtype=F32))]


def gather_rows(b: GraphBuilder, dtype: DType) -> list[Value]:
    x = source(b, dtype, (5, 4))
    return [b.op("GATHER", x, indices(b, [[0, 2, 1], [1, 1, 4]]), attrs=Gather(axis=0), quant=x.type.quant)]


def several_inputs_and_outputs(b: GraphBuilder, dtype: DType) -> list[Value]:
    x, y, z = (source(b, dtype, (1, 2, 2, 3), name) for name in "xyz")
    first = b.op("ADD", x, y, attrs=Add(), quant=x.type.quant)
    second = b.op("ADD", first, z, attrs=Add(), quant=x.type.quant)
    return [first, second, b.op("RELU", second, quant=x.type.quant)]


# Beside the samples; the last four are what kernels know and `OPS` does not allow.
VARIANTS: dict[str, Build] = {
    "CONV_2D per tensor": conv(per_channel=False, bias=True),
    "CONV_2D without bias": conv(per_channel=True, bias=False),
    "DEPTHWISE_CONV_2D per tensor": depthwise(per_channel=False, bias=True),
    "DEPTHWISE_CONV_2D without bias": depthwise(per_channel=True, bias=False),
    "FULLY_CONNECTED per channel": dense(per_channel=True, bias=True),
    "FULLY_CONNECTED without bias": dense(per_channel=False, bias=False),
    "TRANSPOSE_CONV per tensor": transpose_conv(per_channel=False, bias=True),
    "TRANSPOSE_CONV without bias": transpose_conv(per_channel=True, bias=False),
    "BATCH_MATMUL": matmul(adj_x=False, adj_y=False),
    "BATCH_MATMUL adj_x": matmul(adj_x=True, adj_y=False),
    "BATCH_MATMUL adj_y": matmul(adj_x=False, adj_y=True),
    "BATCH_MATMUL adj_x adj_y": matmul(adj_x=True, adj_y=True),
    "GATHER rows": gather_rows,
    "MEAN between others": mean,
    "several inputs and outputs": several_inputs_and_outputs,
    "ADD_N": add_n,
    "CUMSUM": cumsum,
    "EMBEDDING_LOOKUP to float": lookup,
}


def generate(name: str, dtype: DType) -> Graph:
    b = GraphBuilder()
    return b.output(*VARIANTS[name](b, dtype))


GRAPHS: dict[str, Callable[[], Graph]] = {
    f"{op} {'-'.join(dtype.value for dtype in (*row.inputs, row.output))}": partial(sample_graph, op, row)
    for op, row in signature_cases()
}
for _name, _dtype in product(VARIANTS, (F32, I8)):
    GRAPHS[f"{_name} {_dtype.value}"] = partial(generate, _name, _dtype)
