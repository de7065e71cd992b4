"""Ops that copy parts of a tensor: splitting and slicing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redsc.ir.graph import Node
from redsc.ir.ops.definition import (
    KernelLimit,
    NoAttrs,
    ShapeError,
    axis_of,
    constant_axis,
    constant_ints,
    copying,
    limit_rank,
)
from redsc.ir.rules import Slices, Splits
from redsc.ir.signatures import BOOL, F32, I8, I16, I32, same_type, signatures
from redsc.ir.types import Shape

__all__ = ["CUT_OPS", "Split", "StridedSlice", "Unpack", "sliced_axes", "strided_axes"]


@dataclass(frozen=True, slots=True)
class Unpack:
    """The `num` slices along `axis`, which goes."""

    num: int = 1
    axis: int = 0


@dataclass(frozen=True, slots=True)
class Split:
    """The number of pieces; operands hold the axis, and for SPLIT_V the sizes."""

    num_splits: int = 1


@dataclass(frozen=True, slots=True)
class StridedSlice:
    """Operands hold begin, end and strides; bit i of a mask is about axis i."""

    begin_mask: int = 0
    end_mask: int = 0
    shrink_axis_mask: int = 0


def _infer_unpack(node: Node) -> tuple[Shape, ...]:
    shape = node.operand(0).type.shape
    axis = axis_of(node.attrs.axis, len(shape))
    if shape[axis] != node.attrs.num:
        raise ShapeError(f"axis {axis} of {list(shape)} has not {node.attrs.num} slices")
    return ((*shape[:axis], *shape[axis + 1 :]),) * shape[axis]


def _pieces(shape: Shape, axis: int, sizes: list[int]) -> tuple[Shape, ...]:
    return tuple((*shape[:axis], size, *shape[axis + 1 :]) for size in sizes)


def _infer_split(node: Node) -> tuple[Shape, ...]:
    shape, count = node.operand(1).type.shape, node.attrs.num_splits
    axis = constant_axis(node, 0, len(shape))
    if not 1 <= count <= shape[axis] or shape[axis] % count:
        raise ShapeError(f"axis {axis} of {list(shape)} has no {count} equal pieces")
    return _pieces(shape, axis, [shape[axis] // count] * count)


def _infer_split_v(node: Node) -> tuple[Shape, ...]:
    shape, sizes = node.operand(0).type.shape, constant_ints(node, 1, "sizes")
    axis = constant_axis(node, 2, len(shape))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = shape[axis] - sum(sizes) - 1
    if len(sizes) != node.attrs.num_splits or min(sizes, default=0) < 1 or sum(sizes) != shape[axis]:
        raise ShapeError(f"pieces of {sizes} do not make up axis {axis} of {list(shape)}")
    return _pieces(shape, axis, sizes)


def _infer_slice(node: Node) -> tuple[Shape, ...]:
    shape = node.operand(0).type.shape
    begins, sizes = constant_ints(node, 1, "begin"), constant_ints(node, 2, "size")
    if len(begins) != len(shape) or len(sizes) != len(shape):
        raise ShapeError(f"begin {begins} and size {sizes} do not fit rank {len(shape)}")
    limit_rank(shape, 5)
    found = tuple(n - begin if size == -1 else size for n, begin, size in zip(shape, begins, sizes, strict=True))
    if any(not 0 <= begin < begin + size <= n for n, begin, size in zip(shape, begins, found, strict=True)):
        raise ShapeError(f"begin {begins} and size {sizes} do not lie inside {list(shape)}")
    return (found,)


def _infer_strided_slice(node: Node) -> tuple[Shape, ...]:
    shape = node.operand(0).type.shape
    numbers = [constant_ints(node, i, what) for i, what in enumerate(("begin", "end", "strides"), 1)]
    if {len(row) for row in numbers} != {len(shape)}:
        raise KernelLimit(f"begin, end and strides must have {len(shape)} numbers each")
    limit_rank(shape, 4)
    for axis, (n, begin, stride) in enumerate(zip(shape, numbers[0], numbers[2], strict=True)):
        if node.attrs.shrink_axis_mask >> axis & 1:
            if node.attrs.begin_mask >> axis & 1 or not -n <= begin < n or stride < 1:
                raise ShapeError(f"there is no element {begin} on axis {axis} of {list(shape)}")
        elif stride == 0:
            raise ShapeError(f"stride 0 on axis {axis} leads nowhere")
    taken = zip(sliced_axes(node), shape, strict=True)
    return (tuple(len(range(*part.indices(n))) for part, n in taken if isinstance(part, slice)),)


def sliced_axes(node: Node) -> tuple[slice | int, ...]:
    """Return what SLICE or STRIDED_SLICE takes of every axis, an int where the axis goes."""
    begins = constant_ints(node, 1, "begin")
    if node.op == "SLICE":
        return tuple(slice(begin, begin + n) for begin, n in zip(begins, node.outputs[0].type.shape, strict=True))
    return strided_axes(node.attrs, begins, constant_ints(node, 2, "end"), constant_ints(node, 3, "strides"))


def strided_axes(
    attrs: StridedSlice, begins: Sequence[int], ends: Sequence[int], strides: Sequence[int]
) -> tuple[slice | int, ...]:
    """Return what a STRIDED_SLICE takes of every axis, an int where the axis goes.

    Python's slices clamp as tensorflow/lite/kernels/internal/strided_slice_logic.h does.
    """

    def taken(axis: int) -> slice | int:
        if attrs.shrink_axis_mask >> axis & 1:
            return begins[axis]
        first = None if attrs.begin_mask >> axis & 1 else begins[axis]
        last = None if attrs.end_mask >> axis & 1 else ends[axis]
        return slice(first, last, strides[axis])

    return tuple(taken(axis) for axis in range(len(begins)))


CUT_OPS = (
    copying("UNPACK", Unpack, _infer_unpack, Splits("axis"), same_type((F32, I8, I16, I32))),
    copying(
        "SPLIT",
        Split,
        _infer_split,
        Splits(0),
        signatures(*(((I32, dtype), dtype) for dtype in (F32, I8, I16, I32))),
        data=(1,),
    ),
    copying("SPLIT_V", Split, _infer_split_v, Splits(2, sizes=1), same_type((F32, I8, I16, I32), 1, I32, I32)),
    copying(
        "SLICE", NoAttrs, _infer_slice, Slices(), same_type((F32, I8, I16, I32, BOOL), 1, I32, I32), shape_operand=2
    ),
    copying(
        "STRIDED_SLICE",
        StridedSlice,
        _infer_strided_slice,
        Slices(end=2),
        same_type((F32, I8, I16, I32, BOOL), 1, I32, I32, I32),
    ),
)
