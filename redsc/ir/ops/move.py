"""Ops that copy elements: joining and gathering."""

from __future__ import annotations

from dataclasses import dataclass

from redsc.ir.graph import Node, Value
from redsc.ir.ops.definition import (
    KernelLimit,
    NoAttrs,
    ShapeError,
    axis_of,
    constant_ints,
    copying,
    different_axes,
    limit_rank,
)
from redsc.ir.rules import Along, Barrier, Joins, LooksUp
from redsc.ir.signatures import BOOL, F32, I8, I16, I32, I64, Signature, same_type, signatures
from redsc.ir.types import DType, Shape

__all__ = ["MOST_JOINED", "MOVE_OPS", "Concatenation", "Gather", "Pack"]

MOST_JOINED = 10  # tflite-micro kernels/concatenation.cc: kMaxInputNum
_MOST_INDICES = 5  # tflite-micro kernels/gather_nd.cc: MAX_INDICES_ND


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Inputs side by side along `axis`."""

    axis: int = -1


@dataclass(frozen=True, slots=True)
class Pack:
    """Inputs stacked along a new `axis`; `values_count` is their number."""

    values_count: int = 1
    axis: int = 0


@dataclass(frozen=True, slots=True)
class Gather:
    """The slices along `axis` that operand 1 lists, for each of the first `batch_dims` axes of its own."""

    axis: int = 0
    batch_dims: int = 0


def _infer_concatenation(node: Node) -> tuple[Shape, ...]:
    shapes = [value.type.shape for value in node.present_inputs()]
    if len(shapes) > MOST_JOINED:
        raise KernelLimit(f"{len(shapes)} inputs are joined, tflite-micro takes {MOST_JOINED}")
    axis = axis_of(node.attrs.axis, len(shapes[0]))
    if len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) != 1 or len({*map(len, shapes)}) != 1:
        raise ShapeError(f"shapes {shapes} differ outside axis {axis}")
    return ((*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :]),)


def _infer_pack(node: Node) -> tuple[Shape, ...]:
    shapes = [value.type.shape for value in node.present_inputs()]
    axis = axis_of(node.attrs.axis, len(shapes[0]) + 1)
    if len(set(shapes)) != 1 or len(shapes) != node.attrs.values_count:
        raise ShapeError(f"{node.attrs.values_count} inputs of one shape are needed, not {shapes}")
    return ((*shapes[0][:axis], len(shapes), *shapes[0][axis:]),)


def _check_indices(indices: Value, size: int) -> None:
    """Kernels do not check (TFLITE_DCHECK): what is constant must lie inside."""
    if indices.data is not None and ((indices.data < 0) | (indices.data >= size)).any():
        raise ShapeError(f"the indices {indices.data.reshape(-1).tolist()[:8]} do not all lie in 0..{size - 1}")


def _infer_gather(node: Node) -> tuple[Shape, ...]:
    shape, indices = node.operand(0).type.shape, node.operand(1)
    axis = axis_of(node.attrs.axis, len(shape))
    batch = node.attrs.batch_dims
    if not 0 <= batch <= min(axis, len(indices.type.shape)) or shape[:batch] != indices.type.shape[:batch]:
        raise ShapeError(f"{batch} batch axes do not fit axis {axis} of {list(shape)}")
    _check_indices(indices, shape[axis])
    return ((*shape[:axis], *indices.type.shape[batch:], *shape[axis + 1 :]),)


def _infer_gather_nd(node: Node) -> tuple[Shape, ...]:
    shape, indices = node.operand(0).type.shape, node.operand(1).type.shape
    if not shape or not indices or indices[-1] > len(shape):
        raise ShapeError(f"indices {list(indices)} do not point into {list(shape)}")
    limit_rank(shape[: indices[-1]], _MOST_INDICES)
    return ((*indices[:-1], *shape[indices[-1] :]),)


def _infer_reverse(node: Node) -> tuple[Shape, ...]:
    shape = node.operand(0).type.shape
    axes = sorted(different_axes(constant_ints(node, 1, "axes"), len(shape)))
    if not axes or axes[-1] - axes[0] != len(axes) - 1:
        raise ShapeError(f"axes {axes} must be neighbours")
    return (shape,)


def _infer_dynamic_update_slice(node: Node) -> tuple[Shape, ...]:
    shape, update, start = (node.operand(index).type.shape for index in range(3))
    if (
        start != (len(shape),)
        or len(update) != len(shape)
        or any(m > n for m, n in zip(update, shape, strict=True))
    ):
        raise ShapeError(f"an update of {list(update)} at {list(start)} does not fit {list(shape)}")
    return (shape,)


def _infer_embedding_lookup(node: Node) -> tuple[Shape, ...]:
    rows, table = node.operand(0), node.operand(1).type.shape
    if len(rows.type.shape) != 1 or len(table) < 2:
        raise ShapeError(f"rows {list(rows.type.shape)} of a table {list(table)}: needs a vector and a matrix")
    _check_indices(rows, table[0])
    return ((rows.type.shape[0], *table[1:]),)


def _many(*dtypes: DType) -> tuple[Signature, ...]:
    return signatures(*(((dtype,), dtype) for dtype in dtypes), repeats=True)


MOVE_OPS = (
    copying(
        "CONCATENATION",
        Concatenation,
        _infer_concatenation,
        Joins(),
        _many(F32, I8, I16, I32, I64, BOOL),
        data=None,
    ),
    copying("PACK", Pack, _infer_pack, Joins(stacks=True), _many(F32, I8, I16, I32, I64), data=None),
    copying("GATHER", Gather, _infer_gather, LooksUp("axis"), same_type((F32, I8), 1, I32)),
    copying(
        "GATHER_ND", NoAttrs, _infer_gather_nd, Barrier("single elements are picked"), same_type((F32, I8), 1, I32)
    ),
    copying("REVERSE_V2", NoAttrs, _infer_reverse, Along(1), same_type((F32, I8, I16, I32, I64, BOOL), 1, I32)),
    copying(
        "DYNAMIC_UPDATE_SLICE",
        NoAttrs,
        _infer_dynamic_update_slice,
        Barrier("a part of them is overwritten"),
        same_type((F32, I8, I16, I32), 2, I32),
        data=(0, 1),
    ),
    copying(
        "EMBEDDING_LOOKUP",
        NoAttrs,
        _infer_embedding_lookup,
        Barrier("its rows come from a table"),
        signatures(((I32, F32), F32), ((I32, I8), I8)),
        data=(1,),
    ),
)
