"""Rows for resizing images and for picking slices: tables of which rows and columns are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from redsc.engine.call import Call, Constant, Emit, Field, Params
from redsc.engine.move.box import SOURCE, beginning_at, move
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, DType, Node
from redsc.ir.ops import axis_of

__all__ = ["RESIZES"]

_MOST_PLACES = 1 << 16
_ONE = 1 << 10
_F32 = np.float32


def _gather(node: Node) -> Iterator[Call]:
    """Slices along an axis are rows of one pixel; every element of the batch axes has indices of its own."""
    x, y, indices = node.operand(0), node.outputs[0], node.operand(1).data
    if indices is None:
        raise CannotTranslate("the indices are not constant")
    axis, batch = axis_of(node.attrs.axis, len(x.type.shape)), node.attrs.batch_dims
    nbytes = prod(x.type.shape[axis + 1 :]) * x.type.dtype.itemsize
    images, rows = prod(x.type.shape[batch:axis]), x.type.shape[axis]
    parts = indices.reshape(prod(x.type.shape[:batch]), -1)
    for place, picked in enumerate(parts):
        params = _picks(images, rows, 1, nbytes, picked, np.zeros(1))
        start_x, start_y = place * images * rows * nbytes, place * images * len(picked) * nbytes
        yield Call("redsc_pick", SOURCE, params, (beginning_at(x, start_x), beginning_at(y, start_y)))


def _resize_nearest(node: Node) -> Iterator[Call]:
    """Whole factors are a copy that repeats rows and columns."""
    x, y = node.operand(0), node.outputs[0]
    _limit_places(*x.type.shape[1:3], *y.type.shape[1:3])
    batch, height, width, channels = x.type.shape
    rows, columns = (_nearest(node, axis) for axis in (1, 2))
    (down, is_whole_down), (right, is_whole_right) = _factor(rows, height), _factor(columns, width)
    if is_whole_down and is_whole_right:
        grid = (batch, height, down, width, right, channels)
        yield from move(
            x,
            y,
            take=lambda image: np.broadcast_to(image[:, :, None, :, None], grid),
            put=lambda image: image.reshape(grid),
        )
        return
    params = _picks(batch, height, width, channels * x.type.dtype.itemsize, rows, columns)
    yield Call("redsc_pick", SOURCE, params, (x, y))


def _resize_bilinear(node: Node) -> Iterator[Call]:
    x, y = node.operand(0), node.outputs[0]
    _limit_places(*x.type.shape[1:3], *y.type.shape[1:3])
    kind = {DType.INT8: "s8", DType.FLOAT32: "f32"}[x.type.dtype]
    fields: dict[str, Field] = {
        "images": x.type.shape[0],
        "input_height": x.type.shape[1],
        "input_width": x.type.shape[2],
        "output_height": y.type.shape[1],
        "output_width": y.type.shape[2],
        "channels": y.type.shape[3],
        "rows": _between(node, 1, kind),
        "columns": _between(node, 2, kind),
    }
    yield Call(f"redsc_resize_{kind}", "redsc_resize.c", Params(f"redsc_resize_{kind}_params", fields), (x, y))


def _picks(images: int, height: int, width: int, nbytes: int, rows: Array, columns: Array) -> Params:
    """Return the parameters that pick rows and columns of images with pixels of so many bytes."""
    _limit_places(height, width)
    fields: dict[str, Field] = {
        "images": images,
        "image_bytes": height * width * nbytes,
        "row_bytes": width * nbytes,
        "bytes": nbytes,
        "row_count": len(rows),
        "column_count": len(columns),
        "rows": Constant.of(rows.astype(np.uint16), "uint16_t"),
        "columns": Constant.of(columns.astype(np.uint16), "uint16_t"),
    }
    return Params("redsc_pick_params", fields)


def _limit_places(*places: int) -> None:
    if max(places) > _MOST_PLACES:
        raise CannotTranslate(f"an axis of more than {_MOST_PLACES} places")


def _nearest(node: Node, axis: int) -> Array:
    """Return which place along an axis each place of the result is read from.

    Source: GetNearestNeighbor in tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h: float32.
    """
    size, result = node.operand(0).type.shape[axis], node.outputs[0].type.shape[axis]
    attrs, places = node.attrs, np.arange(result, dtype=_F32)
    is_aligned = attrs.align_corners and result > 1
    scale = _F32(size - 1) / _F32(result - 1) if is_aligned else _F32(size) / _F32(result)
    exact = (places + _F32(0.5 if attrs.half_pixel_centers else 0)) * scale
    found = np.floor(exact.astype(np.float64) + 0.5) if attrs.align_corners else np.floor(exact)
    return np.clip(found.astype(np.int64), 0, size - 1)


def _factor(places: Array, size: int) -> tuple[int, bool]:
    """Return how often each of `size` places occurs, and whether that is all: each as often, in their order."""
    factor = len(places) // size
    return factor, np.array_equal(places, np.repeat(np.arange(size), factor))


def _between(node: Node, axis: int, kind: str) -> Constant:
    lower, upper, weight = (_between_s8 if kind == "s8" else _between_f32)(node, axis)
    fields = [("lower", "<u2"), ("upper", "<u2"), ("weight", "<i4" if kind == "s8" else "<f4")]
    table = np.zeros(len(lower), fields)
    table["lower"], table["upper"], table["weight"] = lower, upper, weight
    return Constant(table.tobytes(), f"redsc_between_{kind}")


def _between_s8(node: Node, axis: int) -> tuple[Array, Array, Array]:
    """Return between which places each of the result lies, and the 1024ths that the upper one counts.

    Source: ComputeInterpolationValuesInteger in tensorflow/lite/kernels/internal/reference/resize_bilinear.h. Where
    both places are one, the weights make no difference: the upper one counts 0.
    """
    size, result = node.operand(0).type.shape[axis], node.outputs[0].type.shape[axis]
    attrs, places = node.attrs, np.arange(result, dtype=np.int64)
    scale = (_ONE * size + result // 2) // result
    if attrs.align_corners and result > 1:
        scale = (_ONE * (size - 1) + (result - 1) // 2) // (result - 1)
    scaled = places * scale + (scale // 2 - _ONE // 2 if attrs.half_pixel_centers else 0)
    lower = np.clip(scaled // _ONE, 0, size - 1)
    upper = np.clip((scaled + _ONE - 1) // _ONE, 0, size - 1)
    return lower, upper, np.where(lower == upper, 0, scaled - _ONE * lower)


def _between_f32(node: Node, axis: int) -> tuple[Array, Array, Array]:
    """Return between which places each of the result lies, and how much the upper one counts.

    Source: ComputeInterpolationValues in the same file: float32.
    """
    size, result = node.operand(0).type.shape[axis], node.outputs[0].type.shape[axis]
    attrs, places = node.attrs, np.arange(result, dtype=_F32)
    is_aligned = attrs.align_corners and result > 1
    scale = _F32(size - 1) / _F32(result - 1) if is_aligned else _F32(size) / _F32(result)
    half = _F32(0.5)
    scaled = (places + half) * scale - half if attrs.half_pixel_centers else places * scale
    lower = np.clip(np.floor(scaled), 0, size - 1)
    upper = np.clip(np.ceil(scaled), 0, size - 1)
    return lower, upper, scaled - lower.astype(_F32)


RESIZES: Mapping[str, Emit] = {
    "GATHER": _gather,
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest,
    "RESIZE_BILINEAR": _resize_bilinear,
}
"""By op."""
