"""Rows of the engine's table for reductions along axes, and for places of extremes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from redsc.engine.call import Call, Emit, Field, Params
from redsc.engine.quant import by_type, quant_of
from redsc.formats.tables import CannotTranslate
from redsc.ir import DType, Node, Shape
from redsc.ir.rescale import multiplier_of

__all__ = ["REDUCTIONS"]

_SOURCE, _SOURCE_F32 = "redsc_reduce.c", "redsc_reduce_f32.c"
_LOOPS = 2  # of the kernels, around axes that are kept, and around axes that are reduced
_MOST_SHIFT = 32


def _mean(node: Node) -> Iterator[Call]:
    """Fold the division into the multiplier: QuantizedMeanOrSum in kernels/internal/reference/reduce.h."""
    x, y, count = quant_of(node.operand(0)), quant_of(node.outputs[0]), _reduced_elements(node)
    multiplier, shift = multiplier_of(x.scale / y.scale)
    extra = min(count.bit_length() - 1, _MOST_SHIFT, 31 + shift)
    fields = {
        "zero_sum": x.zero_point * count,
        "multiplier": (multiplier << extra) // count,
        "shift": shift - extra,
        "zero_point": y.zero_point,
    }
    return _reduce(node, "redsc_mean_s8", "redsc_mean_params_s8", _SOURCE, fields)


def _mean_float(node: Node) -> Iterator[Call]:
    divisor = float(_reduced_elements(node)) if node.op == "MEAN" else 1.0
    return _reduce(node, "redsc_mean_f32", "redsc_mean_params_f32", _SOURCE_F32, {"divisor": divisor})


def _extreme(node: Node) -> Iterator[Call]:
    fields = {"flip": 0 if node.op == "REDUCE_MAX" else -1}
    return _reduce(node, "redsc_reduce_max_s8", "redsc_reduce_max_params_s8", _SOURCE, fields)


def _extreme_float(node: Node) -> Iterator[Call]:
    fields = {"sign": 1.0 if node.op == "REDUCE_MAX" else -1.0}
    return _reduce(node, "redsc_reduce_max_f32", "redsc_reduce_max_params_f32", _SOURCE_F32, fields)


def _reduce(node: Node, function: str, params: str, source: str, fields: Mapping[str, Field]) -> Iterator[Call]:
    loops = _loops(node.operand(0).type.shape, _axes(node))
    yield Call(function, source, Params(params, {**loops, **fields}), (node.operand(0), node.outputs[0]))


def _loops(shape: Shape, axes: set[int]) -> dict[str, Field]:
    """Return the members of `reduction`.

    Raises:
        CannotTranslate: kept and reduced axes take turns more often than the kernels have loops.
    """
    (pixels, pixel_step), (channels, channel_step) = _groups(shape, set(range(len(shape))) - axes)
    (rows, row_step), (columns, column_step) = _groups(shape, axes)
    return {
        "reduction.pixels": pixels,
        "reduction.channels": channels,
        "reduction.pixel_step": pixel_step,
        "reduction.channel_step": channel_step,
        "reduction.window.rows": rows,
        "reduction.window.columns": columns,
        "reduction.window.row_step": row_step,
        "reduction.window.column_step": column_step,
    }


def _groups(shape: Shape, axes: set[int]) -> list[tuple[int, int]]:
    """Return sizes and steps of two loops over axes: neighbours are one, axes of size 1 are none."""
    found: list[tuple[int, int]] = []
    for axis, size in enumerate(shape):
        step = prod(shape[axis + 1 :])
        if axis not in axes or size == 1:
            continue
        if found and found[-1][1] == step * size:
            found[-1] = (found[-1][0] * size, step)
        else:
            found.append((size, step))
    if len(found) > _LOOPS:
        raise CannotTranslate(f"{len(found)} groups of axes are more than the {_LOOPS} loops of the kernel")
    return [(1, 1)] * (_LOOPS - len(found)) + found


def _arg(node: Node) -> Iterator[Call]:
    fields = {**_places(node), "flip": 0 if node.op == "ARG_MAX" else -1}
    params = Params("redsc_arg_max_params_s8", fields)
    yield Call("redsc_arg_max_s8", _SOURCE, params, (node.operand(0), node.outputs[0]))


def _arg_float(node: Node) -> Iterator[Call]:
    fields = {**_places(node), "sign": 1.0 if node.op == "ARG_MAX" else -1.0}
    params = Params("redsc_arg_max_params_f32", fields)
    yield Call("redsc_arg_max_f32", _SOURCE_F32, params, (node.operand(0), node.outputs[0]))


def _places(node: Node) -> dict[str, Field]:
    shape, (axis,) = node.operand(0).type.shape, _axes(node)
    return {"outer": prod(shape[:axis]), "size": shape[axis], "inner": prod(shape[axis + 1 :])}


def _axes(node: Node) -> set[int]:
    data = node.operand(1).data
    assert data is not None
    rank = len(node.operand(0).type.shape)
    return {int(axis) % rank for axis in np.ravel(data)}


def _reduced_elements(node: Node) -> int:
    return prod(node.operand(0).type.shape[axis] for axis in _axes(node))


_EXTREMES = by_type({DType.INT8: _extreme, DType.FLOAT32: _extreme_float})
_PLACES = by_type({DType.INT8: _arg, DType.FLOAT32: _arg_float})

REDUCTIONS: Mapping[str, Emit] = {
    "MEAN": by_type({DType.INT8: _mean, DType.FLOAT32: _mean_float}),
    "SUM": by_type({DType.FLOAT32: _mean_float}),
    "REDUCE_MAX": _EXTREMES,
    "REDUCE_MIN": _EXTREMES,
    "ARG_MAX": _PLACES,
    "ARG_MIN": _PLACES,
}
