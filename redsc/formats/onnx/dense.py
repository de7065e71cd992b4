"""Dense layers and matrix products."""

from __future__ import annotations

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind, source_layout
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.row import OnnxOp, Rows
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, BatchMatMul, FullyConnected, Value

__all__ = ["DENSE_ROWS", "is_dense"]


def is_dense(context: OnnxContext, node: OnnxNode, name: str) -> bool:
    """Whether a node multiplies rows of tensor `name` by constant weights: it can follow any order of columns."""
    constant = context.is_constant(node.input(1)) and context.rank(node.input(1)) == 2
    reads_once = node.input(0) == name and name not in node.inputs[1:]
    return node.op in ("Gemm", "MatMul") and constant and reads_once and not node.get("transA", 0)


def _gemm(context: OnnxContext, node: OnnxNode) -> None:
    source = context.value_as(node.input(0), source_layout(2))
    if node.get("transA", 0):
        source = context.rearrange(source, source.type.shape, (1, 0), source.type.shape[::-1], node.input(0))
    alpha, beta = np.float32(node.get("alpha", 1.0)), np.float32(node.get("beta", 1.0))
    if not context.is_constant(node.input(1)):
        _matrix_product(context, node, source, alpha=float(alpha), beta=float(beta))
        return
    weight = context.floats(node.input(1), "its weights are")
    rows = weight if node.get("transB", 0) else weight.T
    bias = _bias(context, node, len(rows)) * beta
    _dense(context, node, source, rows * alpha, bias)


def _bias(context: OnnxContext, node: OnnxNode, units: int) -> Array:
    """Return Gemm's C as one number per output."""
    if not node.input(2):
        return np.zeros(units, np.float32)
    bias = context.floats(node.input(2), "its bias is")
    if bias.shape not in ((), (1,), (1, 1), (units,), (1, units)):
        raise CannotTranslate(f"its bias has the shape {list(bias.shape)}")
    return np.broadcast_to(bias.reshape(-1), units)


def _dense(context: OnnxContext, node: OnnxNode, source: Value, rows: Array, bias: Array) -> None:
    columns = context.columns.get(node.input(0))
    if columns is not None:
        rows = rows[:, columns]
    context.emit(
        node,
        "FULLY_CONNECTED",
        source,
        context.weight(node.input(1), rows, 0),
        context.weight(node.input(2) or f"{node.output}.bias", bias, 0),
        attrs=FullyConnected(keep_num_dims=len(source.type.shape) > 2),
    )


def _matmul(context: OnnxContext, node: OnnxNode) -> None:
    left, right = node.input(0), node.input(1)
    if context.rank(left) < 2 or context.rank(right) < 2:
        raise CannotTranslate("it multiplies vectors")
    source = context.value_as(left, source_layout(context.rank(left)))
    if context.is_constant(right) and context.rank(right) == 2:
        rows = context.floats(right, "its weights are").T
        _dense(context, node, source, rows, np.zeros(len(rows), np.float32))
        return
    other = context.value_as(right, source_layout(context.rank(right)))
    context.emit(node, "BATCH_MATMUL", source, other, attrs=BatchMatMul())


def _matrix_product(context: OnnxContext, node: OnnxNode, source: Value, *, alpha: float, beta: float) -> None:
    """Multiply two computed matrices."""
    if (alpha, beta) != (1.0, 1.0) and node.input(2):
        raise CannotTranslate("it scales the product of two computed matrices")
    other = context.value_as(node.input(1), source_layout(2))
    attrs = BatchMatMul(adj_y=bool(node.get("transB", 0)))
    if not node.input(2):
        context.emit(node, "BATCH_MATMUL", source, other, attrs=attrs)
        return
    product = context.step(node, "BATCH_MATMUL", source, other, attrs=attrs, part="product")
    context.emit(node, "ADD", product, context.operand(node.input(2), node.output))


DENSE_ROWS: Rows = {
    "Gemm": OnnxOp(_gemm, Kind.RELAYOUT),
    "MatMul": OnnxOp(_matmul, Kind.RELAYOUT),
}
