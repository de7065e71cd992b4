"""What every op is tried with: the operands and attributes of one node each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from redsc.ir import (
    LSTM,
    NO_ATTRS,
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
    FullyConnected,
    Gather,
    LeakyRelu,
    Lstm,
    Mean,
    MirrorMode,
    MirrorPad,
    Mul,
    Pack,
    Padding,
    Pool2D,
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
    Variable,
)

__all__ = ["IMAGE", "SAMPLES", "Below", "Operand", "Sample", "Weight"]


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


IMAGE: Shape = (1, 4, 6, 3)
_SAME2 = Pool2D(Padding.SAME, 2, 2, 2, 2, Activation.RELU)
_PLAIN = partial(Weight, symmetric=True)
_AXIS, _BEGIN = np.array(2, np.int32), _ints(0, 1, 2, 0)

_FAMILIES: dict[tuple[str, ...], Sample] = {
    ("RELU", "RELU6", "ELU", "HARD_SWISH", "LOGISTIC", "TANH", "ABS", "LOG_SOFTMAX", "L2_NORMALIZATION"): Sample(
        (IMAGE,)
    ),
    ("CEIL", "COS", "EXP", "FLOOR", "NEG", "ROUND", "SIN", "SQUARE", "LOGICAL_NOT", "ZEROS_LIKE"): Sample((IMAGE,)),
    ("LOG", "SQRT", "RSQRT"): Sample((IMAGE,), positive=True),
    ("CAST", "QUANTIZE", "DEQUANTIZE"): Sample((IMAGE,)),
    ("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"): Sample((IMAGE, (1, 1, 1, 3))),
    ("LOGICAL_AND", "LOGICAL_OR", "EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"): Sample(
        (IMAGE, (4, 6, 3))
    ),
    ("FLOOR_DIV", "FLOOR_MOD"): Sample((IMAGE, (1, 4, 6, 1)), positive=True),
    ("SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL"): Sample((IMAGE, _ints(1, -1)), Reduce(keep_dims=True)),
    ("ARG_MAX", "ARG_MIN"): Sample((IMAGE, _ints(-1)), ArgExtreme()),
    ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"): Sample((IMAGE,), _SAME2),
}

SAMPLES: dict[str, Sample] = {
    **{name: sample for names, sample in _FAMILIES.items() for name in names},
    "CONV_2D": Sample((IMAGE, Weight((5, 3, 3, 3), 0), Weight((5,))), Conv2D()),
    "DEPTHWISE_CONV_2D": Sample((IMAGE, Weight((1, 3, 3, 3), 3), Weight((3,))), DepthwiseConv2D()),
    "FULLY_CONNECTED": Sample(((2, 6), Weight((4, 6), symmetric=True), Weight((4,))), FullyConnected()),
    "TRANSPOSE_CONV": Sample(
        (_ints(1, 8, 11, 5), Weight((5, 3, 3, 3), 0), IMAGE, Weight((5,))),
        TransposeConv(Padding.SAME, 2, 2, Activation.RELU),
    ),
    "BATCH_MATMUL": Sample(((2, 3, 4), (2, 5, 4)), BatchMatMul(adj_y=True)),
    "RESIZE_BILINEAR": Sample((IMAGE, _ints(7, 9)), Resize(half_pixel_centers=True)),
    "RESIZE_NEAREST_NEIGHBOR": Sample((IMAGE, _ints(8, 12)), Resize()),
    "ADD": Sample((IMAGE, (1, 1, 1, 3))),
    "SUB": Sample((IMAGE, (1, 4, 6, 1)), Sub(Activation.RELU)),
    "MUL": Sample((IMAGE, (1, 1, 1, 3)), Mul()),
    "DIV": Sample((IMAGE, IMAGE), Div(Activation.RELU6), positive=True),
    "ADD_N": Sample((IMAGE, IMAGE, IMAGE)),
    "SELECT_V2": Sample(((1, 4, 6, 1), IMAGE, IMAGE)),
    "PRELU": Sample((IMAGE, Weight((1, 1, 3)))),
    "SOFTMAX": Sample((IMAGE,), Softmax(0.5)),
    "LEAKY_RELU": Sample((IMAGE,), LeakyRelu(0.25)),
    "MEAN": Sample((IMAGE, _ints(1, 2)), Mean(keep_dims=True)),
    "CUMSUM": Sample((IMAGE, np.array(2, np.int32)), CumSum(exclusive=True, reverse=True)),
    "RESHAPE": Sample((IMAGE,), Reshape((1, 8, 9))),
    "SQUEEZE": Sample(((1, 4, 1, 3),), Squeeze((0, -2))),
    "EXPAND_DIMS": Sample(((4, 6, 3), np.array(-2, np.int32))),
    "TRANSPOSE": Sample((IMAGE, _ints(0, 3, 1, 2))),
    "PAD": Sample((IMAGE, _ints((0, 0), (1, 2), (0, 1), (0, 0)))),
    "PADV2": Sample((IMAGE, _ints((0, 0), (1, 2), (0, 1), (1, 0)), Weight((1,)))),
    "MIRROR_PAD": Sample((IMAGE, _ints((0, 0), (1, 2), (0, 1), (0, 0))), MirrorPad(MirrorMode.SYMMETRIC)),
    "SPACE_TO_BATCH_ND": Sample((IMAGE, _ints(2, 3), _ints((0, 0), (0, 0)))),
    "BATCH_TO_SPACE_ND": Sample(((4, 2, 3, 3), _ints(2, 2), _ints((1, 0), (0, 2)))),
    "SPACE_TO_DEPTH": Sample((IMAGE,), Block(2)),
    "DEPTH_TO_SPACE": Sample(((1, 2, 3, 12),), Block(2)),
    "BROADCAST_TO": Sample(((1, 1, 6, 3), _ints(2, 4, 6, 3))),
    "FILL": Sample((_ints(2, 3), Weight(()))),
    "SHAPE": Sample((IMAGE,), ShapeOf()),
    "BROADCAST_ARGS": Sample((Below((1,), 9), _ints(3, 1))),
    "CONCATENATION": Sample((IMAGE, (1, 4, 6, 2), (1, 4, 6, 1)), Concatenation(-1)),
    "PACK": Sample((IMAGE, IMAGE), Pack(2, 3)),
    "UNPACK": Sample((IMAGE,), Unpack(4, 1)),
    "SPLIT": Sample((_AXIS, IMAGE), Split(3)),
    "SPLIT_V": Sample((IMAGE, _ints(1, 2), np.array(-1, np.int32)), Split(2)),
    "SLICE": Sample((IMAGE, _BEGIN, _ints(1, 2, -1, 2))),
    "STRIDED_SLICE": Sample(
        (IMAGE, _ints(0, -1, 1, 2), _ints(1, 0, 9, -9), _ints(1, -2, 3, -1)), StridedSlice(shrink_axis_mask=1)
    ),
    "GATHER": Sample((IMAGE, _ints(3, 0, 3)), Gather(axis=1)),
    "GATHER_ND": Sample((IMAGE, _ints((0, 3), (0, 1)))),
    "REVERSE_V2": Sample((IMAGE, _ints(2, -1))),
    "DYNAMIC_UPDATE_SLICE": Sample((IMAGE, (1, 2, 2, 3), Below((4,), 3))),
    "EMBEDDING_LOOKUP": Sample((Below((4,), 7), Weight((7, 5)))),
    "READ_VARIABLE": Sample((Weight(IMAGE),), Variable("state")),
    "ASSIGN_VARIABLE": Sample((IMAGE,), Variable("state")),
    "SVDF": Sample(
        ((2, 6), _PLAIN((8, 6)), _PLAIN((8, 5)), Weight((4,), scale=0.0002)), Svdf(2, Activation.RELU, 0.02)
    ),
    LSTM: Sample(
        ((2, 3, 6), *[_PLAIN((4, 6))] * 4, *[_PLAIN((4, 4))] * 4, *[Weight((4,))] * 4),
        Lstm(cell_clip=10.0, cell_scale=2.0**-11),
    ),
}
