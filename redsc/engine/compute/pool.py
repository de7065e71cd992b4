"""Rows of the engine's table for pools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redsc.engine.call import Call, Emit, Field, Params
from redsc.engine.quant import by_type, clamp_fields
from redsc.ir import DType, Node
from redsc.ir.ops.windows import axis_padding

__all__ = ["POOLS"]

_FILES = {DType.INT8: ("s8", "redsc_pool.c"), DType.FLOAT32: ("f32", "redsc_pool_f32.c")}


def _pool(kernel: str, dtype: DType) -> Emit:
    suffix, source = _FILES[dtype]

    def emit(node: Node) -> Iterator[Call]:
        fields = {**_geometry(node), **clamp_fields(node.outputs[0], node.attrs.activation)}
        params = Params(f"redsc_pool_params_{suffix}", fields)
        yield Call(f"{kernel}_{suffix}", source, params, (node.operand(0), node.outputs[0]))

    return emit


def _geometry(node: Node) -> dict[str, Field]:
    """Return the members of `pool`."""
    a, (batches, height, width, channels) = node.attrs, node.operand(0).type.shape
    _, out_height, out_width, _ = node.outputs[0].type.shape
    return {
        "pool.batches": batches,
        "pool.height": height,
        "pool.width": width,
        "pool.channels": channels,
        "pool.out_height": out_height,
        "pool.out_width": out_width,
        "pool.filter_height": a.filter_h,
        "pool.filter_width": a.filter_w,
        "pool.stride_height": a.stride_h,
        "pool.stride_width": a.stride_w,
        "pool.pad_top": axis_padding(height, out_height, a.filter_h, a.stride_h, 1, a.padding),
        "pool.pad_left": axis_padding(width, out_width, a.filter_w, a.stride_w, 1, a.padding),
    }


POOLS: Mapping[str, Emit] = {
    op: by_type({dtype: _pool(kernel, dtype) for dtype in _FILES})
    for op, kernel in (("AVERAGE_POOL_2D", "redsc_average_pool"), ("MAX_POOL_2D", "redsc_max_pool"))
}
