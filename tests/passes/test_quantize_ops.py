"""Every op with an int8 kernel: quantised by its rules alone, it must run and come close to float."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import (
    NO_ATTRS,
    OPS,
    ArgExtreme,
    BatchMatMul,
    Block,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Gather,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Mean,
    MirrorPad,
    Pack,
    Padding,
    Pool2D,
    Reduce,
    Reshape,
    Resize,
    Softmax,
    Split,
    Squeeze,
    StridedSlice,
    TransposeConv,
    Unpack,
    Value,
)
from redsc.ir import op_def as entry
from redsc.options import Quantization
from redsc.passes.base import Log
from redsc.passes.ptq import quantize_network
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import random_samples
from redsc.runtime.ports import quantize_samples
from redsc.runtime.sqnr import measure_sqnr

SHAPE = (1, 4, 4, 6)
FLOOR_DB = 25.0
RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*numbers: int) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.int32)


PADS = np.array([[0, 0], [1, 1], [1, 0], [0, 0]], np.int32)
POOL = Pool2D(stride_h=2, stride_w=2, filter_h=2, filter_w=2)
# Operands after the first, an array or the name of an operand made from the input, and attributes.
CASES: dict[str, tuple[tuple[Any, ...], Any]] = {
    "CONV_2D": ((floats(4, 3, 3, 6), floats(4)), Conv2D()),
    "DEPTHWISE_CONV_2D": ((floats(1, 3, 3, 6), floats(6)), DepthwiseConv2D()),
    "FULLY_CONNECTED": ((floats(5, 96), floats(5)), FullyConnected()),
    "TRANSPOSE_CONV": (
        (ints(1, 8, 8, 4), floats(4, 3, 3, 6), "x", floats(4)),
        TransposeConv(padding=Padding.SAME, stride_h=2, stride_w=2),
    ),
    "BATCH_MATMUL": ((floats(1, 4, 6, 3),), BatchMatMul()),
    "AVERAGE_POOL_2D": ((), POOL),
    "MAX_POOL_2D": ((), POOL),
    "RESIZE_BILINEAR": ((ints(8, 8),), Resize()),
    "RESIZE_NEAREST_NEIGHBOR": ((ints(8, 8),), Resize()),
    **dict.fromkeys(("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE"), ((floats(6),), None)),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), ((floats(6),), None)),
    **dict.fromkeys(("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"), ((floats(6),), None)),
    "PRELU": ((np.abs(floats(1, 1, 6)),), None),
    "SOFTMAX": ((), Softmax()),
    "LEAKY_RELU": ((), LeakyRelu(0.2)),
    **dict.fromkeys(
        ("LOG_SOFTMAX", "L2_NORMALIZATION", "RELU", "RELU6", "HARD_SWISH", "LOGISTIC", "TANH", "ABS"),
        ((), None),
    ),
    "MEAN": ((ints(1, 2),), Mean()),
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN"), ((ints(1, 2),), Reduce())),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), ((np.array(3, np.int32),), ArgExtreme())),
    "RESHAPE": ((), Reshape((1, 96))),
    "SQUEEZE": ((), Squeeze((0,))),
    "EXPAND_DIMS": ((np.array(1, np.int32),), None),
    "TRANSPOSE": ((ints(0, 2, 1, 3),), None),
    "PAD": ((PADS,), None),
    "PADV2": ((PADS, np.array(-1.5, np.float32)), None),
    "MIRROR_PAD": ((PADS,), MirrorPad()),
    "SPACE_TO_BATCH_ND": ((ints(2, 2), np.zeros((2, 2), np.int32)), None),
    "SPACE_TO_DEPTH": ((), Block()),
    "BROADCAST_TO": ((ints(2, 4, 4, 6),), None),
    "CONCATENATION": (("x", "twice"), Concatenation(3)),
    "PACK": (("x", "twice"), Pack(2, 1)),
    "UNPACK": ((), Unpack(4, 1)),
    "SPLIT": ((np.array(3, np.int32), "x"), Split(2)),
    "SPLIT_V": ((ints(2, 4), np.array(3, np.int32)), Split(2)),
    "SLICE": ((ints(0, 1, 0, 0), ints(1, 2, 4, 6)), None),
    "STRIDED_SLICE": ((ints(0, 0, 0, 0), ints(1, 4, 4, 6), ints(1, 2, 1, 1)), StridedSlice()),
    "GATHER": ((ints(2, 0),), Gather(axis=1)),
    "REVERSE_V2": ((ints(1),), None),
}
UNTRIED = {
    "ELU": "LiteRT's reference resolver lacks it",
    "SUM": "LiteRT's reference kernel sums int8 wrongly (2.3.0), its optimised one and TFLM do not",
    "RSQRT": "its input must be positive",
    "BATCH_TO_SPACE_ND": "it needs a batch",
    "DEPTH_TO_SPACE": "it needs more channels",
    "SELECT_V2": "its condition is no float",
    "FILL": "it reads no activation",
    "SHAPE": "it reads no activation",
    "GATHER_ND": "it needs indices of a shape of their own",
    "DYNAMIC_UPDATE_SLICE": "it needs a second activation of another shape",
    "EMBEDDING_LOOKUP": "it reads no activation",
    "QUANTIZE": "it is what the pass adds",
    "DEQUANTIZE": "it is what the pass adds",
    "CAST": "it converts raw integers",
}


def network(op: str) -> Graph:
    """Return a network of one op; the input is its first operand unless the case says where `x` stands."""
    operands, attrs = CASES[op]
    builder = GraphBuilder()
    x = builder.input("x", SHAPE)
    two = builder.constant("two", np.array(2, np.float32))
    made: dict[str, Value] = {"x": x}
    if "twice" in [item for item in operands if isinstance(item, str)]:
        made["twice"] = builder.op("MUL", x, two, attrs=OPS["MUL"].attrs(), name="twice")
    values = [
        made[item] if isinstance(item, str) else builder.constant(f"c{index}", item)
        for index, item in enumerate(operands)
    ]
    if not any(isinstance(item, str) for item in operands):
        values = [x, *values]
    attrs = entry(op).attrs() if attrs is None and attrs is not NO_ATTRS else attrs
    count = {"UNPACK": 4, "SPLIT": 2, "SPLIT_V": 2}.get(op, 1)
    dtype = {"ARG_MAX": DType.INT32, "ARG_MIN": DType.INT32}.get(op)
    if "EQUAL" in op or op in ("GREATER", "LESS"):
        dtype = DType.BOOL
    if op in ("SPLIT", "TRANSPOSE_CONV"):
        dtype = DType.FLOAT32
    outputs = builder.split_op(op, *values, attrs=attrs, names=[f"y{i}" for i in range(count)], dtype=dtype)
    return builder.output(*outputs)


@pytest.mark.parametrize("op", CASES)
def test_the_op_runs_in_int8_and_comes_close_to_float(op: str) -> None:
    graph = network(op)
    samples = random_samples(graph, 24, seed=1)
    log = Log()
    made = quantize_network(graph, samples, Quantization(), log).graph
    assert [entry.text for entry in log.entries if entry.is_refusal] == []
    assert not [value for value in made.values() if value.type.dtype is DType.FLOAT32]
    assert not [node for node in made.nodes if node.op in ("QUANTIZE", "DEQUANTIZE")]
    rows = measure_sqnr(graph, made, samples)
    assert all(row.sqnr_db > FLOOR_DB for row in rows if made.outputs[0].type.dtype is DType.INT8), rows
    integers = quantize_samples(made, samples)
    litert = EXECUTORS["litert"].run(write_tflite(made), integers)
    if made.outputs[0].type.dtype is not DType.INT8:
        expected = EXECUTORS["litert"].run(write_tflite(graph), samples)
        right = np.mean([np.mean(a[0] == b[0]) for a, b in zip(expected, litert, strict=True)])
        assert right > 0.8 or op == "EQUAL"
    if installed("tflm"):
        tflm = EXECUTORS["tflm"].run(write_tflite(made), integers)
        for row, other in zip(litert, tflm, strict=True):
            for a, b in zip(row, other, strict=True):
                assert np.abs(a.astype(int) - b.astype(int)).max() <= (op == "FULLY_CONNECTED")


def test_every_op_with_an_int8_kernel_is_tried_or_has_a_reason() -> None:
    able = {name for name, op in OPS.items() if any(DType.INT8 in row.inputs for row in op.signatures)}
    assert able - CASES.keys() <= UNTRIED.keys()
