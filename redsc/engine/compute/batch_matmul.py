"""The row for products of two matrices, int8 and float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from redsc.engine.call import Call, Emit, Field, Params
from redsc.engine.compute.broadcast import common_axes, loops
from redsc.engine.linear.pack_channels import name_shifts
from redsc.engine.quant import by_type, zero_points
from redsc.ir import DType, Node
from redsc.ir.ops.linear import product_depth
from redsc.ir.rescale import multiplier_of, rescalings

__all__ = ["BATCH_MATMUL"]


def _int8(node: Node) -> Iterator[Call]:
    a, b, y = node.operand(0), node.operand(1), node.outputs[0]
    multiplier, shift = multiplier_of(float(rescalings(node)[0]))
    fields: dict[str, Field] = {
        **_matrices(node),
        "multiplier": multiplier,
        "shift": shift,
        "rescale": _rescale(multiplier, shift, product_depth(node)),
        **zero_points(a=a, b=b, y=y),
    }
    params = Params("redsc_batch_matmul_params_s8", fields)
    yield Call("redsc_batch_matmul_s8", "redsc_batch_matmul.c", params, (a, b, y), takes_scratch=True)


def _float(node: Node) -> Iterator[Call]:
    params = Params("redsc_batch_matmul_params_f32", _matrices(node))
    operands = (node.operand(0), node.operand(1), node.outputs[0])
    yield Call("redsc_batch_matmul_f32", "redsc_batch_matmul_f32.c", params, operands)


def _rescale(multiplier: int, shift: int, depth: int) -> str:
    """Both factors of a product are less a zero point: it counts as two with a weight of int8."""
    no_bias = np.zeros(1, np.int32)
    return name_shifts(no_bias, np.array([multiplier]), np.array([shift]), 2 * depth)


def _matrices(node: Node) -> dict[str, Field]:
    """Return sizes of a product, how both matrices lie, and the loops over batches."""
    a, b, y = (value.type.shape for value in (node.operand(0), node.operand(1), node.outputs[0]))
    (*_, rows, columns), depth, itemsize = y, product_depth(node), node.operand(0).type.dtype.itemsize
    batches = [axis for axis in common_axes((a[:-2], b[:-2]), y[:-2]) if axis.size > 1]
    a_row, a_step = (1, rows) if node.attrs.adj_x else (depth, 1)
    b_column, b_step = (depth, 1) if node.attrs.adj_y else (1, columns)
    return {
        "rows": rows,
        "depth": depth,
        "columns": columns,
        "a_row": a_row,
        "a_step": a_step,
        "b_column": b_column,
        "b_step": b_step,
        **loops("loops", batches, prod(a[-2:]) * itemsize, prod(b[-2:]) * itemsize),
    }


BATCH_MATMUL: Mapping[str, Emit] = {"BATCH_MATMUL": by_type({DType.INT8: _int8, DType.FLOAT32: _float})}
