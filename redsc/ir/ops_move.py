"""Ops that copy elements: joining, splitting, slicing, gathering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redsc.ir.graph import Node, Value
from redsc.ir.ops import (
    KernelLimit,
    NoAttrs,
    OpDef,
    ShapeError,
    axis_of,
    constant_ints,
    different_axes,
    limit_rank,
    same_type,
    signatures,
)
from redsc.ir.rules import Along, Barrier, ChannelRule, Joins, LooksUp, SameScale, Signature, Slices, Splits
from redsc.ir.types import DType, Shape

__all__ = ["MOVE_OPS", "Concatenation", "Gather", "Pack", "Split", "StridedSlice", "Unpack", "sliced_axes"]

F32, I8, I16, I32, I64, BOOL = DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32, DType.INT64, DType.BOOL
_MOST_JOINED = 10  # tflite-micro kernels/concatenation.cc: kMaxInputNum
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


@dataclass(frozen=True, slots=True)
class Gather:
    """The slices along `axis` that operand 1 lists, for each of the first `batch_dims` axes of its own."""

    axis: int = 0
    batch_dims: int = 0


def _infer_concatenation(node: Node) -> tuple[Shape, ...]:
    shapes = [value.type.shape for value in node.present_inputs()]
    if len(shapes) > _MOST_JOINED:
        raise KernelLimit(f"{len(shapes)} inputs are joined, tflite-micro takes {_MOST_JOINED}")
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


def _infer_unpack(node: Node) -> tuple[Shape, ...]:
    shape = node.operand(0).type.shape
    axis = axis_of(node.attrs.axis, len(shape))
    if shape[axis] != node.attrs.num:
        raise ShapeError(f"axis {axis} of {list(shape)} has not {node.attrs.num} slices")
    return ((*shape[:axis], *shape[axis + 1 :]),) * shape[axis]


def _split_axis(node: Node, shape: Shape, index: int) -> int:
    axes = constant_ints(node, index, "axis")
    if len(axes) != 1:
        raise ShapeError(f"axes {axes} must be one")
    return axis_of(axes[0], len(shape))


def _pieces(shape: Shape, axis: int, sizes: list[int]) -> tuple[Shape, ...]:
    return tuple((*shape[:axis], size, *shape[axis + 1 :]) for size in sizes)


def _infer_split(node: Node) -> tuple[Shape, ...]:
    shape, count = node.operand(1).type.shape, node.attrs.num_splits
    axis = _split_axis(node, shape, 0)
    if not 1 <= count <= shape[axis] or shape[axis] % count:
        raise ShapeError(f"axis {axis} of {list(shape)} has no {count} equal pieces")
    return _pieces(shape, axis, [shape[axis] // count] * count)


def _infer_split_v(node: Node) -> tuple[Shape, ...]:
    shape, sizes = node.operand(0).type.shape, constant_ints(node, 1, "sizes")
    axis = _split_axis(node, shape, 2)
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
    """Return what SLICE or STRIDED_SLICE takes of every axis, an int where the axis goes.

    Python's slices clamp as tensorflow/lite/kernels/internal/strided_slice_logic.h does.
    """
    begins = constant_ints(node, 1, "begin")
    if node.op == "SLICE":
        return tuple(slice(begin, begin + n) for begin, n in zip(begins, node.outputs[0].type.shape, strict=True))
    ends, strides, attrs = constant_ints(node, 2, "end"), constant_ints(node, 3, "strides"), node.attrs

    def taken(axis: int) -> slice | int:
        if attrs.shrink_axis_mask >> axis & 1:
            return begins[axis]
        first = None if attrs.begin_mask >> axis & 1 else begins[axis]
        last = None if attrs.end_mask >> axis & 1 else ends[axis]
        return slice(first, last, strides[axis])

    return tuple(taken(axis) for axis in range(len(begins)))


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


def _move(
    name: str,
    attrs: type[object],
    infer: Callable[[Node], tuple[Shape, ...]],
    channels: ChannelRule,
    rows: tuple[Signature, ...],
    *,
    data: tuple[int, ...] | None = (0,),
    shape_operand: int | None = None,
) -> OpDef:
    """Return the entry of an op that copies raw elements."""
    return OpDef(
        name,
        attrs,
        infer=infer,
        channels=channels,
        signatures=rows,
        min_inputs=1 if data is None else len(rows[0].inputs),
        data=data,
        quant=SameScale(),
        shape_operand=shape_operand,
    )


def _many(*dtypes: DType) -> tuple[Signature, ...]:
    return signatures(*(((dtype,), dtype) for dtype in dtypes), repeats=True)


MOVE_OPS = (
    _move(
        "CONCATENATION",
        Concatenation,
        _infer_concatenation,
        Joins(),
        _many(F32, I8, I16, I32, I64, BOOL),
        data=None,
    ),
    _move("PACK", Pack, _infer_pack, Joins(stacks=True), _many(F32, I8, I16, I32, I64), data=None),
    _move("UNPACK", Unpack, _infer_unpack, Splits("axis"), same_type((F32, I8, I16, I32))),
    _move(
        "SPLIT",
        Split,
        _infer_split,
        Splits(0),
        signatures(*(((I32, dtype), dtype) for dtype in (F32, I8, I16, I32))),
        data=(1,),
    ),
    _move("SPLIT_V", Split, _infer_split_v, Splits(2, sizes=1), same_type((F32, I8, I16, I32), 1, I32, I32)),
    _move(
        "SLICE", NoAttrs, _infer_slice, Slices(), same_type((F32, I8, I16, I32, BOOL), 1, I32, I32), shape_operand=2
    ),
    _move(
        "STRIDED_SLICE",
        StridedSlice,
        _infer_strided_slice,
        Slices(strides=3, shrink="shrink_axis_mask"),
        same_type((F32, I8, I16, I32, BOOL), 1, I32, I32, I32),
    ),
    _move("GATHER", Gather, _infer_gather, LooksUp("axis"), same_type((F32, I8), 1, I32)),
    _move(
        "GATHER_ND", NoAttrs, _infer_gather_nd, Barrier("single elements are picked"), same_type((F32, I8), 1, I32)
    ),
    _move("REVERSE_V2", NoAttrs, _infer_reverse, Along(1), same_type((F32, I8, I16, I32, I64, BOOL), 1, I32)),
    _move(
        "DYNAMIC_UPDATE_SLICE",
        NoAttrs,
        _infer_dynamic_update_slice,
        Barrier("a part of them is overwritten"),
        same_type((F32, I8, I16, I32), 2, I32),
        data=(0, 1),
    ),
    _move(
        "EMBEDDING_LOOKUP",
        NoAttrs,
        _infer_embedding_lookup,
        Barrier("its rows come from a table"),
        signatures(((I32, F32), F32), ((I32, I8), I8)),
        data=(1,),
    ),
)
