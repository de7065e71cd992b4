"""Dense layers and matrix products."""

from __future__ import annotations

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind, source_layout
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.row import OnnxOp, Rows
from redsc.ir import Array, BatchMatMul, FullyConnected, Value

__all__ = ["DENSE_ROWS", "is_dense"]


def is_dense(context: OnnxContext, node: OnnxNode, name: str) -> bool:
    """Whether a node multiplies rows of tensor `name` by constant weights: it can follow any order of columns."""
    constant = context.is_constant(node.input(1)) and context.rank(node.input(1)) <= 2
    reads_once = node.input(0) == name and name not in node.inputs[1:]
    return node.op in ("Gemm", "MatMul") and constant and reads_once and not node.get("transA", 0)


def _gemm(context: OnnxContext, node: OnnxNode) -> None:
    """Y = alpha A' B' + beta C: a dense layer where B is constant and C has one number per output."""
    source = context.value_as(node.input(0), source_layout(2))
    if node.get("transA", 0):
        source = context.rearrange(source, source.type.shape, (1, 0), source.type.shape[::-1], node.input(0))
    alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))
    if context.is_constant(node.input(1)):
        weight = context.floats(node.input(1), "its weights are")
        rows = (weight if node.get("transB", 0) else weight.T) * np.float32(alpha)
        bias = _bias(context, node, len(rows))
        product = _dense(context, node, source, rows, None if bias is None else bias * np.float32(beta))
        addend = node.input(2) if bias is None else ""
    else:
        other, attrs = (
            context.value_as(node.input(1), source_layout(2)),
            BatchMatMul(adj_y=bool(node.get("transB", 0))),
        )
        product = context.step(node, "BATCH_MATMUL", source, other, attrs=attrs, part="")
        product = _times(context, node, product, alpha, "scaled")
        addend = node.input(2)
    if addend:
        term = _times(context, node, context.operand(addend, node.output), beta, "term")
        product = context.step(node, "ADD", product, term, part="sum")
    _bind_rows(context, node, product)


def _times(context: OnnxContext, node: OnnxNode, value: Value, factor: float, part: str) -> Value:
    return value if factor == 1 else context.step(node, "MUL", value, factor, part=part)


def _bias(context: OnnxContext, node: OnnxNode, units: int) -> Array | None:
    """Return Gemm's C as one number per output; None where it is something else."""
    if not node.input(2):
        return np.zeros(units, np.float32)
    if not context.is_constant(node.input(2)):
        return None
    bias = context.floats(node.input(2), "its bias is")
    if bias.shape not in ((), (1,), (1, 1), (units,), (1, units)):
        return None
    return np.broadcast_to(bias.reshape(-1), units)


def _dense(context: OnnxContext, node: OnnxNode, source: Value, rows: Array, bias: Array | None) -> Value:
    columns = context.columns.get(node.input(0))
    if columns is not None:
        rows = rows[:, columns]
    name = f"{node.output}.bias" if bias is None else node.input(2) or f"{node.output}.bias"
    numbers = np.zeros(len(rows), np.float32) if bias is None else bias
    return context.step(
        node,
        "FULLY_CONNECTED",
        source,
        context.weight(node.input(1), rows, 0),
        context.weight(name, numbers, 0),
        attrs=FullyConnected(keep_num_dims=len(source.type.shape) > 2),
        part="",
    )


def _matmul(context: OnnxContext, node: OnnxNode) -> None:
    """A vector is a matrix of one row on the left and of one column on the right."""
    left, right = node.input(0), node.input(1)
    source = context.value_as(left, source_layout(context.rank(left)))
    if len(source.type.shape) == 1:
        size = source.type.shape
        source = context.rearrange(source, size, (0,), (1, *size), left)
    if context.is_constant(right) and context.rank(right) <= 2:
        weight = context.floats(right, "its weights are")
        product = _dense(context, node, source, weight.T if weight.ndim == 2 else weight[None, :], None)
    else:
        other = context.value_as(right, source_layout(context.rank(right)))
        if len(other.type.shape) == 1:
            size = other.type.shape
            other = context.rearrange(other, size, (0,), (*size, 1), right)
        product = context.step(node, "BATCH_MATMUL", source, other, attrs=BatchMatMul(), part="")
    _bind_rows(context, node, product)


def _bind_rows(context: OnnxContext, node: OnnxNode, product: Value) -> None:
    """Bind a matrix in the order of the file."""
    order = [axis for axis in context.layouts[node.output] if axis is not None]
    context.arrange(node, product, context.shape(node.output), order)


DENSE_ROWS: Rows = {
    "Gemm": OnnxOp(_gemm, Kind.RELAYOUT),
    "MatMul": OnnxOp(_matmul, Kind.RELAYOUT),
}
