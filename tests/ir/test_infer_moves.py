"""Shapes and refusals of the ops that join, cut, move and pad."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from redsc.ir import (
    NO_ATTRS,
    ArgExtreme,
    Array,
    BatchMatMul,
    Block,
    Concatenation,
    CumSum,
    DType,
    Gather,
    GraphBuilder,
    KernelLimit,
    MirrorMode,
    MirrorPad,
    Pack,
    Padding,
    Reduce,
    Resize,
    Shape,
    ShapeError,
    ShapeOf,
    Split,
    Squeeze,
    StridedSlice,
    TransposeConv,
    Unpack,
    op_def,
)
from tests.ir.nodes import node_of, zeros

SAME, VALID = Padding.SAME, Padding.VALID
X: Shape = (1, 4, 6, 3)


def _ints(*numbers: Any) -> Array:
    return np.array(numbers, np.int32)


def _infer(op: str, *operands: Shape | Array, attrs: Any = NO_ATTRS) -> tuple[Shape, ...]:
    return op_def(op).infer(node_of(op, *operands, attrs=attrs))


@pytest.mark.parametrize(
    ("op", "operands", "attrs", "shapes"),
    [
        ("CONCATENATION", [X, (1, 4, 6, 5)], Concatenation(-1), [(1, 4, 6, 8)]),
        ("CONCATENATION", [X, (1, 9, 6, 3)], Concatenation(1), [(1, 13, 6, 3)]),
        ("PACK", [X, X], Pack(2, -1), [(*X, 2)]),
        ("PACK", [X, X], Pack(2, 1), [(1, 2, 4, 6, 3)]),
        ("UNPACK", [X], Unpack(4, 1), [(1, 6, 3)] * 4),
        ("SPLIT", [_ints(2), X], Split(3), [(1, 4, 2, 3)] * 3),
        ("SPLIT_V", [X, _ints(1, -1, 2), _ints(-2)], Split(3), [(1, 4, 1, 3), (1, 4, 3, 3), (1, 4, 2, 3)]),
        ("SLICE", [X, _ints(0, 1, 2, 0), _ints(1, -1, 3, 2)], NO_ATTRS, [(1, 3, 3, 2)]),
        (
            "STRIDED_SLICE",
            [X, _ints(0, -1, 1, 2), _ints(9, 0, 6, -9), _ints(1, -2, 3, -1)],
            StridedSlice(),
            [(1, 2, 2, 3)],
        ),
        (
            "STRIDED_SLICE",
            [X, _ints(0, 2, 5, 1), _ints(0, 2, 1, 1), _ints(1, 1, 1, 1)],
            StridedSlice(begin_mask=4, end_mask=8, shrink_axis_mask=3),
            [(1, 2)],
        ),
        ("GATHER", [X, _ints(5, 0)], Gather(2), [(1, 4, 2, 3)]),
        ("GATHER", [(2, 4, 3), _ints([0, 1], [3, 3])], Gather(1, 1), [(2, 2, 3)]),
        ("GATHER_ND", [X, _ints([0, 3], [0, 0])], NO_ATTRS, [(2, 6, 3)]),
        ("REVERSE_V2", [X, _ints(-1, 2)], NO_ATTRS, [X]),
        ("DYNAMIC_UPDATE_SLICE", [X, (1, 2, 2, 3), (4,)], NO_ATTRS, [X]),
        ("EMBEDDING_LOOKUP", [(5,), zeros(9, 2, 3)], NO_ATTRS, [(5, 2, 3)]),
        ("TRANSPOSE", [X, _ints(0, 3, 1, 2)], NO_ATTRS, [(1, 3, 4, 6)]),
        ("SQUEEZE", [(1, 4, 1, 3)], Squeeze((-2,)), [(1, 4, 3)]),
        ("SQUEEZE", [(1, 4, 1, 3)], Squeeze(), [(4, 3)]),
        ("EXPAND_DIMS", [(4, 3), _ints(-1)], NO_ATTRS, [(4, 3, 1)]),
        ("PADV2", [(1, 3), _ints([0, 0], [1, 2]), zeros(1)], NO_ATTRS, [(1, 6)]),
        ("MIRROR_PAD", [(1, 3), _ints([0, 0], [2, 2])], MirrorPad(), [(1, 7)]),
        ("MIRROR_PAD", [(1, 3), _ints([1, 0], [3, 2])], MirrorPad(MirrorMode.SYMMETRIC), [(2, 8)]),
        ("SPACE_TO_BATCH_ND", [X, _ints(2, 3), _ints([0, 0], [0, 0])], NO_ATTRS, [(6, 2, 2, 3)]),
        ("BATCH_TO_SPACE_ND", [(6, 2, 2, 3), _ints(2, 3), _ints([1, 0], [0, 2])], NO_ATTRS, [(1, 3, 4, 3)]),
        ("BATCH_TO_SPACE_ND", [(6, 2, 3), _ints(3), _ints([1, 0])], NO_ATTRS, [(2, 5, 3)]),
        ("SPACE_TO_DEPTH", [X], Block(2), [(1, 2, 3, 12)]),
        ("DEPTH_TO_SPACE", [(1, 2, 3, 12)], Block(2), [X]),
        ("BROADCAST_TO", [(6, 1), _ints(2, 6, 3)], NO_ATTRS, [(2, 6, 3)]),
        ("FILL", [_ints(2, 3), ()], NO_ATTRS, [(2, 3)]),
        ("SHAPE", [X], ShapeOf(), [(4,)]),
        ("BROADCAST_ARGS", [(2,), (4,)], NO_ATTRS, [(4,)]),
        ("REDUCE_MAX", [X, _ints(1, -1)], Reduce(), [(1, 6)]),
        ("ARG_MAX", [X, _ints(-2)], ArgExtreme(), [(1, 4, 3)]),
        ("CUMSUM", [X, _ints(-1)], CumSum(), [X]),
        ("RESIZE_BILINEAR", [X, _ints(8, 5)], Resize(), [(1, 8, 5, 3)]),
        ("SELECT_V2", [(1, 4, 6, 1), X, (3,)], NO_ATTRS, [X]),
        ("ADD_N", [X, X, X], NO_ATTRS, [X]),
        ("BATCH_MATMUL", [(2, 1, 3, 4), (5, 4, 6)], BatchMatMul(), [(2, 5, 3, 6)]),
        ("BATCH_MATMUL", [(4, 3), (6, 4)], BatchMatMul(adj_x=True, adj_y=True), [(3, 6)]),
        (
            "TRANSPOSE_CONV",
            [_ints(1, 8, 11, 5), zeros(5, 3, 3, 3), X],
            TransposeConv(SAME, 2, 2),
            [(1, 8, 11, 5)],
        ),
        (
            "TRANSPOSE_CONV",
            [_ints(1, 9, 13, 5), zeros(5, 3, 3, 3), X],
            TransposeConv(VALID, 2, 2),
            [(1, 9, 13, 5)],
        ),
    ],
)
def test_shapes(op: str, operands: list[Shape | Array], attrs: Any, shapes: list[Shape]) -> None:
    assert list(_infer(op, *operands, attrs=attrs)) == shapes


@pytest.mark.parametrize(
    ("op", "operands", "attrs", "message"),
    [
        ("CONCATENATION", [X, (1, 4, 5, 3)], Concatenation(-1), "differ outside axis 3"),
        ("CONCATENATION", [X, (4, 6, 3)], Concatenation(0), "differ outside axis 0"),
        ("CONCATENATION", [X, X], Concatenation(4), "axis 4 is none of rank 4"),
        ("PACK", [X, X], Pack(3, 0), "3 inputs of one shape"),
        ("UNPACK", [X], Unpack(3, 1), "has not 3 slices"),
        ("SPLIT", [_ints(1), X], Split(3), "no 3 equal pieces"),
        ("SPLIT", [_ints(1), X], Split(0), "no 0 equal pieces"),
        ("SPLIT", [(1,), X], Split(2), "the axis must be a constant"),
        ("SPLIT", [_ints(1, 2), X], Split(2), "must be one"),
        ("SPLIT_V", [X, _ints(1, 4), _ints(2)], Split(2), "do not make up axis 2"),
        ("SPLIT_V", [X, _ints(-1, -1), _ints(2)], Split(2), "do not make up axis 2"),
        ("SLICE", [X, _ints(0, 1, 2, 0), _ints(1, 4, 3, 2)], NO_ATTRS, "do not lie inside"),
        ("SLICE", [X, _ints(0, 1), _ints(1, 4)], NO_ATTRS, "do not fit rank 4"),
        ("STRIDED_SLICE", [(4,), _ints(0), _ints(4), _ints(0)], StridedSlice(), "stride 0 on axis 0"),
        ("STRIDED_SLICE", [(4,), _ints(4), _ints(5), _ints(1)], StridedSlice(0, 0, 1), "there is no element 4"),
        ("GATHER", [X, _ints(6)], Gather(2), r"do not all lie in 0\.\.5"),
        ("GATHER", [X, _ints(-1)], Gather(2), r"do not all lie in 0\.\.5"),
        ("GATHER", [(2, 4, 3), _ints([0], [1], [2])], Gather(2, 1), "1 batch axes do not fit"),
        ("GATHER_ND", [(2, 3), _ints([0, 0, 0])], NO_ATTRS, "do not point into"),
        ("REVERSE_V2", [X, _ints(1, 3)], NO_ATTRS, "must be neighbours"),
        ("DYNAMIC_UPDATE_SLICE", [X, (1, 5, 2, 3), (4,)], NO_ATTRS, "does not fit"),
        ("EMBEDDING_LOOKUP", [_ints(9), zeros(9, 2)], NO_ATTRS, r"do not all lie in 0\.\.8"),
        ("EMBEDDING_LOOKUP", [(1, 2), zeros(9, 2)], NO_ATTRS, "needs a vector and a matrix"),
        ("TRANSPOSE", [X, _ints(0, 1, 2, 2)], NO_ATTRS, "is no permutation of 4 axes"),
        ("SQUEEZE", [X], Squeeze((1,)), "are not all 1"),
        ("EXPAND_DIMS", [X, _ints(6)], NO_ATTRS, "axis 6 is none of rank 5"),
        ("PADV2", [(3,), _ints([0, 1]), zeros(2)], NO_ATTRS, "has 2 elements, needs 1"),
        ("MIRROR_PAD", [(3,), _ints([3, 0])], MirrorPad(), "are longer than the image"),
        ("SPACE_TO_BATCH_ND", [X, _ints(3, 2), _ints([0, 0], [0, 0])], NO_ATTRS, "do not divide"),
        ("SPACE_TO_BATCH_ND", [X, _ints(2), _ints([0, 0])], NO_ATTRS, "do not fit rank 4"),
        ("BATCH_TO_SPACE_ND", [X, _ints(2, 2), _ints([0, 0], [0, 0])], NO_ATTRS, "do not divide batch 1"),
        ("BATCH_TO_SPACE_ND", [(4, 1, 1, 3), _ints(2, 2), _ints([1, 1], [0, 0])], NO_ATTRS, "leave nothing"),
        ("SPACE_TO_DEPTH", [X], Block(4), "do not divide 4x6"),
        ("SPACE_TO_DEPTH", [X], Block(0), "do not divide 4x6"),
        ("DEPTH_TO_SPACE", [X], Block(2), "do not divide 3 channels"),
        ("BROADCAST_TO", [X, _ints(1, 4, 6)], NO_ATTRS, "does not broadcast"),
        ("FILL", [_ints(2), (1,)], NO_ATTRS, "must be a scalar"),
        ("BROADCAST_ARGS", [(2, 1), (2,)], NO_ATTRS, "need vectors"),
        ("ARG_MAX", [X, _ints(0, 1)], ArgExtreme(), "must be one"),
        ("RESIZE_BILINEAR", [X, _ints(8, 0)], Resize(), "is no height and width"),
        ("RESIZE_BILINEAR", [X, _ints(8, 8)], Resize(True, True), "exclude each other"),
        ("ADD_N", [X, (3,)], NO_ATTRS, "must be equal"),
        ("BATCH_MATMUL", [(3, 4), (5, 6)], BatchMatMul(), "rows have 4 elements, columns 5"),
        ("BATCH_MATMUL", [(4,), (4, 5)], BatchMatMul(), "need 2 or more"),
        ("BATCH_MATMUL", [(2, 3, 4), (3, 4, 5)], BatchMatMul(), "do not broadcast"),
        ("TRANSPOSE_CONV", [_ints(1, 8, 12, 5), zeros(5, 3, 3, 4), X], TransposeConv(), "weight takes 4"),
        ("TRANSPOSE_CONV", [_ints(1, 8, 12, 4), zeros(5, 3, 3, 3), X], TransposeConv(), "does not fit batch 1"),
        ("TRANSPOSE_CONV", [_ints(1, 8, 12, 5), zeros(5, 3, 3, 3), X], TransposeConv(), "gives 8x12"),
        ("TRANSPOSE_CONV", [(4,), zeros(5, 3, 3, 3), X], TransposeConv(), "output shape must be a constant"),
    ],
)
def test_operands_that_do_not_fit(op: str, operands: list[Shape | Array], attrs: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        _infer(op, *operands, attrs=attrs)
    assert not isinstance(caught.value, KernelLimit)


@pytest.mark.parametrize(
    ("op", "operands", "attrs"),
    [
        ("CONCATENATION", [X] * 11, Concatenation()),
        ("TRANSPOSE", [(1,) * 6, _ints(*range(6))], NO_ATTRS),
        ("SLICE", [(1,) * 6, _ints(*[0] * 6), _ints(*[1] * 6)], NO_ATTRS),
        ("STRIDED_SLICE", [(1,) * 5, _ints(*[0] * 5), _ints(*[1] * 5), _ints(*[1] * 5)], StridedSlice()),
        ("STRIDED_SLICE", [X, _ints(0), _ints(1), _ints(1)], StridedSlice()),
        ("PAD", [(1,) * 6, _ints(*[[0, 0]] * 6)], NO_ATTRS),
        ("SPACE_TO_BATCH_ND", [X, _ints(2, 2), _ints([1, 1], [0, 0])], NO_ATTRS),
        ("SUB", [(1,) * 6, (1, 1, 1, 1, 1, 3)], NO_ATTRS),
        ("EQUAL", [(1,) * 5, (1, 1, 1, 1, 3)], NO_ATTRS),
        ("BATCH_MATMUL", [(1,) * 6, (1,) * 6], BatchMatMul()),
    ],
)
def test_what_fits_but_no_kernel_takes(op: str, operands: list[Shape | Array], attrs: Any) -> None:
    with pytest.raises(KernelLimit):
        _infer(op, *operands, attrs=attrs)


def test_equal_shapes_of_any_rank_need_no_broadcast() -> None:
    assert _infer("EQUAL", (1,) * 6, (1,) * 6) == ((1,) * 6,)


def test_the_macs_of_products() -> None:
    builder = GraphBuilder()
    x = builder.input("x", X)
    size, weight = builder.constant("s", _ints(1, 8, 12, 5)), builder.constant("w", zeros(5, 3, 3, 3))
    builder.op("TRANSPOSE_CONV", size, weight, x, attrs=TransposeConv(SAME, 2, 2))
    left, right = builder.input("l", (2, 4, 3)), builder.input("r", (2, 4, 6))
    builder.op("BATCH_MATMUL", left, right, attrs=BatchMatMul(adj_x=True))
    macs = [op_def(node.op).macs(node) for node in builder.graph.nodes]
    assert macs == [1 * 4 * 6 * 3 * 3 * 3 * 5, 2 * 3 * 6 * 4]


def test_a_builder_knows_what_element_type_an_op_gives() -> None:
    builder = GraphBuilder()
    x = builder.input("x", X)
    axis = builder.constant("axis", _ints(1))
    assert builder.op("GREATER", x, x).type.dtype is DType.BOOL
    assert builder.op("ARG_MAX", x, axis, attrs=ArgExtreme()).type.dtype is DType.INT32
    assert builder.op("SHAPE", x, attrs=ShapeOf()).type.dtype is DType.INT32
    assert [v.type.shape for v in builder.split_op("SPLIT", axis, x, names="ab", attrs=Split(2))] == [
        (1, 2, 6, 3)
    ] * 2
